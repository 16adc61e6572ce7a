"""Appending a period to the sound ring, beside copying the same bytes (memcpy)."""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path

from bench.figure import Figure, alternating, seconds
from bench.sound import PERIOD_FRAMES, RATE_HZ, speech_like
from ringbuffer.audio_ring import AudioRing, AudioRingWriter

NS = 1_000_000_000
BOOT = "0" * 32
PERIODS = 50 * 60
SHARED_MEMORY = "/dev/shm"


def run() -> list[Figure]:
    """Microseconds a period (20 ms of sound), and milliseconds for a 60-s cut."""
    periods = speech_like(60).reshape(-1, PERIOD_FRAMES)
    raw = [period.tobytes() for period in periods]
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        path = Path(folder) / "audio.ring"
        with AudioRingWriter(path, depth_s=120, boot_id=BOOT, source="bench", simulated=True) as writer:
            end_ns = NS

            def append() -> None:
                nonlocal end_ns
                for period in periods:
                    end_ns += PERIOD_FRAMES * NS // RATE_HZ
                    writer.append(period, end_ns, 0)

            floor_bytes = mmap.mmap(-1, len(raw[0]) * PERIODS)

            def copy() -> None:
                at = 0
                for period in raw:
                    floor_bytes[at : at + len(period)] = period
                    at += len(period)

            append_s, copy_s = alternating(lambda: seconds(append), lambda: seconds(copy), 9)
            reader = AudioRing(path)
            window = (end_ns - 61 * NS, end_ns - NS)
            joined = b"".join(raw)
            cut_s, join_s = alternating(
                lambda: seconds(lambda: reader.cut(*window), 5), lambda: seconds(lambda: bytearray(joined), 5), 9
            )
            reader.close()
    return [
        Figure(
            "ring", "append a 20 ms period", append_s / PERIODS * 1e6, "µs", "copy of its bytes", copy_s / PERIODS * 1e6
        ),
        Figure("ring", "CPU of appending an hour of sound", append_s * 60, "s", "copy of its bytes", copy_s * 60),
        Figure(
            "ring", "cut 60 s out (CRC of every slot, fit, gaps)", cut_s * 1e3, "ms", "copy of its bytes", join_s * 1e3
        ),
    ]
