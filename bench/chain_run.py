"""A real chain (broker, bridge, ear, box) for the areas that measure whole processes."""

from __future__ import annotations

import shutil
import tempfile
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.sound import RATE_HZ, speech_like
from demo.chain import Chain, Settings, memory_folder

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def prepared_chain(before_s: float, after_s: float, depth_s: int = 600, codec: str = "flac") -> Iterator[Chain]:
    """A chain on made-up speech, nothing started yet; stopped and removed at the end."""
    memory = memory_folder()
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        with wave.open(str(wav), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(speech_like(120).tobytes())
        settings = Settings(wav=wav, before_s=before_s, after_s=after_s, depth_s=depth_s, tracks={"codec": codec})
        chain = Chain(Path(folder) / "chain", memory, settings)
        try:
            chain.prepare()
            yield chain
        finally:
            chain.stop()
            shutil.rmtree(memory)


@contextmanager
def running_chain(before_s: float, after_s: float, depth_s: int = 600) -> Iterator[Chain]:
    """The same with all four processes running."""
    with prepared_chain(before_s, after_s, depth_s) as chain:
        chain.start()
        yield chain
