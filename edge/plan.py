"""What a track is before it is a file: the promised window, and the part of it that is already safe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.wire import GapSpan, Stamp, Strict, Trigger

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class PlannedTrack:
    """The window of one press on the monotonic clock of the boot in which the press was made.

    `uncertainty_ns` bounds how far the press's stamp may be from the press. `extends` is the track whose window this
    one widens.
    """

    track: str
    press: str
    trigger: Trigger
    mono_ns: int
    uncertainty_ns: int
    before_s: float
    after_s: float
    extends: str | None = None

    @property
    def start_ns(self) -> int:
        """Begin of the window; may lie before the boot (negative), where there is no sound."""
        return self.mono_ns - round(self.before_s * NS)

    @property
    def end_ns(self) -> int:
        """End of the window, exclusive."""
        return self.mono_ns + round(self.after_s * NS)


class PreRoll(Strict, frozen=True):
    """What a durable pre-roll file holds. It stands at the head of the file too, so that the file explains itself.

    Frames are numbered as in the ring `generation`: the window begins at `window_frame`, the file's sound at
    `first_frame` (later where the ring had no more), captured at `start_ns`; the sound ends at `end_ns`. The press is
    at `press_frame`, not rounded, right to ± `align_error_ns`. Gaps are offsets from `first_frame`. The audio is FLAC,
    exact to the sample.
    """

    track: str
    boot_id: str
    generation: int
    rate_hz: int
    channels: int
    window_frame: int
    first_frame: int
    frames: int
    start_ns: int
    end_ns: int
    press_frame: float
    align_error_ns: int
    gaps: tuple[GapSpan, ...]
    capture: str
    simulated: bool
    audio_bytes: int = 0
    audio_sha256: str = ""


@dataclass(frozen=True, slots=True)
class OpenTrack:
    """A promised track that is not finished: the work of the cutter. `stamp` dates the press.

    `pre_roll` is the durable file of its first part, None where there is none (yet).
    """

    plan: PlannedTrack
    stamp: Stamp
    pre_roll: Path | None = None
