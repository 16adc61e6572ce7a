"""Keys of input devices as buttons: with a fake device, and with the kernel's own where uinput is there."""

import errno
import os
import time
from pathlib import Path

import pytest
from evdev import ecodes
from fake_input import EV_KEY, EV_SYN, Event, Facts, FakeInput

from drivers.contract import DeviceLost, DeviceState, DriverError, Edge, Source
from drivers.input_device import SYN_DROPPED, open_device, stable_path
from drivers.usb_button import UsbButton

PATH = "/dev/input/by-id/usb-Foot_Switch-event-kbd"
A, B = ecodes.KEY_A, ecodes.KEY_B


class Port:
    """Where a device may be plugged in."""

    def __init__(self):
        self.device = None
        self.opened = 0

    def plug(self, *codes):
        self.device = FakeInput(list(codes))
        return self.device

    def open(self, path):
        assert path == PATH
        device, self.device = self.device, None
        if device is None:
            raise DeviceLost("not plugged in")
        self.opened += 1
        return device


@pytest.fixture
def port():
    return Port()


@pytest.fixture
def facts():
    return Facts()


@pytest.fixture
def button(port, facts):
    button = UsbButton(
        PATH, {"KEY_A": "red", "KEY_B": "appeal"}, retry_s=0.005, opener=port.open, clock_ns=lambda: 77_000_000_000
    )
    yield button
    button.close()


def edges(facts):
    return [(fact.button, fact.pressed) for fact in facts if isinstance(fact, Edge)]


def test_several_keys_of_one_device_are_several_buttons(button, port, facts):
    device = port.plug(A, B)
    button.start(facts)
    facts.wait(1)
    device.key(A, 1, 5_000_001)
    device.key(B, 1, 5_000_002)
    device.key(A, 0, 5_000_003)
    seen = facts.wait(4)
    assert edges(seen) == [("red", True), ("appeal", True), ("red", False)]
    assert [edge.mono_ns for edge in seen[1:]] == [5_000_001_000, 5_000_002_000, 5_000_003_000]
    assert {(edge.source, edge.simulated) for edge in seen[1:]} == {(Source.USB, False)}


def test_autorepeat_and_other_keys_are_no_edges(button, port, facts):
    device = port.plug(A, B, ecodes.KEY_C)
    button.start(facts)
    facts.wait(1)
    device.key(A, 1)
    for _ in range(20):
        device.key(A, 2)
    device.key(ecodes.KEY_C, 1)
    device.key(A, 0)
    assert edges(facts.wait(3)) == [("red", True), ("red", False)]


def test_absent_then_plugged_then_pulled_then_back(button, port, facts):
    button.start(facts)
    assert facts.wait(1) == [DeviceState(f"usb:{PATH}", False, 77_000_000_000, "not plugged in")]
    first = port.plug(A, B)
    assert facts.wait(2)[1].present
    first.unplug()
    lost = facts.wait(4)
    assert not lost[2].present
    assert "plug it in again" in lost[2].detail
    second = port.plug(A, B)
    assert facts.wait(5)[4].present
    second.key(A, 1)
    assert edges(facts.wait(6)) == [("red", True)]
    assert first.closed
    assert port.opened == 2


def test_a_key_held_while_unplugged_is_released_then(button, port, facts):
    device = port.plug(A, B)
    button.start(facts)
    facts.wait(1)
    device.key(A, 1)
    facts.wait(2)
    device.unplug()
    seen = facts.wait(5)
    assert edges(seen) == [("red", True), ("red", False)]
    assert seen[2].mono_ns == 77_000_000_000


def test_edges_that_the_kernel_dropped_are_made_up_for(button, port, facts):
    device = port.plug(A, B)
    button.start(facts)
    facts.wait(1)
    device.down = [B]
    # A's press was dropped, its release was not; B was pressed and nothing of it came through.
    device.put(Event(0, 0, EV_SYN, SYN_DROPPED, 0), Event(9, 0, EV_KEY, A, 0), Event(9, 0, EV_SYN, 0, 0))
    seen = facts.wait(4)
    assert edges(seen) == [("red", True), ("red", False), ("appeal", True)]
    assert [edge.uncertainty_ns for edge in seen[1:]] == [1_000_000_000, 10_000_000, 1_000_000_000]


def test_a_device_without_the_key_says_so(button, port, facts):
    device = port.plug(A)
    button.start(facts)
    assert "has no key KEY_B" in facts.wait_for_one(lambda fact: not fact.present).detail
    assert device.closed


def test_a_device_that_goes_while_it_is_opened_is_tried_again(button, port, facts):
    def gone():
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    first = port.plug(A, B)
    first.capabilities = gone
    button.start(facts)
    assert "went while it was opened" in facts.wait_for_one(lambda fact: not fact.present).detail
    port.plug(A, B)
    facts.wait_for_one(lambda fact: fact.present)
    assert first.closed


def test_a_key_that_does_not_exist_is_refused_at_once():
    with pytest.raises(DriverError, match=r"KEY_NONSENSE.*earshot learn"):
        UsbButton(PATH, {"KEY_NONSENSE": "red"})
    with pytest.raises(DriverError, match="EV_KEY"):
        UsbButton(PATH, {"EV_KEY": "red"})


def test_close_before_start_and_twice_is_harmless(port, facts):
    button = UsbButton(PATH, {"KEY_A": "red"}, opener=port.open)
    button.close()
    button.start(facts)
    button.close()
    button.close()


def test_what_cannot_be_opened_says_why(tmp_path):
    with pytest.raises(DeviceLost, match="not plugged in"):
        open_device(tmp_path / "none", grab=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(DeviceLost, match="no input device"):
        open_device(tmp_path / "file", grab=True)


def test_the_stable_path_names_the_device_then_the_socket(tmp_path):
    event = tmp_path / "event7"
    event.touch()
    assert stable_path(event, tmp_path) == event
    for folder, names in (("by-path", ["pci-1"]), ("by-id", ["usb-X-event-if01", "usb-X-event-kbd"])):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).symlink_to("../event7")
        found = stable_path(event, tmp_path)
        assert found.parent.name == folder
    assert found.name == "usb-X-event-kbd"


@pytest.mark.skipif(
    not os.access("/dev/uinput", os.W_OK), reason="needs /dev/uinput (modprobe uinput, as root): no kernel input device"
)
def test_the_kernels_own_device_is_stamped_monotonic_grabbed_and_survives_replugging(facts, tmp_path):
    import evdev

    link = tmp_path / "by-id"

    def plug():
        device = evdev.UInput({EV_KEY: [A]}, name="earshot test switch")
        link.unlink(missing_ok=True)
        link.symlink_to(device.device.path)
        return device

    def press(device):
        before_ns = time.monotonic_ns()
        device.write(EV_KEY, A, 1)
        device.syn()
        return before_ns

    button = UsbButton(str(link), {"KEY_A": "red"}, retry_s=0.05)
    button.start(facts)
    facts.wait(1)
    first = plug()
    facts.wait(2)
    before_ns = press(first)
    edge = facts.wait(3)[2]
    assert before_ns // 1000 * 1000 <= edge.mono_ns <= time.monotonic_ns()
    with pytest.raises(DeviceLost, match="grabbed"):
        open_device(Path(link), grab=True)
    first.close()
    assert [getattr(fact, "present", fact) for fact in facts.wait(6)[4:]] == [False, False]
    second = plug()
    facts.wait(7)
    press(second)
    assert edges(facts.wait(8)) == [("red", True), ("red", False), ("red", True)]
    button.close()
    second.close()
