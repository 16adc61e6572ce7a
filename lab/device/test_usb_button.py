"""A USB button comes and goes: its name stays, nobody's press is made up, and what goes wrong is told."""

from pathlib import Path

from lab.device.counter import BEFORE_S, sound
from lab.device.evidence import OFFSET_MS_MAX
from lab.device.gadget import USAGE_ENTER, Keypad
from lab.device.loopback import Playing
from lab.device.waiting import run, wait_until

BACK_S_MAX = 2.0


def present(counter):
    return counter.box.state()["health"]["devices"].get(f"usb:{counter.keypad.by_id}")


def test_a_button_that_is_unplugged_is_a_fault_and_works_again_when_it_is_back(counter, say, figure):
    wait_until(lambda: present(counter), "the box has the button")
    down = counter.keypad.key_down(USAGE_ENTER)
    counter.press_of(down, "appeal")
    gone_ns = counter.keypad.unplug()
    lost = counter.fault("device_lost", active=True, since_ns=gone_ns)
    say(f"told: {lost.device}: {lost.detail}")
    assert not counter.keypad.by_id.exists()
    (contact,) = (contact for contact in counter.box.state()["contacts"] if contact["button"] == "appeal")
    say(f"its contact: {contact}")
    assert not contact["down"], "a button that is gone is held down by nobody"
    doctor = run("/opt/earshot/bin/earshot", "doctor", check=False)
    assert f"{counter.keypad.by_id} is not there" in doctor.stdout
    back_ns = counter.keypad.plug()
    found = counter.fault("device_lost", active=False, since_ns=gone_ns)
    say(f"told {(found.stamp.mono_ns - back_ns) / 1e9:+.2f} s after udev had named it: {found.detail}")
    figure("USB button used after udev has named it", (found.stamp.mono_ns - back_ns) / 1e9, "s")
    assert (found.stamp.mono_ns - back_ns) / 1e9 <= BACK_S_MAX
    with Playing(sound(60, seed=21)) as playing:
        playing.wait_for(BEFORE_S + 1)
        touch = counter.touch_appeal()
        press, _, measured = counter.heard(touch, "appeal", playing)
    say(measured)
    assert (measured.gaps, press.source) == ((), "usb")
    assert abs(measured.offset_ms) <= OFFSET_MS_MAX


def test_each_socket_has_a_name_of_its_own_for_buttons_of_one_make(counter, say):
    """Two that are alike to the last letter share one name of what they are; by the socket both are found."""
    with Keypad(1, "Twin", "SAME") as first, Keypad(2, "Twin", "SAME"):
        names = sorted(Path("/dev/input/earshot").iterdir())
        devices = {name.resolve() for name in names}
        say("\n".join(f"{name} -> {name.resolve()}" for name in names))
        assert len(devices) == len(names) == 3
        socket = first.by_socket
        assert socket in names
        first.unplug()
        wait_until(lambda: not socket.exists(), "udev takes the name away")
        first.plug()
        assert wait_until(socket.exists, "udev gives the same name again")


def test_a_button_types_nowhere_else_and_never_switches_the_machine_off(counter, say):
    said = run("udevadm", "info", "--query=property", str(counter.keypad.event_device)).stdout
    say(said)
    assert "power-switch" not in said.split("CURRENT_TAGS=")[-1].splitlines()[0]
    group = counter.keypad.event_device.group()
    mode = oct(counter.keypad.event_device.stat().st_mode & 0o777)
    assert (group, mode) == ("input", "0o660")
    # EVIOCGRAB of somebody else fails while the box holds it.
    grab = run(
        "/opt/earshot/bin/python",
        "-c",
        f"import evdev; evdev.InputDevice({str(counter.keypad.event_device)!r}).grab()",
        check=False,
    )
    assert "Device or resource busy" in grab.stderr
