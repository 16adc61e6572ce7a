"""A camera through Video4Linux (USB webcams, frame grabbers, vivid): read from the kernel, without a library."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import time
from collections.abc import Callable

from drivers import v4l2_api as v4l2
from drivers.contract import DeviceLost, DriverError, Frame, Loss, LossReason, PixelFormat

_NS = 1_000_000_000
_BUFFERS = 4
# How much earlier than its stamp a frame of a webcam was exposed: half an exposure, read-out and USB.
_EXPOSED_NS = 50_000_000
# A stamp older than this is of another clock or of a driver that does not stamp.
_STAMP_AGE_MAX_NS = 10 * _NS
# Frames with more pixels than this come compressed where the camera can: USB 2 has not enough room for them.
_PLAIN_PIXELS_MAX = 640 * 480
_FORMATS = {
    v4l2.fourcc("YUYV"): PixelFormat.YUYV,
    v4l2.fourcc("MJPG"): PixelFormat.ENCODED,
    v4l2.fourcc("JPEG"): PixelFormat.ENCODED,
    v4l2.fourcc("RGB3"): PixelFormat.RGB,
}
_BYTES_A_PIXEL = {PixelFormat.YUYV: 2, PixelFormat.RGB: 3}
# Not there, not there any more, or in another program's hands: trying again may help.
_ABSENT = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EBUSY, errno.EIO, errno.EPIPE, errno.ENOMEM, errno.ENOSPC)


class V4l2Camera:
    """An open, running camera; fulfils `Camera`.

    `device` is a path, best one below /dev/v4l/by-id or by-path. Construction opens it and starts the stream in the
    size that the camera has nearest to `width` x `height` (read `width` and `height`): raises `DeviceLost` where it is
    absent, busy or not to be opened yet (try again), `DriverError` where it is no camera (change something).

    The kernel stamps frames on CLOCK_MONOTONIC when they begin to arrive. A driver that stamps otherwise, or not
    plausibly, is stamped when its frame is fetched, with an uncertainty of a frame's time more.
    """

    simulated = False

    def __init__(
        self,
        device: str,
        *,
        width: int,
        height: int,
        fps: float,
        stall_s: float,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        calls: v4l2.Calls | None = None,
    ) -> None:
        self.source = f"v4l2:{device}"
        self._device = device
        self._stall_s = stall_s
        self._clock_ns = clock_ns
        self._calls = calls or v4l2.KernelCalls()
        self._last_sequence: int | None = None
        try:
            self._fd = self._calls.open(device)
        except OSError as error:
            raise self._opening_failed(error) from error
        try:
            self._require_camera()
            self._choose_format(width, height)
            self._frame_ns = self._choose_rate(fps)
            self._buffers = self._map_buffers()
            self._calls.ioctl(self._fd, v4l2.STREAMON, ctypes.c_int(v4l2.CAPTURE))
        except OSError as error:
            self.close()
            raise self._opening_failed(error) from error
        except DriverError:
            self.close()
            raise

    def read(self, after_ns: int) -> Frame | Loss:
        """See `Camera.read`. Frames that the camera marks as broken are passed over and counted as lost."""
        deadline_ns = self._clock_ns() + round(self._stall_s * _NS)
        lost = 0
        while (left_ns := deadline_ns - self._clock_ns()) > 0:
            if not self._calls.wait(self._fd, left_ns / _NS):
                continue
            newest: Frame | None = None
            while (buffer := self._fetch()) is not None:
                lost += self._lost_before(buffer.sequence)
                if buffer.flags & v4l2.FLAG_ERROR or not buffer.bytesused:
                    lost += 1
                else:
                    newest = self._frame(buffer, after_ns) or newest
                self._give_back(buffer)
            if newest is not None:
                return Frame(
                    newest.mono_ns,
                    newest.uncertainty_ns,
                    newest.width,
                    newest.height,
                    newest.pixels,
                    newest.data,
                    lost_frames=lost,
                )
        return Loss(LossReason.STALLED, f"{self._device} has given no frame for {self._stall_s:g} s")

    def close(self) -> None:
        """Stop the stream and give the device back; idempotent."""
        if self._fd < 0:
            return
        with contextlib.suppress(OSError):
            self._calls.ioctl(self._fd, v4l2.STREAMOFF, ctypes.c_int(v4l2.CAPTURE))
        self._buffers = []
        self._calls.close(self._fd)
        self._fd = -1

    def _require_camera(self) -> None:
        about = v4l2.Capability()
        try:
            self._calls.ioctl(self._fd, v4l2.QUERYCAP, about)
        except OSError as error:
            if error.errno not in (errno.ENOTTY, errno.EINVAL):
                raise
            raise DriverError(f"{self._device} is no video device; choose one of /dev/v4l/by-id") from error
        can = about.device_caps if about.capabilities & v4l2.CAP_DEVICE_CAPS else about.capabilities
        if not (can & v4l2.CAP_VIDEO_CAPTURE and can & v4l2.CAP_STREAMING):
            name = about.card.decode(errors="replace")
            raise DriverError(
                f"{self._device} ({name}) gives no pictures; a camera often has several devices: choose its index0"
            )

    def _choose_format(self, width: int, height: int) -> None:
        codes = [v4l2.fourcc("YUYV"), v4l2.fourcc("MJPG"), v4l2.fourcc("JPEG"), v4l2.fourcc("RGB3")]
        if width * height > _PLAIN_PIXELS_MAX:
            codes = [*codes[1:3], codes[0], codes[3]]
        offers = [given for code in codes if (given := self._ask_format(code, width, height)) is not None]
        if not offers:
            raise DriverError(f"{self._device} gives neither YUYV nor JPEG nor RGB pictures; use another camera")
        # The first where several are as near; asked for again, since the last question has set another one.
        best = min(offers, key=lambda given: abs(given.width - width) + abs(given.height - height))
        chosen = self._ask_format(best.pixelformat, best.width, best.height)
        if chosen is None:
            raise DeviceLost(f"{self._device} changes its mind about its format; it is tried again")
        self.width, self.height = int(chosen.width), int(chosen.height)
        self._pixels = _FORMATS[chosen.pixelformat]
        self._line_bytes = int(chosen.bytesperline)

    def _ask_format(self, code: int, width: int, height: int) -> v4l2.PixFormat | None:
        wanted = v4l2.Format(type=v4l2.CAPTURE)
        wanted.fmt.pix = v4l2.PixFormat(width=width, height=height, pixelformat=code, field=v4l2.FIELD_ANY)
        try:
            self._calls.ioctl(self._fd, v4l2.S_FMT, wanted)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return None
        given = v4l2.PixFormat.from_buffer_copy(wanted.fmt.pix)
        return given if given.pixelformat == code else None

    def _choose_rate(self, fps: float) -> int:
        """Ask for so many frames a second; what a frame takes then, or as asked where the camera does not say."""
        wanted = v4l2.StreamParm(type=v4l2.CAPTURE)
        wanted.parm.capture.timeperframe = v4l2.Fraction(1000, round(fps * 1000))
        try:
            self._calls.ioctl(self._fd, v4l2.S_PARM, wanted)
        except OSError as error:
            if error.errno not in (errno.ENOTTY, errno.EINVAL):
                raise
        given = wanted.parm.capture.timeperframe
        numerator, denominator = int(given.numerator), int(given.denominator)
        return round(_NS * numerator / denominator if numerator and denominator else _NS / fps)

    def _map_buffers(self) -> list[memoryview]:
        asked = v4l2.RequestBuffers(count=_BUFFERS, type=v4l2.CAPTURE, memory=v4l2.MEMORY_MMAP)
        self._calls.ioctl(self._fd, v4l2.REQBUFS, asked)
        buffers = []
        for index in range(asked.count):
            buffer = v4l2.Buffer(index=index, type=v4l2.CAPTURE, memory=v4l2.MEMORY_MMAP)
            self._calls.ioctl(self._fd, v4l2.QUERYBUF, buffer)
            buffers.append(memoryview(self._calls.map(self._fd, buffer.length, buffer.m.offset)))
            self._give_back(buffer)
        return buffers

    def _fetch(self) -> v4l2.Buffer | None:
        buffer = v4l2.Buffer(type=v4l2.CAPTURE, memory=v4l2.MEMORY_MMAP)
        try:
            self._calls.ioctl(self._fd, v4l2.DQBUF, buffer)
        except BlockingIOError:
            return None
        except OSError as error:
            raise DeviceLost(f"{self._device} is lost: {error.strerror}; plug it in again") from error
        return buffer

    def _give_back(self, buffer: v4l2.Buffer) -> None:
        try:
            self._calls.ioctl(self._fd, v4l2.QBUF, buffer)
        except OSError as error:
            raise DeviceLost(f"{self._device} is lost: {error.strerror}; plug it in again") from error

    def _lost_before(self, sequence: int) -> int:
        last, self._last_sequence = self._last_sequence, sequence
        return 0 if last is None else max(sequence - last - 1, 0)

    def _frame(self, buffer: v4l2.Buffer, after_ns: int) -> Frame | None:
        now_ns = self._clock_ns()
        stamp_ns, uncertainty_ns = buffer.stamp_ns, _EXPOSED_NS
        kernel = buffer.flags & v4l2.FLAG_STAMP_MASK == v4l2.FLAG_STAMP_MONOTONIC
        if not kernel or not 0 <= now_ns - stamp_ns < _STAMP_AGE_MAX_NS:
            stamp_ns, uncertainty_ns = now_ns, _EXPOSED_NS + self._frame_ns
        if stamp_ns < after_ns:
            return None
        data = bytes(self._buffers[buffer.index][: buffer.bytesused])
        if self._pixels is not PixelFormat.ENCODED:
            row_bytes = _BYTES_A_PIXEL[self._pixels] * self.width
            if len(data) < self._line_bytes * (self.height - 1) + row_bytes:
                return None
            if self._line_bytes > row_bytes:
                lines = range(0, self._line_bytes * self.height, self._line_bytes)
                data = b"".join(data[at : at + row_bytes] for at in lines)
            data = data[: row_bytes * self.height]
        return Frame(stamp_ns, uncertainty_ns, self.width, self.height, self._pixels, data)

    def _opening_failed(self, error: OSError) -> DriverError:
        reason = f"camera {self._device} can't be opened: {error.strerror}"
        if error.errno in _ABSENT:
            return DeviceLost(f"{reason}; plug it in, or set eye.device to a path of /dev/v4l/by-id")
        if error.errno == errno.EACCES:
            # A device that has just been plugged in is root's alone until udev has given it to its group.
            return DeviceLost(f"{reason}; if it stays so, add the user of this process to the group 'video'")
        return DriverError(f"{reason}; check eye.device, eye.width and eye.height")
