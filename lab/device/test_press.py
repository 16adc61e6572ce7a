"""A press on real lines and keys becomes a track that holds the very sound of that moment."""

import csv
import json
import subprocess
from pathlib import Path

from lab.device.board import LampWatch
from lab.device.counter import AFTER_S, APPEAL_LAMP, BEFORE_S, RED_LAMP, sound
from lab.device.evidence import OFFSET_MS_MAX
from lab.device.gadget import USAGE_SPACE, Keypad
from lab.device.installation import DATA, EARSHOT
from lab.device.loopback import RATE_HZ, Playing
from lab.device.waiting import wait_until

# What a press of 0.1 s is: a stamp of the kernel, hence as exact as the two readings around the write.
GPIO_STAMP_MS_MAX = 1.0
USB_STAMP_MS_MAX = 10.0


def check_whole(manifest, measured):
    assert not manifest.partial
    assert measured.gaps == ()
    assert measured.exact_frames == measured.frames
    assert abs(measured.frames - (BEFORE_S + AFTER_S) * RATE_HZ) <= 0.001 * measured.frames
    assert abs(measured.offset_ms) <= OFFSET_MS_MAX
    assert abs(measured.offset_ms) <= manifest.align_error_ms
    assert not manifest.simulated


def test_a_gpio_press_brings_the_sound_of_its_moment_and_lights_the_lamp(counter, say, figure):
    with Playing(sound(60, seed=1)) as playing, LampWatch(counter.board, RED_LAMP) as lamp:
        playing.wait_for(BEFORE_S + 1)
        touch = counter.touch_red()
        press, manifest, measured = counter.heard(touch, "red", playing)
        wait_until(lambda: lamp.longest_s(touch.before_ns) > 0.5, "the lamp has shone and is out")
    lit_s = lamp.longest_s(touch.before_ns)
    lit_after_ms = (max(lamp.shone, key=lambda times: times[1] - times[0])[0] - touch.after_ns) / 1e6
    stamp_ms = touch.off_ms(press.stamp.mono_ns)
    say(f"{measured}; stamp off by {stamp_ms:+.3f} ms; bound {manifest.align_error_ms:.3f} ms")
    say(f"the touch took {touch.length_ms:.3f} ms")
    say(f"the lamp shone for {lit_s:.2f} s")
    figure("error of a GPIO press's offset", measured.offset_ms, "ms")
    figure("error of a GPIO press's stamp", stamp_ms, "ms")
    figure("finger to lamp", lit_after_ms, "ms")
    check_whole(manifest, measured)
    assert touch.length_ms <= GPIO_STAMP_MS_MAX
    assert abs(stamp_ms) <= GPIO_STAMP_MS_MAX
    assert (press.source, press.simulated, press.rating, press.misuse) == ("gpio", False, 1, False)
    assert 0.8 < lit_s < 1.5


def test_a_usb_press_brings_the_sound_of_its_moment_and_lights_its_lamp(counter, say, figure):
    with Playing(sound(60, seed=2)) as playing, LampWatch(counter.board, APPEAL_LAMP) as lamp:
        playing.wait_for(BEFORE_S + 1)
        touch = counter.touch_appeal()
        press, manifest, measured = counter.heard(touch, "appeal", playing)
        wait_until(lambda: lamp.longest_s(touch.before_ns) > 0.5, "the lamp has shone and is out")
    stamp_ms = touch.off_ms(press.stamp.mono_ns)
    say(f"{measured}; stamp off by {stamp_ms:+.3f} ms; bound {manifest.align_error_ms:.3f} ms")
    figure("error of a USB press's offset", measured.offset_ms, "ms")
    figure("error of a USB press's stamp", stamp_ms, "ms")
    check_whole(manifest, measured)
    assert 0 <= stamp_ms <= USB_STAMP_MS_MAX
    assert (press.source, press.employee) == ("usb", "Anna Petrova")


def test_a_contact_that_bounces_makes_one_press(counter, say):
    before = len(counter.box.state()["presses"])
    touch = counter.board.close_contact(17)
    for _ in range(4):
        counter.board.open_contact(17)
        counter.board.close_contact(17)
    counter.board.open_contact(17)
    press = counter.press_of(touch, "red")
    bounces = wait_until(
        lambda: next(p["bounces"] for p in counter.box.state()["presses"] if p["id"] == press.id), "bounces are counted"
    )
    say(f"one press, {bounces} bounces, stamp off by {touch.off_ms(press.data.stamp.mono_ns):+.3f} ms")
    assert len(counter.box.state()["presses"]) == min(before + 1, 20)
    assert bounces == 4
    assert abs(touch.off_ms(press.data.stamp.mono_ns)) <= GPIO_STAMP_MS_MAX


def test_presses_whose_windows_overlap_have_a_whole_track_each(counter, say):
    with Playing(sound(60, seed=3)) as playing:
        playing.wait_for(BEFORE_S + 1)
        red = counter.touch_red()
        appeal = counter.touch_appeal()
        heard = [counter.heard(red, "red", playing), counter.heard(appeal, "appeal", playing)]
    for _, manifest, measured in heard:
        say(measured)
        check_whole(manifest, measured)
    assert len({manifest.track for _, manifest, _ in heard}) == 2


def test_the_local_journal_holds_every_press(counter, say):
    touch = counter.touch_red()
    press = counter.press_of(touch, "red")
    files = sorted((DATA / "journal").glob("*.csv"))
    rows = [row for file in files for row in csv.reader(file.read_text("utf-8-sig").splitlines(), delimiter=";")]
    named = [row for row in rows if press.id in row]
    say(f"{len(rows) - len(files)} presses in {len(files)} file(s)")
    assert len(named) == 1


def test_learn_names_a_usb_button_as_the_configuration_wants_it(counter, say):
    with Keypad(1, "Pedal", "LAB2") as pedal:
        learning = subprocess.Popen(
            [EARSHOT, "learn", "--name", "pedal"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert learning.stderr is not None
        wait_until(lambda: "Press the button" in learning.stderr.readline(), "earshot learn waits")
        # It opens the devices after it has said so.
        fds = f"/proc/{learning.pid}/fd"

        def watching():
            return any(fd.resolve() == pedal.event_device for fd in Path(fds).iterdir())

        wait_until(watching, "earshot learn has opened the pedal")
        pedal.key_down(USAGE_SPACE)
        pedal.key_up()
        said, _ = learning.communicate(timeout=60)
    say(said)
    assert f'device = "{pedal.by_id}"' in said
    assert 'key = "KEY_SPACE"' in said


def test_lines_about_a_press_are_found_in_the_journal_by_its_fields(counter, say):
    touch = counter.touch_red()
    press = counter.press_of(touch, "red")
    counter.track_of(press)

    def told():
        about_press = counter.box.log(f"EARSHOT_PRESS={press.id}")
        about_track = counter.box.log(f"EARSHOT_TRACK={press.data.track}")
        return (about_press, about_track) if len(about_track) >= len(("press", "finished", "delivered")) else None

    about_press, about_track = wait_until(told, "the journal has the lines of press and track")
    for record in about_press:
        say(json.dumps({name: record[name] for name in record if name.startswith("EARSHOT_")}), record["MESSAGE"])
    assert {record["EARSHOT_BOX"] for record in about_press + about_track} == {"lab/counter-1"}
    assert {record["_SYSTEMD_UNIT"] for record in about_press} == {"earshot-box.service"}
    assert {record["SYSLOG_IDENTIFIER"] for record in about_press} == {"earshot-box"}
    assert all(record["EARSHOT_PRESS"] == press.id for record in about_track)
