"""Reading of PCM16 WAV files, also of those whose recorder never finished the header."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drivers.contract import DriverError

_PCM = 0x0001
_EXTENSIBLE = 0xFFFE
# Bytes 2 to 15 that every KSDATAFORMAT_SUBTYPE GUID shares; bytes 0 and 1 hold the plain format tag.
_SUBTYPE_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class WavFile:
    """Samples of one file: int16, shape (frames, channels), mapped read-only.

    `repaired` says what was wrong with the header and how it was read all the same; empty for a sound file.
    """

    samples: npt.NDArray[np.int16]
    rate_hz: int
    channels: int
    repaired: str


def read_wav(path: str | os.PathLike[str]) -> WavFile:
    """Map a PCM16 WAV file of one or two channels.

    Tolerates what interrupted recorders leave: a data size of 0, of 0xFFFFFFFF or beyond the end of the file (then
    everything up to the end counts), a wrong RIFF size, half a frame at the end. Raises `DriverError` for everything
    that is not PCM16, naming what was found.
    """
    path = Path(path)
    try:
        content = np.memmap(path, dtype=np.uint8, mode="r") if path.stat().st_size else np.zeros(0, np.uint8)
    except OSError as error:
        raise DriverError(
            f"WAV file {path} cannot be read: {error.strerror}; check 'file' and its permissions"
        ) from error
    return _parse(path, content)


def _parse(path: Path, content: npt.NDArray[np.uint8]) -> WavFile:
    size_bytes = len(content)
    if size_bytes < 12 or bytes(content[:4]) != b"RIFF" or bytes(content[8:12]) != b"WAVE":
        raise DriverError(
            f"{path} is not a WAV file: it begins with {bytes(content[:12])!r} instead of RIFF…WAVE; "
            "convert it to PCM16 WAV"
        )
    form: tuple[int, int] | None = None
    at = 12
    while at + 8 <= size_bytes:
        name = bytes(content[at : at + 4])
        (length,) = struct.unpack("<I", bytes(content[at + 4 : at + 8]))
        body = at + 8
        if name == b"fmt ":
            form = _format(path, bytes(content[body : body + min(length, 40)]))
        elif name == b"data":
            if form is None:
                raise DriverError(f"{path} has sound before its 'fmt ' chunk; its rate is unknown, so it is refused")
            return _samples(path, content, form, body, length)
        at = body + length + (length & 1)
    missing = "'data'" if form else "'fmt '"
    raise DriverError(
        f"{path} has no {missing} chunk within its {size_bytes} bytes; the file is cut off or is no recording"
    )


def _format(path: Path, chunk: bytes) -> tuple[int, int]:
    if len(chunk) < 16:
        raise DriverError(
            f"{path} has a 'fmt ' chunk of {len(chunk)} bytes, at least 16 are needed; the header is broken"
        )
    tag, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 40 and chunk[26:40] == _SUBTYPE_TAIL:
        (tag,) = struct.unpack_from("<H", chunk, 24)
    if tag != _PCM or bits != 16:
        raise DriverError(f"{path} holds format {tag:#06x} of {bits} bits; only PCM of 16 bits is played: convert it")
    if channels not in (1, 2):
        raise DriverError(f"{path} has {channels} channels; 1 or 2 are played")
    if not 8000 <= rate_hz <= 48000:
        raise DriverError(f"{path} has a rate of {rate_hz} Hz; 8000 to 48000 are played")
    return rate_hz, channels


def _samples(path: Path, content: npt.NDArray[np.uint8], form: tuple[int, int], body: int, length: int) -> WavFile:
    rate_hz, channels = form
    available = len(content) - body
    repaired = []
    if length in _UNKNOWN_SIZES and available:
        repaired.append(f"data size {length:#x} was never filled in")
        length = available
    elif length > available:
        repaired.append(f"data size {length} exceeds the {available} bytes that are there")
        length = available
    frame_bytes = 2 * channels
    if length % frame_bytes:
        repaired.append(f"{length % frame_bytes} bytes of an unfinished frame at the end are left out")
    frames = length // frame_bytes
    if frames == 0:
        raise DriverError(f"{path} holds no sound: its 'data' chunk is empty")
    raw = content[body : body + frames * frame_bytes]
    return WavFile(
        samples=np.frombuffer(raw, dtype="<i2").reshape(frames, channels),
        rate_hz=rate_hz,
        channels=channels,
        repaired="; ".join(repaired),
    )
