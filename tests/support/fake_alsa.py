"""pyalsaaudio's PCM as `alsa_capture` uses it, driven by a script; its descriptor can really be polled."""

import errno
import os

import alsaaudio
import numpy as np


class FakePcm:
    """Each step of `script`: an array (what one read gives), 0 (EAGAIN), -EPIPE, or an errno name that is raised."""

    def __init__(self, script, *, card_no=0, rate=16000, channels=1, period=320, buffer=2560, fmt="S16_LE"):
        self.script = list(script)
        self.described = {
            "rate": rate,
            "channels": channels,
            "format_name": fmt,
            "card_no": card_no,
            "period_size": period,
            "buffer_size": buffer,
        }
        self.stamp = (0, 0, 0)
        self.stamps = []
        self.cleared = 0
        self.closed = False
        self.fd, self._tell = os.pipe()

    def info(self):
        return self.described

    def set_tstamp_mode(self, mode):
        assert mode == alsaaudio.PCM_TSTAMP_ENABLE

    def set_tstamp_type(self, kind):
        assert kind == alsaaudio.PCM_TSTAMP_TYPE_MONOTONIC

    def polldescriptors(self):
        return [(self.fd, 1)]

    def polldescriptors_revents(self, events):
        assert events
        self.cleared += 1
        os.read(self.fd, 100)
        return 1

    def ready(self):
        os.write(self._tell, b"x")

    def read(self):
        step = self.script.pop(0) if self.script else 0
        if isinstance(step, str):
            raise alsaaudio.ALSAAudioError(f"{os.strerror(getattr(errno, step))} [fake]")
        if isinstance(step, int):
            return step, b""
        if isinstance(step, tuple):
            return step
        if self.stamps:
            self.stamp = self.stamps.pop(0)
        return len(step), np.ascontiguousarray(step, "<i2").tobytes()

    def htimestamp(self):
        return self.stamp

    def close(self):
        if not self.closed:
            self.closed = True
            os.close(self.fd)
            os.close(self._tell)
