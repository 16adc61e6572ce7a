"""The small parts of the rim, with time passed in: lamps, mailbox, faults, look at the ring, time repair."""

import threading

import numpy as np
import pytest

from drivers.contract import Pattern
from edge.faults import FaultBook, clean
from edge.lamps import Lamp, Lamps
from edge.mailbox import Mailbox, RimDied
from edge.ringwatch import RingWatch
from edge.timerepair import TimeRepair
from ringbuffer.audio_ring import AudioRingWriter, GapReason

NS = 1_000_000_000
BOOT = "ab" * 16


class Clock:
    boot_id = BOOT

    def __init__(self):
        self.now_ns = 100 * NS
        self.is_synced = False

    def mono_ns(self):
        return self.now_ns

    def wall_ns(self):
        return self.now_ns + 10**18

    def synced(self):
        return self.is_synced, 1.0


class Records:
    def __init__(self):
        self.events = []
        self.notes = {}

    def add_event(self, data, wall_ns):
        self.events.append(data)
        return len(self.events)

    def note(self, key):
        return self.notes.get(key)

    def set_note(self, key, value):
        self.notes[key] = value


class Shown:
    def __init__(self):
        self.patterns = []
        self.closed = False

    def show(self, pattern):
        self.patterns.append(pattern)

    def close(self):
        self.closed = True


def test_lamps_acknowledge_their_button_and_show_faults_once():
    all_buttons, red_only = Shown(), Shown()
    lamps = Lamps({"a": Lamp(all_buttons, None), "b": Lamp(red_only, "red")})
    lamps.base(fault=False)
    lamps.base(fault=False)
    lamps.acknowledge("red")
    lamps.acknowledge("kok")
    lamps.base(fault=True)
    assert all_buttons.patterns == [Pattern.READY, Pattern.ACKNOWLEDGED, Pattern.ACKNOWLEDGED, Pattern.FAULT]
    assert red_only.patterns == [Pattern.READY, Pattern.ACKNOWLEDGED, Pattern.FAULT]
    lamps.close()
    assert all_buttons.closed
    assert all_buttons.patterns[-1] is Pattern.OFF


def test_identify_is_shown_again_until_its_time_is_over():
    shown = Shown()
    lamps = Lamps({"a": Lamp(shown, None)})
    lamps.identify(25, 0)
    times = []
    while (due := lamps.next_deadline_ns()) is not None:
        times.append(due)
        lamps.tick(due)
    assert shown.patterns == [Pattern.IDENTIFY] * 3
    assert times == [10 * NS, 20 * NS, 30 * NS]


def test_the_mailbox_keeps_order_and_gives_up_with_the_thread_that_died():
    mailbox = Mailbox()
    for n in range(3):
        mailbox.put(n)
    assert [mailbox.get(0), mailbox.get(0), mailbox.get(0), mailbox.get(0)] == [0, 1, 2, None]
    mailbox.put(4)
    mailbox.die("gpio", ValueError("bad"))
    with pytest.raises(RimDied, match=r"gpio.*bad"):
        mailbox.get(0)


def test_a_flood_is_held_back_and_drivers_are_not():
    mailbox = Mailbox()
    for n in range(500):
        mailbox.put_patiently(n)
    mailbox.put("driver")
    entered, done = threading.Event(), threading.Event()

    def flood():
        entered.set()
        mailbox.put_patiently("late")
        done.set()

    thread = threading.Thread(target=flood)
    thread.start()
    assert entered.wait(5)
    assert not done.is_set()
    taken = [mailbox.get(0) for _ in range(501)]
    assert taken == [*range(500), "driver"]
    assert mailbox.get(5) == "late"
    thread.join(5)
    for n in range(500):
        mailbox.put(n)
    mailbox.close()
    mailbox.put_patiently("nobody listens any more")


def test_a_fault_is_an_event_when_it_begins_and_when_it_ends_also_over_a_restart():
    records, clock = Records(), Clock()
    book = FaultBook(records, clock)
    assert book.set("device_lost", "usb", active=True, detail="unplugged")
    assert not book.set("device_lost", "usb", active=True, detail="still")
    assert book.active == ("device_lost usb: unplugged",)
    again = FaultBook(records, clock)
    assert again.active == book.active
    assert again.set("device_lost", "usb", active=False, detail="back")
    assert not FaultBook(records, clock).active
    assert [(event.name, event.active) for event in records.events] == [("device_lost", True), ("device_lost", False)]


def test_the_fault_of_a_device_that_is_not_configured_any_more_ends():
    records, clock = Records(), Clock()
    book = FaultBook(records, clock)
    for device in ("usb:old", "usb:kept"):
        book.set("device_lost", device, active=True, detail="unplugged")
    book.set("journal", "csv", active=True, detail="full")
    book.end_others("device_lost", {"usb:kept"})
    assert book.active == ("device_lost usb:kept: unplugged", "journal csv: full")
    assert not records.events[-1].active


def test_foreign_text_is_made_fit_for_the_wire():
    assert clean("a\x00b\nc") == "a b c"
    assert len(clean("x" * 1000)) == 500


def test_time_is_repaired_once_a_boot_and_again_after_a_crash_before_the_note():
    records, clock, repaired = Records(), Clock(), []
    watch = TimeRepair(records, clock, repaired.append)
    assert not watch.tick()
    clock.is_synced = True
    assert watch.tick()
    assert not watch.tick()
    assert repaired == records.events
    assert not TimeRepair(records, clock, repaired.append).tick()
    records.notes.clear()
    assert TimeRepair(records, clock, repaired.append).tick()


@pytest.fixture
def ring(tmp_path):
    with AudioRingWriter(
        tmp_path / "ring",
        rate_hz=16000,
        channels=1,
        depth_s=60,
        period_frames=320,
        boot_id=BOOT,
        source="test",
        simulated=True,
    ) as writer:
        yield writer


def play(ring, clock, seconds, level=0):
    for _ in range(seconds * 50):
        clock.now_ns += NS // 50
        ring.append(np.full(320, level, np.int16), clock.now_ns, 0)


def watch_of(tmp_path, clock, records):
    faults = FaultBook(records, clock)
    return RingWatch(tmp_path / "ring", 2000, records, faults, clock), faults


def names(records):
    return [(event.name, event.active) for event in records.events]


def test_an_absent_ring_is_a_fault_after_a_grace_and_ends_when_sound_comes(tmp_path):
    clock, records = Clock(), Records()
    watch, faults = watch_of(tmp_path, clock, records)
    watch.tick(clock.now_ns + 4 * NS)
    assert watch.health(clock.now_ns) is None
    assert watch.oldest_ns() is None
    assert not records.events
    watch.tick(clock.now_ns + 6 * NS)
    watch.tick(clock.now_ns + 7 * NS)
    assert names(records) == [("sound_absent", True)]
    clock.now_ns += 10 * NS
    with AudioRingWriter(
        tmp_path / "ring",
        rate_hz=16000,
        channels=1,
        depth_s=60,
        period_frames=320,
        boot_id=BOOT,
        source="t",
        simulated=True,
    ) as ring:
        play(ring, clock, 1)
        watch.tick(clock.now_ns)
    assert names(records)[1:] == [("sound_absent", False)]
    assert not faults.active
    watch.close()


def test_a_standing_stream_is_a_fault_and_a_silent_room_is_none(tmp_path, ring):
    clock, records = Clock(), Records()
    play(ring, clock, 8)
    watch, _ = watch_of(tmp_path, clock, records)
    clock.now_ns += 0
    watch.tick(clock.now_ns + 1 * NS)
    assert not records.events
    health = watch.health(clock.now_ns)
    assert (health.running, health.peak_dbfs, health.unexplained_frames) == (True, -100.0, 0)
    later = clock.now_ns + 6 * NS
    watch.tick(later)
    assert names(records) == [("sound_stalled", True)]
    stalled = watch.health(later)
    assert (stalled.running, stalled.stalled_ms, stalled.rms_dbfs) == (False, 6000, None)
    watch.close()


def test_a_ring_of_an_earlier_boot_is_no_sound(tmp_path, ring):
    clock, records = Clock(), Records()
    play(ring, clock, 8)
    clock.boot_id = "cd" * 16
    watch, _ = watch_of(tmp_path, clock, records)
    watch.tick(clock.now_ns + 6 * NS)
    assert names(records) == [("sound_absent", True)]
    assert watch.health(clock.now_ns) is None
    watch.close()


def test_gaps_are_told_together_once_a_minute_and_not_again_after_a_restart(tmp_path, ring):
    clock, records = Clock(), Records()
    watch, _ = watch_of(tmp_path, clock, records)
    play(ring, clock, 3)
    for _ in range(4):
        ring.gap(GapReason.OVERRUN, clock.now_ns, clock.now_ns + NS // 10)
        clock.now_ns += NS // 10
        play(ring, clock, 1)
        watch.tick(clock.now_ns)
    assert [(event.name, event.lost_frames) for event in records.events] == [("gap_overrun", 1600)]
    watch.tick(clock.now_ns)
    clock.now_ns += 0
    watch.close()
    again, _ = watch_of(tmp_path, clock, records)
    again.tick(clock.now_ns)
    again.tick(clock.now_ns)
    assert [event.lost_frames for event in records.events] == [1600, 4800]
    assert "3 gap(s)" in records.events[1].detail
    assert ring.stats().lost_frames == 6400
    again.close()
