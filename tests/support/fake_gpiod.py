"""A GPIO chip that is not there, with libgpiod's Python interface as far as our pins use it."""

import enum
import os
import sys
import time
import types


class Value(enum.Enum):
    INACTIVE = 0
    ACTIVE = 1


class Direction(enum.Enum):
    INPUT = "input"
    OUTPUT = "output"


class Bias(enum.Enum):
    DISABLED = "disabled"
    PULL_UP = "up"
    PULL_DOWN = "down"


class Edge(enum.Enum):
    NONE = "none"
    RISING = "rising"
    FALLING = "falling"
    BOTH = "both"


class Clock(enum.Enum):
    MONOTONIC = "monotonic"


class LineSettings:
    def __init__(
        self,
        direction=Direction.INPUT,
        bias=Bias.DISABLED,
        edge_detection=Edge.NONE,
        event_clock=Clock.MONOTONIC,
        output_value=Value.INACTIVE,
    ):
        self.direction = direction
        self.bias = bias
        self.edge_detection = edge_detection
        self.event_clock = event_clock
        self.output_value = output_value


class EdgeEvent:
    class Type(enum.Enum):
        RISING_EDGE = 1
        FALLING_EDGE = 2

    def __init__(self, event_type, timestamp_ns):
        self.event_type = event_type
        self.timestamp_ns = timestamp_ns


class Request:
    """A requested line. `drive` is the world's side of it."""

    def __init__(self, chip, line, settings):
        self.chip = chip
        self.line = line
        self.settings = settings
        self.level = Value.ACTIVE if settings.bias is Bias.PULL_UP else Value.INACTIVE
        self.fd, self._writes = os.pipe()
        self._events = []
        self.released = False

    def reconfigure_lines(self, config):
        ((line, self.settings),) = config.items()
        assert line == self.line
        if self.settings.direction is Direction.OUTPUT:
            self.level = self.settings.output_value
        elif self.settings.bias is not Bias.DISABLED:
            self.level = Value.ACTIVE if self.settings.bias is Bias.PULL_UP else Value.INACTIVE

    def get_value(self, line):
        assert line == self.line
        return self.level

    def set_value(self, line, value):
        assert line == self.line
        assert self.settings.direction is Direction.OUTPUT
        self.level = value

    def read_edge_events(self):
        os.read(self.fd, 1)
        return [self._events.pop(0)]

    def release(self):
        self.released = True
        del self.chip.requests[self.line]
        os.close(self.fd)
        os.close(self._writes)

    def drive(self, level, timestamp_ns=None):
        self.level = level
        wanted = {Edge.BOTH, Edge.RISING if level is Value.ACTIVE else Edge.FALLING}
        if self.settings.edge_detection not in wanted:
            return
        kind = EdgeEvent.Type.RISING_EDGE if level is Value.ACTIVE else EdgeEvent.Type.FALLING_EDGE
        self._events.append(EdgeEvent(kind, time.monotonic_ns() if timestamp_ns is None else timestamp_ns))
        os.write(self._writes, b"e")


class FakeChip:
    """The whole library: `install(monkeypatch)` makes it the module `gpiod`."""

    def __init__(self):
        self.requests = {}
        self.refuses = None

    def request_lines(self, path, *, consumer, config):
        ((line, settings),) = config.items()
        if self.refuses is not None:
            raise self.refuses
        if line in self.requests:
            raise OSError(16, "Device or resource busy")
        self.requests[line] = Request(self, line, settings)
        return self.requests[line]

    def install(self, monkeypatch):
        library = types.ModuleType("gpiod")
        library.request_lines = self.request_lines
        library.LineSettings = LineSettings
        library.EdgeEvent = EdgeEvent
        line = types.ModuleType("gpiod.line")
        line.Value, line.Direction, line.Bias, line.Edge, line.Clock = Value, Direction, Bias, Edge, Clock
        library.line = line
        monkeypatch.setitem(sys.modules, "gpiod", library)
        monkeypatch.setitem(sys.modules, "gpiod.line", line)
