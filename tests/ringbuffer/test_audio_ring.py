"""The sound ring: blocks and gaps in, cuts out."""

import math

import numpy as np
import pytest
from simulated_card import ALL, START_NS, Card

from ringbuffer import (
    AudioRing,
    AudioRingWriter,
    GapReason,
    NotYet,
    Overwritten,
    RingDamaged,
    RingInUse,
    RingTooLarge,
    SlotRingWriter,
)
from ringbuffer.layout import HEADER_BYTES
from ringbuffer.memory import Room

T0 = 3_000_000_000_000
FRAME_NS = 62_500
PERIOD_NS = 320 * FRAME_NS
SECOND_NS = 1_000_000_000
PLENTY = Room(10**10, 10**10)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audio.ring"


def open_writer(path, **changes):
    settings = {"boot_id": "boot", "source": "test", "simulated": True, "depth_s": 10, "room": lambda _: PLENTY}
    return AudioRingWriter(path, **settings | changes)


def sound(first_frame, count):
    """Samples that tell their frame."""
    return (np.arange(first_frame, first_frame + count) % 30011).astype(np.int16)


def record(writer, first_frame, blocks, *, t0=T0, number=None):
    """Exact blocks; `number` is what the sound tells as its first frame."""
    number = first_frame if number is None else number
    for at in range(0, blocks * 320, 320):
        writer.append(sound(number + at, 320), t0 + (first_frame + at + 320) * FRAME_NS, 0)


def ns(frame):
    return T0 + frame * FRAME_NS


def test_a_cut_is_the_sound_of_its_window(path):
    with open_writer(path) as writer:
        record(writer, 0, 300)
        ring = AudioRing(path)
        cut = ring.cut(ns(1234), ns(70001))
        assert (cut.samples == sound(1234, 70001 - 1234)).all()
        assert cut.samples.dtype == np.int16
        assert (cut.first_frame, cut.gaps, cut.rate_hz, cut.simulated) == (1234, (), 16000, True)
        assert (cut.start_ns, cut.end_ns) == (ns(1234), ns(70001))
        assert cut.align_error_ns <= 20_000
        assert cut.generation == ring.generation
        rest = ring.cut_frames(70001, 5000)
        assert (rest.samples == sound(70001, 5000)).all()
        assert (ring.newest_ns(), ring.oldest_ns()) == (ns(96000), ns(0))


def test_channels_stay_apart(path):
    with open_writer(path, channels=2) as writer:
        for at in range(0, 6400, 320):
            block = np.stack((sound(at, 320), -sound(at, 320)), axis=1)
            writer.append(block, ns(at + 320), 0)
        cut = AudioRing(path).cut_frames(100, 4000)
        assert (cut.samples == np.stack((sound(100, 4000), -sound(100, 4000)), axis=1)).all()
        with pytest.raises(ValueError, match="shape"):
            writer.append(sound(0, 320), ns(0), 0)


@pytest.mark.parametrize("size", [1, 17, 319, 320, 321, 640, 5000])
def test_blocks_of_any_size(path, size):
    with open_writer(path) as writer:
        for at in range(0, 20 * size, size):
            writer.append(sound(at, 2 * size)[:size], ns(at + size), 0)
        cut = AudioRing(path).cut_frames(0, 20 * size)
        assert (cut.samples == sound(0, 20 * size)).all()
        assert cut.gaps == ()
        assert cut.end_ns == ns(20 * size)
        writer.append(sound(0, 0), ns(0), 0)
        writer.append(sound(0, 2 * size)[::2], ns(21 * size), 0)
        assert (AudioRing(path).cut_frames(20 * size, size).samples == sound(0, 2 * size)[::2]).all()


def test_what_append_refuses(path):
    with open_writer(path) as writer:
        with pytest.raises(TypeError, match="int16"):
            writer.append(np.zeros(320, np.float32), ns(320), 0)
        with pytest.raises(ValueError, match="shape"):
            writer.append(np.zeros((320, 2), np.int16), ns(320), 0)
        with pytest.raises(ValueError, match="negative"):
            writer.append(sound(0, 320), ns(320), -1)
        assert writer.newest_seq == 0
    with pytest.raises(ValueError, match="at least 1"):
        open_writer(path, rate_hz=0)


def test_not_yet_says_what_there_is_and_that_can_be_cut(path):
    with open_writer(path) as writer:
        ring = AudioRing(path)
        assert ring.newest_ns() is None
        assert ring.oldest_ns() is None
        with pytest.raises(NotYet, match="nothing is captured yet") as nothing:
            ring.cut(ns(0), ns(100))
        assert nothing.value.available_until_ns is None
        with pytest.raises(NotYet):
            ring.frame_at(ns(0))
        record(writer, 0, 10)
        for attempt in (lambda: ring.cut(ns(100), ns(3300)), lambda: ring.cut_frames(100, 3200)):
            with pytest.raises(NotYet, match=r"6\.2 ms too little") as caught:
                attempt()
            assert caught.value.available_until_ns == ns(3200)
        assert (ring.cut(ns(100), ns(3200)).samples == sound(100, 3100)).all()


def test_overwritten_says_what_is_left_and_that_can_be_cut(path):
    with open_writer(path, depth_s=2) as writer:
        record(writer, 0, 600)
        ring = AudioRing(path)
        for attempt in (lambda: ring.cut(ns(0), ns(1000)), lambda: ring.cut_frames(0, 1000)):
            with pytest.raises(Overwritten, match="overwritten") as caught:
                attempt()
            left = caught.value.available_from_ns
            assert left == ring.oldest_ns()
            assert ns(600 * 320) - left > 2 * SECOND_NS
            # It can still be cut when the writer has gone on for a while.
            record(writer, writer.stats().captured_frames, 8)
            first = (left - T0) // FRAME_NS
            assert (ring.cut(left, left + 1000 * FRAME_NS).samples == sound(first, 1000)).all()


@pytest.mark.parametrize("depth_s", [1, 3, 10])
def test_the_promised_depth_is_held(path, depth_s):
    with open_writer(path, depth_s=depth_s) as writer:
        record(writer, 0, depth_s * 50 * 3)
        end = ns(depth_s * 50 * 3 * 320)
        cut = AudioRing(path).cut(end - depth_s * SECOND_NS, end)
        assert len(cut.samples) == depth_s * 16000
        assert cut.gaps == ()


def test_before_the_first_sound_there_was_nothing(path):
    with open_writer(path) as writer:
        record(writer, 0, 100)
        cut = AudioRing(path).cut(ns(-800), ns(800))
        assert cut.first_frame == -800
        assert not cut.samples[:800].any()
        assert (cut.samples[800:] == sound(0, 800)).all()
        assert [(g.first_frame, g.frames, g.reason, g.start_ns, g.end_ns) for g in cut.gaps] == [
            (-800, 800, GapReason.ABSENT, ns(-800), ns(0))
        ]


def test_windows_that_make_no_sense(path):
    with open_writer(path) as writer:
        record(writer, 0, 100)
        ring = AudioRing(path)
        for attempt in (
            lambda: ring.cut(ns(10), ns(10)),
            lambda: ring.cut(ns(10), ns(9)),
            lambda: ring.cut(ns(0), ns(0) + 11 * SECOND_NS),
            lambda: ring.cut_frames(0, 0),
            lambda: ring.cut_frames(0, 10**9),
        ):
            with pytest.raises(ValueError, match="empty or longer"):
                attempt()


def test_named_gaps_shift_nothing(path):
    """A device that is absent at first, overruns, and goes away for good."""
    with open_writer(path) as writer:
        writer.gap(GapReason.ABSENT, ns(0), ns(8000))
        writer.gap(GapReason.ABSENT, ns(8000), ns(16000))
        record(writer, 16000, 50)
        writer.gap(GapReason.OVERRUN, ns(32000), ns(33000))
        record(writer, 34000, 50)  # It took longer than the driver thought.
        writer.gap(GapReason.DISCONNECT, ns(50000), ns(60000))
        ring = AudioRing(path)
        assert ring.newest_ns() == ns(60000)
        cut = ring.cut(ns(100), ns(60000))
        assert [(gap.first_frame, gap.frames, gap.reason) for gap in cut.gaps] == [
            (100, 7900, GapReason.ABSENT),
            (8000, 8000, GapReason.ABSENT),
            (32000, 1000, GapReason.OVERRUN),
            (33000, 1000, GapReason.OVERRUN),
            (50000, 10000, GapReason.DISCONNECT),
        ]
        assert [(gap.start_ns, gap.end_ns) for gap in cut.gaps] == [
            (ns(gap.first_frame), ns(gap.first_frame + gap.frames)) for gap in cut.gaps
        ]
        expected = sound(100, 59900)
        for first, end in ((0, 16000), (32000, 34000), (50000, 60000)):
            expected[max(0, first - 100) : end - 100] = 0
        assert (cut.samples == expected).all()
        stats = writer.stats()
        assert (stats.captured_frames, stats.lost_frames) == (32000, 28000)
        assert stats.unexplained_frames == 0
        numbered = ring.gaps_since(0)
        assert [gap.reason for _, gap in numbered][-1] == GapReason.DISCONNECT
        assert ring.gaps_since(numbered[1][0]) == numbered[2:]
        assert ring.gaps_since(ring.newest_seq) == []


def test_a_restarted_ear_leaves_a_named_gap(path):
    with open_writer(path) as writer:
        record(writer, 0, 60)
    ring = AudioRing(path)
    with open_writer(path) as writer:
        record(writer, 30000, 60)
        cut = ring.cut(ns(0), ns(40000))
        assert [(gap.first_frame, gap.frames, gap.reason) for gap in cut.gaps] == [(19200, 10800, GapReason.RESTART)]
        assert (cut.samples[30000:] == sound(30000, 10000)).all()
        assert writer.stats().lost_frames == 10800
    with open_writer(path) as writer:
        # The device is away when the ear is back.
        writer.gap(GapReason.ABSENT, ns(60000), ns(61000))
        record(writer, 61000, 10)
        cut = ring.cut(ns(49000), ns(62000))
        assert [(gap.first_frame, gap.frames, gap.reason) for gap in cut.gaps] == [
            (49200, 10800, GapReason.RESTART),
            (60000, 1000, GapReason.ABSENT),
        ]
    with open_writer(path) as writer:
        # So quick that nothing is missing: still another stretch.
        record(writer, 64200, 10)
        assert ring.gaps_since(0)[-1][1].frames == 0
        cut = ring.cut(ns(63000), ns(65000))
        assert cut.gaps == ()
        assert (cut.samples == sound(63000, 2000)).all()


def test_another_configuration_is_another_ring(path):
    with open_writer(path) as writer:
        record(writer, 0, 60)
    ring = AudioRing(path)
    before = ring.generation
    for change in ({"simulated": False}, {"boot_id": "next"}, {"rate_hz": 8000}, {"source": "other"}):
        with open_writer(path, **change) as writer:
            assert writer.newest_seq == 0
            assert ring.newest_ns() is None
            writer.append(sound(0, 320), ns(320), 0)
            cut = ring.cut_frames(0, 320)
            assert cut.generation == ring.generation != before
            assert cut.simulated == change.get("simulated", True)
            assert cut.rate_hz == change.get("rate_hz", 16000)
            before = ring.generation


def test_a_reader_keeps_the_same_account_as_the_ear(path):
    with open_writer(path) as writer:
        ring = AudioRing(path)
        assert ring.boot_id == "boot"
        record(writer, 0, 100)
        writer.gap(GapReason.OVERRUN, ns(32000), ns(33000))
        assert ring.stats() == writer.stats()
        record(writer, 33000, 700)
        assert ring.stats() == writer.stats()
        assert ring.stats().captured_frames == 800 * 320
        assert ring.stats().lost_frames == 1000


def test_two_ears_are_refused(path):
    with open_writer(path), pytest.raises(RingInUse):
        open_writer(path)


def test_a_depth_that_memory_cannot_hold_is_refused_with_the_arithmetic(path):
    with pytest.raises(RingTooLarge) as caught:
        open_writer(path, depth_s=1800, room=lambda _: Room(60_000_000, 10**9))
    message = str(caught.value)
    assert "30 min x 16000 Hz x 2 B = 57.6 MB of sound, 64.1 MB with headers" in message
    assert "free on the file system 60.0 MB, available memory 1000.0 MB" in message
    most_s = int(message.rsplit(" ", 1)[1])
    open_writer(path, depth_s=most_s, room=lambda _: Room(60_000_000, 10**9)).close()
    assert path.stat().st_size > 0.97 * 0.8 * 60_000_000
    path.unlink()
    with pytest.raises(RingTooLarge, match="no depth fits"):
        open_writer(path, room=lambda _: Room(50_000, 50_000))


def test_a_damaged_slot_is_a_gap_and_never_wrong_sound(path):
    with open_writer(path) as writer:
        record(writer, 0, 100)
    slot_bytes = 704
    for block, at in ((50, 100), (51, 66), (70, 33), (70, 16), (99, 0), (0, 8)):
        data = bytearray(path.read_bytes())
        data[HEADER_BYTES + block * slot_bytes + at] ^= 0x40
        path.write_bytes(data)
    cut = AudioRing(path).cut(ns(0), ns(99 * 320))
    assert [(gap.first_frame, gap.frames, gap.reason) for gap in cut.gaps] == [
        (0, 320, GapReason.TORN),
        (50 * 320, 640, GapReason.TORN),
        (70 * 320, 320, GapReason.TORN),
    ]
    expected = sound(0, 99 * 320)
    for gap in cut.gaps:
        expected[gap.first_frame : gap.first_frame + gap.frames] = 0
    assert (cut.samples == expected).all()
    with open_writer(path) as writer:
        record(writer, 32000, 10)
        assert (AudioRing(path).cut_frames(32000, 320).samples == sound(32000, 320)).all()


def test_a_writer_that_overtakes_the_cut_is_noticed(path):
    with open_writer(path, depth_s=1) as writer:
        record(writer, 0, 100)
        ring = AudioRing(path)
        table = ring._table()

        class Overtaking:
            blocks = 100

            def __getitem__(self, key):
                data = bytes(real[key])
                if len(data) > 704:
                    record(writer, self.blocks * 320, 300)
                    self.blocks += 300
                return data

        real, table._bytes = table._bytes, Overtaking()
        with pytest.raises(Overwritten):
            ring.cut(ns(8000), ns(20000))


def test_liveness_is_of_the_stream(path):
    with open_writer(path) as writer:
        ring = AudioRing(path)
        assert ring.stalled_for_ns(ns(0)) is None
        record(writer, 0, 10)
        assert ring.stalled_for_ns(ns(3200) + 5) == 5
        assert ring.stalled_for_ns(ns(0)) == 0
        for second in range(400):
            writer.gap(GapReason.ABSENT, ns(3200 + second * 320), ns(3520 + second * 320))
        assert ring.stalled_for_ns(ns(200_000)) == 196_800 * FRAME_NS


def test_level_of_the_newest_sound(path):
    with open_writer(path) as writer:
        ring = AudioRing(path)
        assert ring.level(100) == (-100.0, -100.0)
        tone = (16384 * np.sin(np.arange(16000) * 2 * math.pi * 1000 / 16000)).astype(np.int16)
        writer.append(tone, ns(16000), 0)
        peak, rms = ring.level(200)
        assert peak == pytest.approx(-6.02, abs=0.01)
        assert rms == pytest.approx(-9.03, abs=0.01)
        writer.append(np.zeros(4000, np.int16), ns(20000), 0)
        assert ring.level(200) == (-100.0, -100.0)
        writer.append(np.full(320, -32768, np.int16), ns(20320), 0)
        assert ring.level(10)[0] == 0.0


def test_a_ring_of_something_else_is_refused(path):
    SlotRingWriter(path, payload_bytes=64, slots=4, boot_id="boot", metadata={"content": "faces"}).close()
    with pytest.raises(RingDamaged, match="holds no sound"):
        AudioRing(path)


def test_a_silently_lost_period_shows_in_the_stats(path):
    with open_writer(path, depth_s=60) as writer:
        card = Card(3, 2000, 120, ALL["alsa"], drops=(900,))
        for end, stamp in zip(card.frames.tolist(), card.mono_ns.tolist(), strict=True):
            writer.append(sound(end - 320, 320), stamp, card.uncertainty_ns)
        stats = writer.stats()
        assert stats.unexplained_frames == pytest.approx(320, abs=5)
        assert stats.resolution_frames < 50
        assert stats.drift_ppm == pytest.approx(-120, abs=5)


@pytest.mark.parametrize("kind", sorted(ALL))
@pytest.mark.parametrize("ppm", [-200, 200])
def test_the_right_sound_of_the_right_moment(path, kind, ppm):
    """Drift, jitter, overruns that the driver misjudges, a restart: any sample's true time is within the claim."""
    jitter, rng = ALL[kind], np.random.default_rng(17)
    writer = open_writer(path, depth_s=60)
    card = Card(rng.integers(1000), 2500, ppm, jitter)
    breaks = {400: GapReason.OVERRUN, 1100: GapReason.RESTART, 1110: GapReason.SUSPEND, 1800: GapReason.STALLED}
    skipped = 0
    for block, (end, stamp) in enumerate(zip(card.frames.tolist(), card.mono_ns.tolist(), strict=True)):
        if block in breaks:
            skipped = int(rng.integers(1, 12))
            if breaks[block] is GapReason.RESTART:
                writer.close()
                writer = open_writer(path, depth_s=60)
            else:
                told = stamp + int(rng.integers(-30_000_000, skipped * 20_000_000))
                writer.gap(breaks[block], stamp - 20_000_000, told)
        if skipped:
            skipped -= 1
            continue
        writer.append(sound(end - 320, 320), stamp, jitter.uncertainty_ns)
    with writer:
        ring = AudioRing(path)
        end_ns = ring.newest_ns()
        cut = ring.cut(max(START_NS, ring.oldest_ns()), end_ns)
        assert {gap.reason for gap in cut.gaps} == set(breaks.values())
        silent = np.zeros(len(cut.samples), bool)
        for gap in cut.gaps:
            silent[gap.first_frame - cut.first_frame :][: gap.frames] = True
        checked = 0
        for press_ns in rng.integers(cut.start_ns, end_ns, 200).tolist():
            frame, error_ns = ring.frame_at(press_ns)
            at = round(frame) - cut.first_frame
            if not 0 <= at < len(silent) or silent[at]:
                continue
            near = round((press_ns - START_NS) / (1e9 / 16000 * (1 + ppm * 1e-6)))
            told = near + (int(cut.samples[at]) - near + 15000) % 30011 - 15000
            true_error_ns = abs(card.true_ns(told) - press_ns) - FRAME_NS / 2
            assert true_error_ns <= error_ns + 3
            assert true_error_ns <= cut.align_error_ns + 3
            checked += 1
        assert checked > 150
