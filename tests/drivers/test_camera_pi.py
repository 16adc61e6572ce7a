"""The Pi's camera on a picamera2 made of Python: what is asked of it, and its stamps on our clock."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from fake_clock import FakeClock

from drivers.camera_pi import PiCamera
from drivers.contract import DeviceLost, DriverError, Frame, Loss, LossReason, PixelFormat

MS = 1_000_000
S = 1000 * MS
T0 = 1000 * S
ASLEEP_NS = 7 * S


class Request:
    def __init__(self, stamp_ns):
        self.released = False
        self.stamp_ns = stamp_ns

    def get_metadata(self):
        return {"SensorTimestamp": self.stamp_ns}

    def make_array(self, name):
        assert name == "main"
        return np.full((4, 6, 3), 9, np.uint8)

    def release(self):
        assert not self.released
        self.released = True


class Picamera2:
    """One camera; its frames are `stamps` by CLOCK_BOOTTIME."""

    made: list[Picamera2]
    clock: FakeClock
    present = 1
    busy = False
    breaks = False

    def __init__(self, number):
        if self.busy:
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        self.number = number
        self.stamps = []
        self.requests = []
        self.waiting = 0
        self.calls = []
        self.made.append(self)

    @classmethod
    def global_camera_info(cls):
        return [{}] * cls.present

    def create_video_configuration(self, **asked):
        return asked

    def configure(self, asked):
        self.asked = asked

    def start(self):
        self.calls.append("start")

    def stop(self):
        self.calls.append("stop")

    def close(self):
        self.calls.append("close")

    def capture_request(self, *, wait):
        assert not wait
        self.waiting += 1
        assert self.waiting == 1, "a second request would queue behind the first"
        return self

    def wait(self, job, timeout):
        assert job is self
        if self.breaks:
            raise RuntimeError("Camera in Error state")
        if not self.stamps or self.stamps[0] - ASLEEP_NS > self.clock.mono_ns() + timeout * S:
            self.clock.advance(round(timeout * S))
            raise TimeoutError
        stamp_ns = self.stamps.pop(0)
        self.clock.advance(max(stamp_ns - ASLEEP_NS - self.clock.mono_ns(), 0))
        self.waiting -= 1
        self.requests.append(Request(stamp_ns))
        return self.requests[-1]


@pytest.fixture
def clock():
    return FakeClock(mono_ns=T0)


@pytest.fixture
def library(clock, monkeypatch):
    kind = type("Picamera2", (Picamera2,), {"made": [], "clock": clock})
    module = ModuleType("picamera2")
    module.Picamera2 = kind
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return kind


def opened(clock, number=0):
    return PiCamera(
        number,
        width=6,
        height=4,
        fps=5,
        stall_s=2,
        clock_ns=clock.mono_ns,
        boot_ns=lambda: clock.mono_ns() + ASLEEP_NS,
    )


def test_it_is_asked_for_rgb_at_the_rate(library, clock):
    opened(clock)
    (camera,) = library.made
    assert camera.asked["main"] == {"size": (6, 4), "format": "BGR888"}
    assert camera.asked["controls"] == {"FrameDurationLimits": (200_000, 200_000)}
    assert camera.calls == ["start"]


def test_the_sensors_stamp_is_mapped_to_the_monotonic_clock(library, clock):
    camera = opened(clock)
    library.made[0].stamps = [T0 + ASLEEP_NS + 30 * MS]
    assert camera.read(T0) == Frame(T0 + 30 * MS, 20 * MS, 6, 4, PixelFormat.RGB, b"\x09" * 72)
    assert [request.released for request in library.made[0].requests] == [True]


def test_too_early_frames_are_given_back_unseen(library, clock):
    camera = opened(clock)
    library.made[0].stamps = [T0 + ASLEEP_NS + at * MS for at in (10, 20, 30)]
    assert camera.read(T0 + 25 * MS).mono_ns == T0 + 30 * MS
    assert [request.released for request in library.made[0].requests] == [True] * 3


def test_a_stall_is_named_and_its_request_stays_asked(library, clock):
    camera = opened(clock)
    lost = camera.read(T0)
    assert isinstance(lost, Loss)
    assert lost.reason is LossReason.STALLED
    assert clock.mono_ns() == T0 + 2 * S
    library.made[0].stamps = [clock.mono_ns() + ASLEEP_NS + 5 * MS]
    assert camera.read(clock.mono_ns()).mono_ns == T0 + 2 * S + 5 * MS


def test_a_broken_camera_is_lost(library, clock):
    camera = opened(clock)
    library.made[0].breaks = True
    with pytest.raises(DeviceLost, match="Error state"):
        camera.read(T0)


def test_absent_and_busy_cameras_are_lost(library, clock):
    with pytest.raises(DeviceLost, match="there is no camera 1"):
        opened(clock, 1)
    library.busy = True
    with pytest.raises(DeviceLost, match="another program"):
        opened(clock)


def test_close_stops_it_once(library, clock):
    camera = opened(clock)
    camera.close()
    camera.close()
    assert library.made[0].calls == ["start", "stop", "close"]


def test_without_the_library_the_remedy_is_said(clock, monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(DriverError, match="python3-picamera2"):
        opened(clock)


def test_requests_are_released_where_the_metadata_is_not_as_expected(library, clock):
    camera = opened(clock)
    broken = SimpleNamespace(get_metadata=dict, release=lambda: released.append(True))
    released: list[bool] = []
    library.wait = lambda _self, _job, timeout: broken
    with pytest.raises(KeyError):
        camera.read(T0)
    assert released == [True]
