"""What the session decides: the facts it adds to those of the drivers, and the actions it asks the box to take."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.contract import Edge, Press, Source
from edge.config import ButtonConfig
from edge.plan import PlannedTrack


@dataclass(frozen=True, slots=True)
class Shift:
    """From `mono_ns` on, presses of the shared `button` belong to `employee` (None: nobody is on shift)."""

    button: str
    employee: str | None
    mono_ns: int
    source: Source
    request_id: str | None = None


SessionFact = Edge | Press | Shift


@dataclass(frozen=True, slots=True)
class AcceptPress:
    """A press that counts. `mono_ns` is the stamp of its own first edge, however late it was recognised.

    `track_id` is the track that holds its sound, if any; `track` is that track's plan where this press opens it (a
    press of a `misuse` series shares the track of the press before the series while it lies in its window).
    `snapshot_id` is the Emotional Snapshot that it gets, if any; a series of misuse is one client.
    """

    id: str
    button: ButtonConfig
    mono_ns: int
    uncertainty_ns: int
    source: Source
    simulated: bool
    employee: str | None
    track_id: str | None
    track: PlannedTrack | None
    misuse: bool
    request_id: str | None
    snapshot_id: str | None = None


@dataclass(frozen=True, slots=True)
class RepeatedPress:
    """The request was taken before and is the press `id`; nothing new happened."""

    id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class CountBounces:
    """The contact of the press `id` has come to rest after `bounces` more suppressed edges."""

    id: str
    bounces: int


@dataclass(frozen=True, slots=True)
class BindShift:
    """The shift is in force; `employee` None: nobody."""

    button: str
    employee: str | None
    mono_ns: int
    source: Source
    request_id: str | None


@dataclass(frozen=True, slots=True)
class FinishTrack:
    """The window of the track is over: its sound can be cut. Asked once a track."""

    track: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The fact can't be taken; `reason` names what is wrong and the remedy. `is_temporary`: it may be taken later."""

    button: str
    request_id: str | None
    reason: str
    is_temporary: bool = False


Action = AcceptPress | RepeatedPress | CountBounces | BindShift | FinishTrack | Refuse
