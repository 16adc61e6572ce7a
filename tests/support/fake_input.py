"""An input device as evdev shows it, driven by a test; its descriptor can really be polled."""

import errno
import os
import threading
from dataclasses import dataclass

EV_SYN, EV_KEY = 0, 1


@dataclass
class Event:
    sec: int
    usec: int
    type: int
    code: int
    value: int


class FakeInput:
    def __init__(self, codes, name="Foot Switch"):
        self.name = name
        self.codes = codes
        self.down = []
        self.fd, self._tell = os.pipe()
        self._events = []
        self._lock = threading.Lock()
        self._gone = False
        self.closed = False

    def put(self, *events):
        with self._lock:
            self._events += events
            os.write(self._tell, b"x")

    def key(self, code, value, mono_us=0):
        self.put(Event(mono_us // 1_000_000, mono_us % 1_000_000, EV_KEY, code, value), Event(0, 0, EV_SYN, 0, 0))

    def unplug(self):
        with self._lock:
            self._gone = True
            os.write(self._tell, b"x")

    def read(self):
        with self._lock:
            os.read(self.fd, 100)
            if self._gone:
                raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
            if not self._events:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            events, self._events = self._events, []
            return events

    def capabilities(self):
        return {EV_SYN: [0], EV_KEY: self.codes}

    def active_keys(self):
        return self.down

    def close(self):
        if not self.closed:
            self.closed = True
            os.close(self.fd)
            os.close(self._tell)


class Facts:
    """Collects what a driver emits and waits for it."""

    def __init__(self):
        self.seen = []
        self._changed = threading.Condition()

    def __call__(self, fact):
        with self._changed:
            self.seen.append(fact)
            self._changed.notify_all()

    def wait_for_one(self, wanted, timeout_s=5.0):
        """Return the first fact that is `wanted`, however many others there are."""
        with self._changed:
            assert self._changed.wait_for(lambda: any(map(wanted, self.seen)), timeout_s), self.seen
            return next(filter(wanted, self.seen))

    def wait(self, count, timeout_s=5.0):
        """Return the facts when there are `count`; more is an error too."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.seen) >= count, timeout_s), self.seen
            assert len(self.seen) == count, self.seen
            return list(self.seen)
