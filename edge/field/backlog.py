"""A look into the outbox from outside, read-only, beside the box that writes it. Counters only: no sound, no text."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import msgspec

from edge.field.outage import RECENT_H
from edge.outbox_types import TrackState

_HOUR_NS = 3_600_000_000_000
_BUSY_S = 5.0


class BacklogUnreadable(Exception):
    """The outbox can't be read by this user, or is none."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """`bytes` counts events and files without a receipt; `states` counts tracks by state, `sizes` are (wall ns, bytes).

    `seq` is the newest event's number; `presses` counts the presses that are remembered.
    """

    seq: int
    events: int
    tracks: int
    bytes: int
    presses: int
    states: dict[str, int]
    sizes: tuple[tuple[int, int], ...]

    def recent(self, wall_ns: int) -> list[tuple[float, int]]:
        """(hours ago, bytes) of the tracks whose press was in the last `RECENT_H` hours."""
        ages = [((wall_ns - at_ns) / _HOUR_NS, size) for at_ns, size in self.sizes]
        return [(ago_h, size) for ago_h, size in ages if 0 <= ago_h <= RECENT_H]


class _Dated(msgspec.Struct):
    wall_ns: int


def look(folder: Path) -> Backlog | None:
    """The counters of the outbox in `folder`; None where there is none yet. Raises `BacklogUnreadable`."""
    path = folder / "outbox.db"
    try:
        if not path.exists():
            return None
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_BUSY_S)) as db:
            # One transaction: the counters belong to one instant.
            db.execute("begin")
            return _count(db)
    except (sqlite3.Error, OSError) as error:
        raise BacklogUnreadable(f"{path} can't be read: {error}") from error


def _count(db: sqlite3.Connection) -> Backlog:
    events, event_bytes = db.execute("select count(*), total(length(payload)) from event").fetchone()
    states = dict(db.execute("select state, count(*) from track group by state").fetchall())
    (track_bytes,) = db.execute("select total(bytes) from track where state = ?", [TrackState.FINISHED]).fetchone()
    seq = db.execute("select value from counter where name = 'seq'").fetchone()
    (presses,) = db.execute("select count(*) from press").fetchone()
    sized = db.execute("select stamp, bytes from track where bytes > 0").fetchall()
    return Backlog(
        seq=0 if seq is None else seq[0],
        events=events,
        tracks=states.get(TrackState.FINISHED, 0),
        bytes=int(event_bytes + track_bytes),
        presses=presses,
        states=states,
        sizes=tuple((msgspec.json.decode(stamp, type=_Dated).wall_ns, size) for stamp, size in sized),
    )
