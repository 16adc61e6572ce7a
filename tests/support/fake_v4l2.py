"""A kernel's Video4Linux for one camera under a test's hand; fulfils `drivers.v4l2_api.Calls`."""

from __future__ import annotations

import errno
import os
from collections import deque

from drivers import v4l2_api as v4l2

_NS = 1_000_000_000
STAMPED = v4l2.FLAG_STAMP_MONOTONIC


class FakeCamera:
    """`formats` (four letters → sizes) are what it gives. Frames are put by `arrive`; `wait` lets `clock` pass."""

    def __init__(self, clock, formats=None, *, card=b"Camera", capabilities=None, padding=0, rate=(1, 5)):
        self.clock = clock
        self.formats = formats or {"YUYV": [(640, 480)]}
        self.card = card
        self.capabilities = v4l2.CAP_VIDEO_CAPTURE | v4l2.CAP_STREAMING if capabilities is None else capabilities
        self.padding = padding
        self.rate = rate
        self.fails = {}
        self.opens = 0
        self.closed = 0
        self.streaming = False
        self.to_come = deque()
        self.gone = False
        self._queued = deque()
        self._filled = deque()
        self._memory = {}
        self.size = self.code = None

    def arrive(self, at_ns, sequence, data, flags=STAMPED, stamp_ns=None):
        """A frame that the driver has at `at_ns`."""
        self.to_come.append((at_ns, sequence, data, flags, at_ns if stamp_ns is None else stamp_ns))

    def open(self, _path):
        self._fail("open")
        self.opens += 1
        return 100 + self.opens

    def close(self, _fd):
        self.closed += 1

    def map(self, _fd, length, offset):
        return self._memory.setdefault(offset, bytearray(length))

    def wait(self, _fd, timeout_s):
        end_ns = self.clock.mono_ns() + round(timeout_s * _NS)
        if self.gone:
            return True
        if not self._deliver() and self.to_come and self.to_come[0][0] <= end_ns:
            self.clock.advance(self.to_come[0][0] - self.clock.mono_ns())
            self._deliver()
        if not self._filled:
            self.clock.advance(end_ns - self.clock.mono_ns())
        return bool(self._filled)

    def _deliver(self):
        """Fill queued buffers with what has come; what finds no buffer is lost, as in a real driver."""
        while self.to_come and self.to_come[0][0] <= self.clock.mono_ns():
            frame = self.to_come.popleft()
            if self._queued:
                self._filled.append((self._queued.popleft(), frame))
        return bool(self._filled)

    def ioctl(self, _fd, request, argument):
        if self.gone:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        name = {
            v4l2.QUERYCAP: "querycap",
            v4l2.S_FMT: "s_fmt",
            v4l2.S_PARM: "s_parm",
            v4l2.REQBUFS: "reqbufs",
            v4l2.QUERYBUF: "querybuf",
            v4l2.QBUF: "qbuf",
            v4l2.DQBUF: "dqbuf",
            v4l2.STREAMON: "streamon",
            v4l2.STREAMOFF: "streamoff",
        }[request]
        self._fail(name)
        getattr(self, f"_{name}")(argument)

    def _fail(self, name):
        if (number := self.fails.get(name)) is not None:
            raise OSError(number, os.strerror(number))

    def _querycap(self, about):
        about.card = self.card
        about.capabilities = self.capabilities

    def _s_fmt(self, form):
        pix = form.fmt.pix
        letters = pix.pixelformat.to_bytes(4, "little").decode()
        if letters not in self.formats:
            letters = next(iter(self.formats))
            pix.pixelformat = v4l2.fourcc(letters)
        width, height = min(self.formats[letters], key=lambda one: abs(one[0] - pix.width) + abs(one[1] - pix.height))
        pix.width, pix.height = width, height
        pix.bytesperline = {"YUYV": 2, "RGB3": 3}.get(letters, 0) * width + self.padding
        pix.sizeimage = max(pix.bytesperline * height, width * height)
        self.size, self.code = (width, height), letters
        self._length = pix.sizeimage

    def _s_parm(self, parm):
        parm.parm.capture.timeperframe = v4l2.Fraction(*self.rate)

    def _reqbufs(self, asked):
        asked.count = min(asked.count, 3)

    def _querybuf(self, buffer):
        buffer.length = self._length
        buffer.m.offset = buffer.index * 4096

    def _qbuf(self, buffer):
        self._queued.append(buffer.index)

    def _dqbuf(self, buffer):
        self._deliver()
        if not self._filled:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        index, (_, sequence, data, flags, stamp_ns) = self._filled.popleft()
        self._memory[index * 4096][: len(data)] = data
        buffer.index, buffer.sequence, buffer.bytesused, buffer.flags = index, sequence, len(data), flags
        buffer.timestamp.tv_sec, buffer.timestamp.tv_usec = divmod(stamp_ns // 1000, 1_000_000)

    def _streamon(self, _argument):
        self.streaming = True

    def _streamoff(self, _argument):
        self.streaming = False
