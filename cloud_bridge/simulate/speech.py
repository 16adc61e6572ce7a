"""Short sound for invented presses: one exchange between operator and client, spoken by espeak-ng, over faint noise."""

from __future__ import annotations

import io
import subprocess
import tempfile

import numpy as np
import numpy.typing as npt
import soundfile

from cloud_bridge.simulate.failures import Kind

RATE_HZ = 8000
BEFORE_S, AFTER_S = 8, 4
_SPEECH_PEAK = 0.5
_NOISE_RMS = 0.003
_PAUSE_S = 0.3
_OPERATOR = ("en-gb+f3", 55, 180)
_CLIENT = ("en-us+m3", 35, 190)

# Operator and client by turns. None: an ordinary day.
EXCHANGES: dict[Kind | None, tuple[tuple[str, ...], ...]] = {
    None: (
        ("Good afternoon, what can I do for you?", "I ordered this a week ago and it is still not here."),
        ("That will be twelve forty.", "The label says ten. Please check the price.", "I will ask."),
        ("Do you have a loyalty card?", "I told you twice that I do not.", "I am sorry."),
        ("Here is your change.", "This is cold. Could you make me another one?"),
    ),
    Kind.QUEUE: (
        ("Next, please.", "I have been waiting for half an hour. Why is only one desk open?"),
        ("Sorry for the wait.", "Twenty people in line and two of you are talking."),
    ),
    Kind.RUDENESS: (
        ("What do you want?", "Could you be a little more polite?", "If you do not like it, go elsewhere."),
        ("I have explained it already.", "You have not even looked at me."),
    ),
    Kind.OUTAGE: (
        ("The terminal does not work, cash only.", "Nobody told me at the door. I have no cash."),
        ("We cannot sell anything now.", "Then why do you let people stand here?"),
    ),
}

Signal = npt.NDArray[np.float64]


class SpeechError(RuntimeError):
    """No speech can be made; the message says what is missing."""


class Speech:
    """Exchanges as sound of `BEFORE_S` + `AFTER_S` seconds. Raises `SpeechError` without espeak-ng."""

    def __init__(self) -> None:
        self._spoken = {kind: [_exchange(lines) for lines in several] for kind, several in EXCHANGES.items()}

    def flac(self, kind: Kind | None, number: int) -> bytes:
        """The FLAC file of a press: one of the exchanges of `kind`, with noise that belongs to `number` alone."""
        several = self._spoken[kind]
        signal = several[number % len(several)]
        noise = np.random.default_rng(number).standard_normal(len(signal)) * _NOISE_RMS
        file = io.BytesIO()
        soundfile.write(file, np.clip(signal + noise, -1, 1), RATE_HZ, format="FLAC", subtype="PCM_16")
        return file.getvalue()


def _exchange(lines: tuple[str, ...]) -> Signal:
    parts: list[Signal] = []
    for turn, line in enumerate(lines):
        parts += [_say(_OPERATOR if turn % 2 == 0 else _CLIENT, line), np.zeros(round(_PAUSE_S * RATE_HZ))]
    spoken = np.concatenate(parts)
    window = np.zeros((BEFORE_S + AFTER_S) * RATE_HZ)
    # The press follows what was said last.
    kept = spoken[-round((BEFORE_S + 1) * RATE_HZ) :]
    end = round((BEFORE_S + 1) * RATE_HZ)
    window[end - len(kept) : end] = kept
    return window


def _say(voice: tuple[str, int, int], text: str) -> Signal:
    name, pitch, words_per_minute = voice
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        command = ["espeak-ng", "-v", name, "-p", str(pitch), "-s", str(words_per_minute), "-w", file.name, "--", text]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except FileNotFoundError as error:
            raise SpeechError("espeak-ng is not installed; 'apt-get install espeak-ng', or use --no-tracks") from error
        except subprocess.CalledProcessError as error:
            raise SpeechError(f"espeak-ng can't speak as {name}: {error.stderr.decode(errors='replace')}") from error
        samples, rate_hz = soundfile.read(file.name, dtype="float64")
    frames = round(len(samples) * RATE_HZ / rate_hz)
    spectrum = np.fft.rfft(samples / max(float(np.abs(samples).max()), 1e-9) * _SPEECH_PEAK)[: frames // 2 + 1]
    resampled: Signal = np.fft.irfft(spectrum, frames) * (frames / len(samples))
    return resampled
