"""GPIO buttons and lamps on gpiozero's own mock pins."""

import threading
import time

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from drivers.contract import DriverError, Edge, Pattern, Source
from drivers.gpio_button import GpioButton
from drivers.gpio_lamp import GpioLamp


@pytest.fixture
def factory():
    factory = MockFactory()
    yield factory
    factory.close()


def started(factory, clock_ns=time.monotonic_ns, *, pull_up=True):
    edges: list[Edge] = []
    button = GpioButton("red", "GPIO17", pull_up=pull_up, pin_factory=factory, clock_ns=clock_ns)
    button.start(edges.append)
    return button, factory.pin("GPIO17"), edges


@pytest.mark.parametrize("pull_up", [True, False])
def test_every_edge_both_ways_is_emitted(factory, pull_up):
    button, pin, edges = started(factory, pull_up=pull_up)
    close, open_ = (pin.drive_low, pin.drive_high) if pull_up else (pin.drive_high, pin.drive_low)
    for move in (close, open_, close, open_):
        move()
    assert [edge.pressed for edge in edges] == [True, False, True, False]
    assert {(edge.button, edge.source, edge.simulated) for edge in edges} == {("red", Source.GPIO, False)}
    button.close()


def test_nothing_debounces_before_the_session(factory):
    button, pin, edges = started(factory)
    for _ in range(100):
        pin.drive_low()
        pin.drive_high()
    assert len(edges) == 200
    assert pin.bounce is None
    button.close()


def test_an_edge_is_stamped_when_its_callback_begins(factory):
    clock = iter([111, 222])
    button, pin, edges = started(factory, lambda: next(clock))
    pin.drive_low()
    pin.drive_high()
    assert [edge.mono_ns for edge in edges] == [111, 222]
    assert edges[0].uncertainty_ns == 10_000_000
    button.close()


class LGPIOFactory(MockFactory):
    """Named as the factory whose ticks are the kernel's stamps."""

    now_s = 1000.0

    def ticks(self):
        return self.now_s


def kernel_stamped(delay_s):
    factory = LGPIOFactory()
    button, pin, edges = started(factory, lambda: 50_000_000_000)
    pin.when_changed(factory.now_s - delay_s, False)
    button.close()
    factory.close()
    return edges[0]


def test_a_kernel_stamp_dates_the_edge_and_not_its_callback():
    edge = kernel_stamped(0.25)
    assert edge.mono_ns == 49_750_000_000
    assert edge.uncertainty_ns < 1_000_000


@pytest.mark.parametrize("delay_s", [-1e9, -0.5, 61.0, 1e9])
def test_a_stamp_of_another_clock_is_not_believed(delay_s):
    edge = kernel_stamped(delay_s)
    assert (edge.mono_ns, edge.uncertainty_ns) == (50_000_000_000, 10_000_000)


def test_after_close_the_line_is_free_and_silent(factory):
    button, pin, edges = started(factory)
    button.close()
    button.close()
    pin.drive_low()
    assert edges == []
    again, _, _ = started(factory)
    again.close()


def test_a_line_that_cannot_be_had_is_named(factory):
    with pytest.raises(DriverError, match=r"GPIO99.*pinout"):
        GpioButton("red", "GPIO99", pin_factory=factory).start(print)
    button, _, _ = started(factory)
    with pytest.raises(DriverError, match=r"GPIO17.*PinInUse"):
        GpioButton("two", "GPIO17", pin_factory=factory).start(print)
    button.close()


class Levels:
    """Waits for the states that a mock pin goes through, on its own changes."""

    def __init__(self, pin):
        self.seen = []
        self.changed = threading.Condition()
        change = pin._change_state

        def watched(value):
            done = change(value)
            with self.changed:
                if done:
                    self.seen.append(bool(value))
                    self.changed.notify_all()
            return done

        pin._change_state = watched

    def wait_for(self, levels, timeout_s=5.0):
        with self.changed:
            assert self.changed.wait_for(lambda: self.seen[: len(levels)] == levels, timeout_s), self.seen


def test_a_lamp_acknowledges_and_goes_out_by_itself(factory):
    lamp = GpioLamp("red", "GPIO22", pin_factory=factory)
    levels = Levels(factory.pin("GPIO22"))
    lamp.show(Pattern.ACKNOWLEDGED)
    levels.wait_for([True, False])
    lamp.close()


def test_close_switches_off_and_frees_the_line(factory):
    lamp = GpioLamp("red", "GPIO22", pin_factory=factory)
    pin = factory.pin("GPIO22")
    levels = Levels(pin)
    lamp.show(Pattern.FAULT)
    levels.wait_for([True])
    lamp.close()
    lamp.close()
    assert levels.seen[-1] is False
    with gpiozero.LED("GPIO22", pin_factory=factory):
        pass


def test_a_buzzer_beeps_once_for_a_press_and_never_for_a_fault(factory):
    buzzer = GpioLamp("beep", "GPIO23", buzzer=True, pin_factory=factory)
    levels = Levels(factory.pin("GPIO23"))
    buzzer.show(Pattern.FAULT)
    buzzer.show(Pattern.ACKNOWLEDGED)
    levels.wait_for([True, False])
    buzzer.close()
    assert levels.seen == [True, False]


def test_a_lamp_on_a_wrong_line_is_refused_at_once(factory):
    with pytest.raises(DriverError, match="GPIO99"):
        GpioLamp("red", "GPIO99", pin_factory=factory)


def test_a_thread_that_had_to_wait_makes_a_stamp_late_and_says_so_never_early():
    """Between our look at our clock and at the factory's the thread stood still for 30 ms."""
    factory = LGPIOFactory()
    clock = iter([50_000_000_000, 50_031_000_000])
    button, pin, edges = started(factory, lambda: next(clock))
    # The edge was 1 ms before the callback began; the factory's clock was read 30 ms later.
    pin.when_changed(factory.now_s - 0.031, False)
    button.close()
    factory.close()
    true_ns = 49_999_000_000
    assert 0 <= edges[0].mono_ns - true_ns <= edges[0].uncertainty_ns
