"""The Raspberry Pi's own camera through picamera2 and libcamera. The one module that imports picamera2."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from drivers.contract import DeviceLost, DriverError, Frame, Loss, LossReason, PixelFormat

_NS = 1_000_000_000
# libcamera's name for red, green, blue in the order of the bytes in memory.
_RGB = "BGR888"
# The sensor's stamp is the first line's end of exposure; the middle of the picture is half a read-out later.
_UNCERTAINTY_NS = 20_000_000


def _boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class PiCamera:
    """An open, running camera; fulfils `Camera`.

    `number` is the camera's as libcamera counts them. Construction opens it and starts the stream: raises `DeviceLost`
    where there is none or it is busy (try again), `DriverError` where picamera2 is not installed.

    A frame's `SensorTimestamp` is CLOCK_BOOTTIME, which counts on while the board sleeps; it is mapped to
    CLOCK_MONOTONIC by the difference of both clocks at that moment.
    """

    simulated = False

    def __init__(
        self,
        number: int,
        *,
        width: int,
        height: int,
        fps: float,
        stall_s: float,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        boot_ns: Callable[[], int] = _boot_ns,
    ) -> None:
        try:
            from picamera2 import Picamera2  # noqa: PLC0415 - only there on a Raspberry Pi
        except ImportError as error:
            raise DriverError(
                f"picamera2 is not installed ({error}); install python3-picamera2, or set eye.driver = 'v4l2'"
            ) from error
        self.source = f"picamera2:{number}"
        self._stall_s = stall_s
        self._clock_ns = clock_ns
        self._boot_ns = boot_ns
        self._camera: Any = None
        self._job: Any = None
        if number >= len(Picamera2.global_camera_info()):
            raise DeviceLost(f"there is no camera {number}; check its ribbon cable with 'rpicam-hello --list-cameras'")
        try:
            self._camera = Picamera2(number)
            frame_us = round(1_000_000 / fps)
            self._camera.configure(
                self._camera.create_video_configuration(
                    main={"size": (width, height), "format": _RGB},
                    controls={"FrameDurationLimits": (frame_us, frame_us)},
                    queue=False,
                )
            )
            self._camera.start()
        except (RuntimeError, IndexError) as error:
            self.close()
            raise DeviceLost(f"camera {number} can't be opened: {error}; is another program using it?") from error

    def read(self, after_ns: int) -> Frame | Loss:
        """See `Camera.read`."""
        deadline_ns = self._clock_ns() + round(self._stall_s * _NS)
        while (left_ns := deadline_ns - self._clock_ns()) > 0:
            # A request that came to nothing stays asked for: asking anew would queue behind it.
            if self._job is None:
                self._job = self._camera.capture_request(wait=False)
            try:
                request = self._camera.wait(self._job, timeout=left_ns / _NS)
            except TimeoutError:
                continue
            except RuntimeError as error:
                raise DeviceLost(f"{self.source} is lost: {error}; check its ribbon cable") from error
            self._job = None
            try:
                frame = self._frame(request, after_ns)
            finally:
                request.release()
            if frame is not None:
                return frame
        return Loss(LossReason.STALLED, f"{self.source} has given no frame for {self._stall_s:g} s")

    def close(self) -> None:
        """Stop the camera and give it back; idempotent."""
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.stop()
            camera.close()

    def _frame(self, request: Any, after_ns: int) -> Frame | None:
        since_boot_ns = int(request.get_metadata()["SensorTimestamp"])
        stamp_ns = since_boot_ns - (self._boot_ns() - self._clock_ns())
        if stamp_ns < after_ns:
            return None
        rows = request.make_array("main")
        height, width = rows.shape[:2]
        return Frame(stamp_ns, _UNCERTAINTY_NS, width, height, PixelFormat.RGB, rows.tobytes())
