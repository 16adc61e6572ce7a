"""Whether a new release does the box's work: sound flows, a press becomes a track, the bridge has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from drivers.contract import Press, Source
from edge.actions import AcceptPress, Action
from edge.outbox_types import KnownTrack, TrackState
from edge.self_test import SELF_TEST_BUTTON

_AGAIN_NS = 60_000_000_000


class Tracks(Protocol):
    """What is needed of the outbox."""

    def track(self, track: str) -> KnownTrack | None:
        """One track in any state."""
        ...


@dataclass(frozen=True, slots=True)
class Senses:
    """What the trial looks at. `take` hands a press to the session as every press is handed to it."""

    sound_flows: Callable[[int], bool]
    take: Callable[[Press, int], list[Action]]
    tracks: Tracks


class Trial:
    """Asks again until all is proved. Times are CLOCK_MONOTONIC nanoseconds. `release_is_right`: it is the one offered.

    A test that brings no whole track is repeated after a minute; nothing here ends the trial for being late: that is
    root's business, which does not rely on this program.
    """

    def __init__(self, senses: Senses, *, release_is_right: bool) -> None:
        self._senses = senses
        self._release_is_right = release_is_right
        self._track: str | None = None
        self._due_ns = 0
        self._tests = 0

    def missing(self, now_ns: int) -> str | None:
        """What is not proved yet, in words; None: it does its work."""
        if not self._release_is_right:
            return "it is not the release that was offered"
        if not self._senses.sound_flows(now_ns):
            return "no sound flows"
        known = None if self._track is None else self._senses.tracks.track(self._track)
        state = None if known is None else known.state
        whole = known is not None and known.manifest is not None and not known.manifest.partial
        if state is TrackState.DELIVERED and whole:
            return None
        if (state in {None, TrackState.LOST} or (state is not TrackState.OPEN and not whole)) and (
            now_ns >= self._due_ns
        ):
            self._press(now_ns)
        if state is TrackState.FINISHED and whole:
            return "the bridge has not confirmed the track of the self-test"
        return "the self-test has made no whole track"

    def _press(self, now_ns: int) -> None:
        self._due_ns = now_ns + _AGAIN_NS
        self._tests += 1
        press = Press(
            SELF_TEST_BUTTON.name,
            now_ns,
            0,
            Source.SELF_TEST,
            simulated=False,
            request_id=f"trial of a new release, test {self._tests}",
        )
        for action in self._senses.take(press, now_ns):
            if isinstance(action, AcceptPress):
                self._track = action.track_id
