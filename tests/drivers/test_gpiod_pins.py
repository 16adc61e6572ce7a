"""GPIO buttons and lamps on libgpiod's interface, with a chip that is not there."""

import queue
import time

import gpiozero
import gpiozero.exc
import gpiozero.pins.local
import pytest

from drivers import gpio_line, gpiod_pins
from drivers.contract import DriverError, Pattern
from drivers.gpio_button import GpioButton
from drivers.gpio_lamp import GpioLamp
from tests.support.fake_gpiod import Bias, Direction, Edge, FakeChip, Value

PI_4_B = 0xC03112
WAIT_S = 10.0


@pytest.fixture
def chip(monkeypatch):
    chip = FakeChip()
    chip.install(monkeypatch)
    monkeypatch.setattr(gpiozero.pins.local, "get_pi_revision", lambda: PI_4_B)
    monkeypatch.setattr(gpiozero.pins.local.LocalPiFactory, "pins", {})
    return chip


@pytest.fixture
def factory(chip):
    factory = gpiod_pins.make_factory(gpiozero.pins.local, gpiozero.exc, "/dev/gpiochip0")
    yield factory
    factory.close()
    assert chip.requests == {}


@pytest.mark.parametrize(("pull_up", "bias"), [(True, Bias.PULL_UP), (False, Bias.PULL_DOWN)])
def test_a_button_tells_each_edge_with_the_stamp_of_the_kernel(chip, factory, pull_up, bias):
    edges = queue.Queue()
    button = GpioButton("red", "GPIO17", pull_up=pull_up, pin_factory=factory)
    button.start(edges.put)
    line = chip.requests[17]
    assert (line.settings.bias, line.settings.edge_detection) == (bias, Edge.BOTH)
    closed, opened = (Value.INACTIVE, Value.ACTIVE) if pull_up else (Value.ACTIVE, Value.INACTIVE)
    # Told late: the stamp is of the edge, not of the telling.
    stamps = [time.monotonic_ns() - 300_000_000, time.monotonic_ns() - 200_000_000]
    line.drive(closed, stamps[0])
    line.drive(opened, stamps[1])
    found = [edges.get(timeout=WAIT_S) for _ in stamps]
    assert [edge.pressed for edge in found] == [True, False]
    for edge, stamp_ns in zip(found, stamps, strict=True):
        assert abs(edge.mono_ns - stamp_ns) <= edge.uncertainty_ns < 10_000_000
    button.close()
    assert line.released


def test_a_line_is_free_again_after_its_button_and_may_be_taken_again(chip, factory):
    for _ in range(3):
        edges = queue.Queue()
        button = GpioButton("red", "GPIO17", pin_factory=factory)
        button.start(edges.put)
        chip.requests[17].drive(Value.INACTIVE)
        assert edges.get(timeout=WAIT_S).pressed
        button.close()
        assert 17 not in chip.requests


def test_a_lamp_is_an_output_that_is_off_at_first(chip, factory):
    lamp = GpioLamp("lamp", "GPIO27", pin_factory=factory)
    line = chip.requests[27]
    assert (line.settings.direction, line.level) == (Direction.OUTPUT, Value.INACTIVE)
    lamp.show(Pattern.ACKNOWLEDGED)
    deadline = time.monotonic() + WAIT_S
    while line.level is not Value.ACTIVE:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    lamp.close()
    assert line.released


def test_a_line_in_use_is_refused_in_words(chip, factory):
    chip.refuses = OSError(16, "Device or resource busy")
    with pytest.raises(DriverError, match=r"GPIO17.*busy"):
        GpioButton("red", "GPIO17", pin_factory=factory).start(print)


def test_a_pin_refuses_what_it_can_not_do(factory):
    pin = factory.pin("GPIO17")
    with pytest.raises(gpiozero.exc.PinInvalidFunction):
        pin.function = "clock"
    with pytest.raises(gpiozero.exc.PinInvalidPull):
        pin.pull = "sideways"
    with pytest.raises(gpiozero.exc.PinSetInput):
        pin.state = 1
    with pytest.raises(gpiozero.exc.PinInvalidEdges):
        pin.edges = "some"
    with pytest.raises(gpiozero.exc.PinInvalidBounce):
        pin.bounce = 0.1
    with pytest.raises(gpiozero.exc.PinPWMUnsupported):
        pin.frequency = 100
    with pytest.raises(gpiozero.exc.PinFixedPull):
        factory.pin("GPIO2").pull = "down"
    pin.function = "output"
    with pytest.raises(gpiozero.exc.PinFixedPull):
        pin.pull = "up"


def test_without_lgpio_the_lines_are_taken_by_libgpiod(chip, monkeypatch):
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setattr(gpio_line, "find_spec", lambda name: None)
    monkeypatch.setattr(gpiod_pins, "_header_chip", lambda gpiod: "/dev/gpiochip0")
    device = gpio_line.open_output("GPIO27")
    assert 27 in chip.requests
    device.close()
    gpiozero.Device.pin_factory.close()


def test_a_machine_without_a_chip_says_so(chip, monkeypatch):
    monkeypatch.setattr(gpiod_pins.Path, "glob", lambda self, pattern: iter(()))
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setattr(gpio_line, "find_spec", lambda name: None)
    with pytest.raises(DriverError, match="no /dev/gpiochip"):
        gpio_line.open_output("GPIO27")
