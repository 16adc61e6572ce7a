"""The pure heart of the box. SKELETON: bodies follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from edge.actions import Action, SessionFact
from edge.config import Config
from edge.plan import PlannedTrack


class Session:
    def __init__(self, config: Config, new_id: Callable[[], str]) -> None: ...
    def handle(self, fact: SessionFact, now_ns: int) -> list[Action]: ...
    def tick(self, now_ns: int) -> list[Action]: ...
    def next_deadline_ns(self) -> int | None: ...
    def resume(self, open_tracks: Iterable[PlannedTrack], shifts: Mapping[str, str | None]) -> None: ...
    def watch(self, track: PlannedTrack) -> None:
        """Ask for FinishTrack at the end of a track that a command has opened (extend)."""
