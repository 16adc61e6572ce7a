"""The part of Video4Linux that a camera needs: structures of linux/videodev2.h, request codes, and the system calls."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import select
from typing import Protocol

CAPTURE = 1
MEMORY_MMAP = 1
FIELD_ANY = 0
CAP_VIDEO_CAPTURE = 0x0000_0001
CAP_STREAMING = 0x0400_0000
CAP_DEVICE_CAPS = 0x8000_0000
FLAG_ERROR = 0x0000_0040
FLAG_STAMP_MASK = 0x0000_E000
FLAG_STAMP_MONOTONIC = 0x0000_2000


def fourcc(code: str) -> int:
    """The number of a pixel format's four letters."""
    return int.from_bytes(code.encode("ascii"), "little")


class Capability(ctypes.Structure):
    """`struct v4l2_capability`."""

    _fields_ = (
        ("driver", ctypes.c_char * 16),
        ("card", ctypes.c_char * 32),
        ("bus_info", ctypes.c_char * 32),
        ("version", ctypes.c_uint32),
        ("capabilities", ctypes.c_uint32),
        ("device_caps", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 3),
    )


class PixFormat(ctypes.Structure):
    """`struct v4l2_pix_format`."""

    _fields_ = (
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("pixelformat", ctypes.c_uint32),
        ("field", ctypes.c_uint32),
        ("bytesperline", ctypes.c_uint32),
        ("sizeimage", ctypes.c_uint32),
        ("colorspace", ctypes.c_uint32),
        ("priv", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("ycbcr_enc", ctypes.c_uint32),
        ("quantization", ctypes.c_uint32),
        ("xfer_func", ctypes.c_uint32),
    )


class _FormatUnion(ctypes.Union):
    # struct v4l2_window, another member, holds a pointer: the union is aligned as one.
    _fields_ = (("pix", PixFormat), ("raw", ctypes.c_uint8 * 200), ("alignment", ctypes.c_void_p))


class Format(ctypes.Structure):
    """`struct v4l2_format`."""

    _fields_ = (("type", ctypes.c_uint32), ("fmt", _FormatUnion))


class Fraction(ctypes.Structure):
    """`struct v4l2_fract`."""

    _fields_ = (("numerator", ctypes.c_uint32), ("denominator", ctypes.c_uint32))


class CaptureParm(ctypes.Structure):
    """`struct v4l2_captureparm`."""

    _fields_ = (
        ("capability", ctypes.c_uint32),
        ("capturemode", ctypes.c_uint32),
        ("timeperframe", Fraction),
        ("extendedmode", ctypes.c_uint32),
        ("readbuffers", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 4),
    )


class _ParmUnion(ctypes.Union):
    _fields_ = (("capture", CaptureParm), ("raw", ctypes.c_uint8 * 200))


class StreamParm(ctypes.Structure):
    """`struct v4l2_streamparm`."""

    _fields_ = (("type", ctypes.c_uint32), ("parm", _ParmUnion))


class RequestBuffers(ctypes.Structure):
    """`struct v4l2_requestbuffers`."""

    _fields_ = (
        ("count", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("memory", ctypes.c_uint32),
        ("capabilities", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    )


class _TimeVal(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_usec", ctypes.c_long))


class _TimeCode(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("digits", ctypes.c_uint8 * 4),
        ("userbits", ctypes.c_uint8 * 4),
    )


class _BufferUnion(ctypes.Union):
    _fields_ = (("offset", ctypes.c_uint32), ("userptr", ctypes.c_ulong), ("planes", ctypes.c_void_p))


class Buffer(ctypes.Structure):
    """`struct v4l2_buffer`."""

    _fields_ = (
        ("index", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("bytesused", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("field", ctypes.c_uint32),
        ("timestamp", _TimeVal),
        ("timecode", _TimeCode),
        ("sequence", ctypes.c_uint32),
        ("memory", ctypes.c_uint32),
        ("m", _BufferUnion),
        ("length", ctypes.c_uint32),
        ("reserved2", ctypes.c_uint32),
        ("request_fd", ctypes.c_int32),
    )

    @property
    def stamp_ns(self) -> int:
        """The stamp of the frame, in ns of the clock that `flags` names."""
        return int(self.timestamp.tv_sec) * 1_000_000_000 + int(self.timestamp.tv_usec) * 1000


Argument = ctypes.Structure | ctypes.c_int


def _code(direction: int, number: int, argument: type[ctypes.Structure | ctypes.c_int]) -> int:
    return direction << 30 | ctypes.sizeof(argument) << 16 | ord("V") << 8 | number


_WRITE, _READ, _BOTH = 1, 2, 3
QUERYCAP = _code(_READ, 0, Capability)
S_FMT = _code(_BOTH, 5, Format)
REQBUFS = _code(_BOTH, 8, RequestBuffers)
QUERYBUF = _code(_BOTH, 9, Buffer)
QBUF = _code(_BOTH, 15, Buffer)
DQBUF = _code(_BOTH, 17, Buffer)
STREAMON = _code(_WRITE, 18, ctypes.c_int)
STREAMOFF = _code(_WRITE, 19, ctypes.c_int)
S_PARM = _code(_BOTH, 22, StreamParm)


class Calls(Protocol):
    """The system calls that a camera needs; all raise OSError."""

    def open(self, path: str) -> int:
        """A descriptor of the device, non-blocking."""

    def ioctl(self, fd: int, request: int, argument: Argument) -> None:
        """Ask the driver; the answer is written into `argument`."""

    def map(self, fd: int, length: int, offset: int) -> mmap.mmap | bytearray:
        """A buffer of the driver, to be read."""

    def wait(self, fd: int, timeout_s: float) -> bool:
        """Whether the device has a frame, or trouble, within the time."""

    def close(self, fd: int) -> None:
        """Give the descriptor back."""


class KernelCalls:
    """The real ones."""

    def open(self, path: str) -> int:
        """Open the device."""
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def ioctl(self, fd: int, request: int, argument: Argument) -> None:
        """Ask the driver."""
        fcntl.ioctl(fd, request, argument)

    def map(self, fd: int, length: int, offset: int) -> mmap.mmap | bytearray:
        """Map a buffer."""
        return mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset)

    def wait(self, fd: int, timeout_s: float) -> bool:
        """Wait for a frame."""
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))

    def close(self, fd: int) -> None:
        """Close the device."""
        os.close(fd)
