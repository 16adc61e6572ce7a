"""Takes sound out of the ring for open tracks, in its own thread. SKELETON: bodies follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.clock import Clock
from edge.config import Tracks
from edge.faultpoint import FaultPoint, no_fault
from edge.plan import OpenTrack
from edge.wire import TrackData


@dataclass(frozen=True, slots=True)
class PreRollSaved:
    """The first part of the window is durable at `path`; None: there is none, `reason` says why."""

    track: str
    path: Path | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class TrackFinished:
    """The file of the track is durable at `path`: record it with `Outbox.finish_track`."""

    track: str
    path: Path
    manifest: TrackData


@dataclass(frozen=True, slots=True)
class TrackFailed:
    """No file could be made. `disk_full`: `make_room` and ask `finish` again; else `Outbox.lose_track(reason)`."""

    track: str
    reason: str
    disk_full: bool


@dataclass(frozen=True, slots=True)
class CutterDied:
    """The thread has ended by `error`; the box must end too."""

    error: BaseException


CutterFact = PreRollSaved | TrackFinished | TrackFailed | CutterDied


class Cutter:
    def __init__(
        self,
        open_ring: Callable[[], object],
        folder: Path,
        config: Tracks,
        clock: Clock,
        emit: Callable[[CutterFact], None],
        fault: FaultPoint = no_fault,
    ) -> None: ...
    def start(self) -> None: ...
    def close(self, timeout_s: float = 10.0) -> None: ...
    def save_pre_roll(self, track: OpenTrack) -> None: ...
    def finish(self, track: OpenTrack) -> None: ...
    def step(self, now_ns: int) -> int | None:
        """Do the next job that is due; returns when the next one is due (None: no job). For tests without a thread."""
