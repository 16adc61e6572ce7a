"""A 60-s window from the ring to a durable file, beside a copy and a durable write of as many bytes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bench.figure import Figure, alternating, seconds
from bench.ring import BOOT, NS
from bench.sound import PERIOD_FRAMES, RATE_HZ, speech_like
from edge.codec import Codec, encode
from edge.durable import write_durable
from edge.faultpoint import no_fault
from ringbuffer.audio_ring import AudioRing, AudioRingWriter

CODECS: tuple[Codec, ...] = ("flac", "wav", "opus")


def run() -> list[Figure]:
    """Milliseconds from the cut to the renamed and synced file."""
    figures = []
    periods = speech_like(70).reshape(-1, PERIOD_FRAMES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audio.ring"
        with AudioRingWriter(path, depth_s=120, boot_id=BOOT, source="bench", simulated=True) as writer:
            end_ns = NS
            for period in periods:
                end_ns += PERIOD_FRAMES * NS // RATE_HZ
                writer.append(period, end_ns, 0)
        reader = AudioRing(path)
        for codec in CODECS:
            target = Path(folder) / f"track.{codec}"

            def ours(target: Path = target, codec: Codec = codec) -> None:
                cut = reader.cut(end_ns - 65 * NS, end_ns - 5 * NS)
                write_durable(target, encode(cut.samples.reshape(-1, 1), cut.rate_hz, codec), "track", no_fault)

            ours()
            size = target.stat().st_size
            payload = os.urandom(size)

            def floor(payload: bytes = payload) -> None:
                _durable_copy(Path(folder) / "floor", payload)

            ours_s, floor_s = alternating(lambda: seconds(ours), lambda: seconds(floor), 9)
            name = f"60-s window → {codec.upper()} file ({size / 1e6:.2f} MB)"
            figures.append(
                Figure("cut", name, ours_s * 1e3, "ms", "copy, write, fsync, rename of as many bytes", floor_s * 1e3)
            )
        reader.close()
    return figures


def _durable_copy(path: Path, payload: bytes) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(bytearray(payload))
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
