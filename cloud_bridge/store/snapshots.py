"""Questions about snapshots, and the scores that people give them. Times are Unix nanoseconds; ids are the wire's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Select, and_, func, insert, select

from cloud_bridge.store import tables as t
from cloud_bridge.store import tables_snapshot as ts
from cloud_bridge.store.engine import Store
from cloud_bridge.store.rows import TrackState
from edge.wire import SnapshotData
from edge.wire.smile_index import Figures, index_of

SCORES = range(1, 6)
"""From 1, the client was unhappy, to 5, delighted."""


class Qualification(Struct, frozen=True):
    """What a person said of a snapshot; `score` None: took back what was said before."""

    score: int | None
    user: str
    at_ns: int


class SnapshotRow(Struct, frozen=True, kw_only=True):
    """A snapshot. `picture` is how far its picture has come (None: it has none), `blob` where it is once complete.

    `qualification` is the last one, None where nobody has qualified it.
    """

    id: str
    press: str
    site: str
    box: str
    data: SnapshotData
    picture: TrackState | None
    blob: str | None
    damaged: str | None
    lost_reason: str | None
    qualification: Qualification | None


class BoxIndex(Struct, frozen=True):
    """The Smile-Index of a box's latest day with a snapshot, from `since_ns` on; `simulated` where it has no others."""

    since_ns: int
    simulated: bool
    figures: Figures


def of_press(store: Store, press: str) -> SnapshotRow | None:
    """The snapshot of a press, or None. Only the box that told the press can tell it."""
    query = _snapshots().join(t.press, and_(t.press.c.id == ts.snapshot.c.press, t.press.c.site == ts.snapshot.c.site))
    return _one(store, query.where(t.press.c.id == press, t.press.c.box == ts.snapshot.c.box))


def by_id(store: Store, snapshot: str) -> SnapshotRow | None:
    """One snapshot, or None."""
    return _one(store, _snapshots().where(ts.snapshot.c.id == snapshot))


def qualify(store: Store, snapshot: str, score: int | None, *, user: str, at_ns: int, address: str) -> bool:
    """Add what a person says, and the line of the audit trail with it; False where there is no such snapshot.

    Raises ValueError for a score outside 1 to 5.
    """
    if score is not None and score not in SCORES:
        raise ValueError(f"score = {score} is none of 1 to 5")
    with store.write() as connection:
        if connection.execute(select(ts.snapshot.c.id).where(ts.snapshot.c.id == snapshot)).scalar() is None:
            return False
        row = {"snapshot": snapshot, "score": score, "user": user, "at_ns": at_ns}
        connection.execute(insert(ts.qualification).values(row))
        said = "none" if score is None else str(score)
        line = {"at_ns": at_ns, "user": user, "action": "snapshot.qualify", "object": f"{snapshot} {said}"}
        connection.execute(insert(t.audit).values(line | {"address": address}))
    return True


def qualifications(store: Store, snapshot: str) -> tuple[Qualification, ...]:
    """All that was said of a snapshot, newest first."""
    query = select(ts.qualification).where(ts.qualification.c.snapshot == snapshot)
    with store.read() as connection:
        rows = connection.execute(query.order_by(ts.qualification.c.id.desc()))
        return tuple(Qualification(row.score, row.user, row.at_ns) for row in rows)


def smile_index(
    store: Store, site: str, box: str, since_ns: int, until_ns: int | None = None, *, simulated: bool = False
) -> Figures:
    """The index of the presses of a box with `since_ns` ≤ time ≤ `until_ns`, by the box's own formula."""
    with store.read() as connection:
        return _index(connection, site, box, since_ns, until_ns, simulated=simulated)


def box_indices(store: Store, boxes: Iterable[tuple[str, str]]) -> dict[tuple[str, str], BoxIndex]:
    """The latest day's index of each box that has any snapshot; the day is the box's, as its last snapshot says."""
    found = {}
    with store.read() as connection:
        for site, box in boxes:
            # By the time of the press: what was held up comes late. A trial with simulated presses hides no client.
            order = (ts.snapshot.c.simulated, t.press.c.wall_ns.desc(), t.press.c.id.desc())
            query = _timed(select(ts.snapshot.c.data), site, box).order_by(*order).limit(1)
            text = connection.execute(query).scalar()
            if text is None:
                continue
            last = msgspec.json.decode(text, type=SnapshotData)
            since_ns = last.index.since_ns
            figures = _index(connection, site, box, since_ns, None, simulated=last.simulated)
            found[site, box] = BoxIndex(since_ns, last.simulated, figures)
    return found


def _index(
    connection: Connection, site: str, box: str, since_ns: int, until_ns: int | None, *, simulated: bool
) -> Figures:
    query = _timed(select(ts.snapshot.c.smiled, func.count()), site, box).where(
        t.press.c.wall_ns >= since_ns, ts.snapshot.c.simulated.is_(simulated), ts.snapshot.c.smiled.is_not(None)
    )
    if until_ns is not None:
        query = query.where(t.press.c.wall_ns <= until_ns)
    counts = {bool(row[0]): int(row[1]) for row in connection.execute(query.group_by(ts.snapshot.c.smiled))}
    return index_of(counts.get(True, 0), sum(counts.values()))


def _timed(query: Select[Any], site: str, box: str) -> Select[Any]:
    """The snapshots of a box with their presses, whose time is theirs."""
    own = and_(
        t.press.c.id == ts.snapshot.c.press, t.press.c.site == ts.snapshot.c.site, t.press.c.box == ts.snapshot.c.box
    )
    return query.join(t.press, own).where(t.press.c.site == site, t.press.c.box == box)


def _snapshots() -> Select[Any]:
    own = and_(
        t.track.c.id == ts.snapshot.c.id,
        t.track.c.site == ts.snapshot.c.site,
        t.track.c.box == ts.snapshot.c.box,
        t.track.c.kind == "picture",
    )
    newest = (
        select(func.max(ts.qualification.c.id))
        .where(ts.qualification.c.snapshot == ts.snapshot.c.id)
        .scalar_subquery()
        .correlate(ts.snapshot)
    )
    return (
        select(
            ts.snapshot.c.id,
            ts.snapshot.c.press,
            ts.snapshot.c.site,
            ts.snapshot.c.box,
            ts.snapshot.c.data,
            t.track.c.state,
            t.track.c.blob,
            t.track.c.damaged,
            t.track.c.lost_reason,
            ts.qualification.c.score,
            ts.qualification.c.user,
            ts.qualification.c.at_ns,
        )
        .outerjoin(t.track, own)
        .outerjoin(ts.qualification, ts.qualification.c.id == newest)
    )


def _one(store: Store, query: Select[Any]) -> SnapshotRow | None:
    with store.read() as connection:
        row = connection.execute(query.order_by(ts.snapshot.c.id).limit(1)).one_or_none()
    if row is None:
        return None
    said = None if row.user is None or row.score is None else Qualification(row.score, row.user, row.at_ns)
    return SnapshotRow(
        id=row.id,
        press=row.press,
        site=row.site,
        box=row.box,
        data=msgspec.json.decode(row.data, type=SnapshotData),
        picture=None if row.state is None else TrackState(row.state),
        blob=row.blob,
        damaged=row.damaged,
        lost_reason=row.lost_reason,
        qualification=said,
    )
