"""`earshot learn`: a key press becomes configuration that loads."""

import io
import tomllib

import pytest
from evdev import ecodes
from fake_input import FakeInput

from drivers.contract import DeviceLost, DriverError
from edge.config import decode
from edge.learn import button_toml, learn


@pytest.fixture
def input_dir(tmp_path):
    (tmp_path / "by-id").mkdir()
    for number, name in ((3, "usb-Keyboard-event-kbd"), (4, "usb-Switch-event-kbd")):
        (tmp_path / f"event{number}").touch()
        (tmp_path / "by-id" / name).symlink_to(f"../event{number}")
    return tmp_path


def test_the_key_that_was_pressed_is_written_with_its_stable_device(input_dir):
    devices = {"event3": FakeInput([]), "event4": FakeInput([])}
    devices["event3"].key(ecodes.KEY_Q, 0)
    devices["event4"].key(ecodes.KEY_KPENTER, 1)
    out = io.StringIO()
    piece = learn(out, name="red", input_dir=input_dir, opener=lambda path: devices[path.name])
    assert out.getvalue() == piece
    tree = tomllib.loads(piece)
    assert tree["buttons"][0]["device"] == str(input_dir / "by-id" / "usb-Switch-event-kbd")
    assert tree["buttons"][0]["key"] == "KEY_KPENTER"
    config = decode({"box": {"site": "s", "name": "b"}, **tree}, "test")
    assert config.buttons[0].name == "red"
    assert all(device.closed for device in devices.values())


def test_a_key_with_several_names_gets_one_that_can_be_configured(input_dir):
    device = FakeInput([])
    device.key(ecodes.KEY_MUTE, 1)
    only = {"event3": device}

    def opener(path):
        if path.name not in only:
            raise DeviceLost("add the user of this process to the group 'input'")
        return only[path.name]

    assert ecodes.ecodes[
        tomllib.loads(learn(io.StringIO(), input_dir=input_dir, opener=opener))["buttons"][0]["key"]
    ] == (ecodes.KEY_MUTE)


def test_nothing_pressed_is_said(input_dir):
    with pytest.raises(DriverError, match=r"no key was pressed for 0\.01 s on 2 devices"):
        learn(io.StringIO(), timeout_s=0.01, input_dir=input_dir, opener=lambda _: FakeInput([]))


def test_an_unplugged_device_does_not_end_the_waiting_for_others(input_dir):
    devices = {"event3": FakeInput([]), "event4": FakeInput([])}
    devices["event3"].unplug()
    devices["event4"].key(ecodes.KEY_A, 1)
    assert "KEY_A" in learn(io.StringIO(), input_dir=input_dir, opener=lambda path: devices[path.name])


def test_no_device_or_no_right_to_any_is_said(tmp_path, input_dir):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DriverError, match="plug the button in first"):
        learn(io.StringIO(), input_dir=empty)

    def refuse(path):
        raise DeviceLost(f"{path.name}: add the user to the group 'input'")

    with pytest.raises(DriverError, match=r"event3.*group 'input'.*event4"):
        learn(io.StringIO(), input_dir=input_dir, opener=refuse)


def test_names_are_quoted_as_toml():
    tree = tomllib.loads(button_toml('/dev/input/by-id/a "b" \\c', "KEY_A", "red"))
    assert tree["buttons"][0]["device"] == '/dev/input/by-id/a "b" \\c'
