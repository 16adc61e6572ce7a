"""The demonstration's sound: a conversation at a service counter, spoken by espeak-ng in two voices a language.

Faint noise lies under it all, as in any room. It never repeats within the file, so every stretch of the sound tells
exactly where in the file it comes from.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

RATE_HZ = 16000
_DIALOGUES = Path(__file__).parent / "dialogues"
_SPEECH_PEAK = 0.5
_NOISE_RMS = 0.003
_BREATH_S = 0.35
_BETWEEN_LANGUAGES_S = 2.0

Signal = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Voice:
    """An espeak-ng voice: name, pitch (0 to 99) and speed in words a minute."""

    name: str
    pitch: int
    words_per_minute: int


# C is the client, O the operator.
VOICES = {
    "en": {"O": Voice("en-gb+f3", 55, 165), "C": Voice("en-us+m3", 35, 175)},
    "ru": {"O": Voice("ru+f2", 60, 160), "C": Voice("ru+m7", 30, 170)},
}


def conversation(cache: Path) -> Path:
    """A 16 kHz mono PCM16 WAV of the English and then the Russian dialogue, made once for its content.

    Raises `FileNotFoundError` without espeak-ng, `CalledProcessError` when it refuses a voice.
    """
    path = cache / f"conversation-{_content_hash()}.wav"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        samples = np.round(_over_noise(_spoken()) * 32767).astype(np.int16)
        part = path.with_suffix(".part")
        soundfile.write(part, samples, RATE_HZ, subtype="PCM_16", format="WAV")
        part.rename(path)
    return path


def _content_hash() -> str:
    content = hashlib.sha256(Path(__file__).read_bytes())
    for language in VOICES:
        content.update((_DIALOGUES / f"{language}.txt").read_bytes())
    return content.hexdigest()[:16]


def _spoken() -> Signal:
    parts = []
    for language, voices in VOICES.items():
        for line in (_DIALOGUES / f"{language}.txt").read_text("utf-8").splitlines():
            speaker, _, text = line.partition(": ")
            parts += [_say(voices[speaker], text), np.zeros(round(_BREATH_S * RATE_HZ))]
        parts.append(np.zeros(round(_BETWEEN_LANGUAGES_S * RATE_HZ)))
    return np.concatenate(parts)


def _say(voice: Voice, text: str) -> Signal:
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = ["espeak-ng", "-v", voice.name, "-p", str(voice.pitch), "-s", str(voice.words_per_minute)]
        subprocess.run([*command, "-w", file.name, "--", text], check=True, capture_output=True)
        samples, rate_hz = soundfile.read(file.name, dtype="float64")
    return _resampled(samples / max(np.abs(samples).max(), 1e-9) * _SPEECH_PEAK, rate_hz)


def _resampled(samples: Signal, rate_hz: int) -> Signal:
    """To RATE_HZ by leaving out the upper part of the spectrum; an utterance begins and ends silent."""
    frames = round(len(samples) * RATE_HZ / rate_hz)
    spectrum = np.fft.rfft(samples)[: frames // 2 + 1]
    return np.fft.irfft(spectrum, frames) * (frames / len(samples))


def _over_noise(samples: Signal) -> Signal:
    """Brown-tinged room noise, the same in every run."""
    random = np.random.default_rng(20)
    spectrum = np.fft.rfft(random.standard_normal(len(samples)))
    hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(hz, 50.0)), len(samples))
    mixed: Signal = np.clip(samples + noise * (_NOISE_RMS / noise.std()), -1, 1)
    return mixed
