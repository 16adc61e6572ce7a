"""Questions of pages and programs to the store. All read-only; times are Unix nanoseconds; ids are the wire's.

Lists are paged by key, not by offset: a page costs the same at the end of a million rows as at their beginning.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, tuple_

from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.mapping import health, instant, press_row, track_row
from cloud_bridge.store.rows import (
    BoxRow,
    Changes,
    Cursor,
    FaultRow,
    PressDetail,
    PressFilter,
    PressPage,
    QuarantineRow,
    SeqGap,
    TrackRow,
    TrackState,
)
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.sight import FULL, Sight, open_sight, sees_track

LIMIT_MAX = 500


def list_presses(
    store: Store, where: PressFilter, cursor: Cursor | None = None, limit: int = 50, sight: Sight = FULL
) -> PressPage:
    """One page of the presses that `sight` holds, newest first, after `cursor`; `limit` is cut to `LIMIT_MAX`."""
    limit = max(1, min(limit, LIMIT_MAX))
    query = presses_with_tracks().order_by(t.press.c.wall_ns.desc(), t.press.c.id.desc()).limit(limit + 1)
    for column, value in (
        (t.press.c.site, where.site),
        (t.press.c.box, where.box),
        (t.press.c.trigger, where.trigger),
        (t.press.c.employee, where.employee),
        (t.press.c.rating, where.rating),
    ):
        if value is not None:
            query = query.where(column == value)
    if where.place is not None:
        query = query.where(open_sight(store, Scope(places=(where.place,))).where())
    if not sight.is_everything:
        query = query.where(sight.where())
    if where.state is not None:
        query = query.where(*_in_state(where.state))
    if where.since_ns is not None:
        query = query.where(t.press.c.wall_ns >= where.since_ns)
    if where.until_ns is not None:
        query = query.where(t.press.c.wall_ns < where.until_ns)
    if cursor is not None:
        query = query.where(tuple_(t.press.c.wall_ns, t.press.c.id) < tuple_(cursor.wall_ns, cursor.id))
    with store.read() as connection:
        rows = tuple(press_row(row) for row in connection.execute(query))
    page = rows[:limit]
    more = len(rows) > limit
    return PressPage(page, Cursor(page[-1].instant.wall_ns, page[-1].id) if more else None)


def press(store: Store, press_id: str, sight: Sight = FULL) -> PressDetail | None:
    """A press and its tracks, or None where no such press has arrived or `sight` does not hold it."""
    with store.read() as connection:
        found = connection.execute(presses_with_tracks().where(t.press.c.id == press_id)).one_or_none()
        if found is None:
            return None
        row = press_row(found)
        if not sight.holds(row.site, row.box, row.button, row.employee):
            return None
        wanted = [t.track.c.press == press_id]
        if row.track is not None:
            # Compared with None these would mean "of no other track", which nearly all tracks are.
            wanted += [t.track.c.id == row.track, t.track.c.extends == row.track]
        query = _tracks().where(t.track.c.site == row.site, t.track.c.box == row.box, or_(*wanted))
        tracks = [track_row(track) for track in connection.execute(query)]
    tracks.sort(key=lambda track: (track.id != row.track, track.completed_ns or 0, track.id))
    return PressDetail(row, tuple(tracks))


def track(store: Store, track_id: str, sight: Sight = FULL) -> TrackRow | None:
    """A track, or None where there is none or `sight` does not hold it."""
    if not sight.is_everything and not sees_track(store, sight, track_id):
        return None
    with store.read() as connection:
        found = connection.execute(_tracks().where(t.track.c.id == track_id)).one_or_none()
        return None if found is None else track_row(found)


def track_peaks(store: Store, track_id: str, sight: Sight = FULL) -> bytes | None:
    """int8 pairs (minimum, maximum) for the waveform, or None while the track is not complete or does not decode.

    None as well where `sight` does not hold the track.
    """
    if not sight.is_everything and not sees_track(store, sight, track_id):
        return None
    with store.read() as connection:
        peaks: bytes | None = connection.execute(select(t.track.c.peaks).where(t.track.c.id == track_id)).scalar()
        return peaks


def press_of_track(store: Store, track_id: str) -> str | None:
    """The press that a track belongs to (the first of a hammered series), or None."""
    with store.read() as connection:
        named: str | None = connection.execute(select(t.track.c.press).where(t.track.c.id == track_id)).scalar()
        if named is not None:
            return named
        query = select(t.press.c.id).where(t.press.c.track == track_id).order_by(t.press.c.misuse, t.press.c.mono_ns)
        first: str | None = connection.execute(query.limit(1)).scalar()
        return first


def changes(store: Store, after: int, limit: int = 200) -> Changes:
    """Presses that changed after `after` (0: from the beginning), in commit order; a press is there once."""
    query = presses_with_tracks().where(t.press.c.change > after).order_by(t.press.c.change, t.press.c.id)
    with store.read() as connection:
        rows = [press_row(row) for row in connection.execute(query.limit(limit + 1))]
    if len(rows) > limit:
        # Presses of one transaction share a number; a page never ends within it, else the rest would be skipped.
        last = rows[-1].change
        whole = [row for row in rows if row.change < last]
        if not whole:
            with store.read() as connection:
                same = presses_with_tracks().where(t.press.c.change == last).order_by(t.press.c.id)
                whole = [press_row(row) for row in connection.execute(same)]
        rows = whole
    return Changes(tuple(rows), rows[-1].change if rows else after)


def last_change(store: Store) -> int:
    """The number to begin `changes` with, so that only what comes later is seen."""
    with store.read() as connection:
        value: int | None = connection.execute(select(t.change.c.value)).scalar()
        return value or 0


def boxes(store: Store) -> tuple[BoxRow, ...]:
    """All boxes that were ever heard of, by site and name."""
    with store.read() as connection:
        counts = {
            (row.site, row.box): (row.presses, row.last_ns)
            for row in connection.execute(
                select(
                    t.press.c.site,
                    t.press.c.box,
                    func.count().label("presses"),
                    func.max(t.press.c.wall_ns).label("last_ns"),
                ).group_by(t.press.c.site, t.press.c.box)
            )
        }
        missing: dict[tuple[str, str], int] = {}
        for row in connection.execute(_span_of_series()):
            missing[row.site, row.box] = missing.get((row.site, row.box), 0) + row.largest - int(row.there)
        found = []
        for row in connection.execute(select(t.box).order_by(t.box.c.site, t.box.c.name)):
            presses, last_press_ns = counts.get((row.site, row.name), (0, None))
            found.append(
                BoxRow(
                    site=row.site,
                    name=row.name,
                    online=row.online,
                    session=row.session,
                    version=row.version,
                    boot_id=row.boot_id,
                    series=row.series,
                    status_ns=row.status_ns,
                    health=None if row.health is None else health(row.health),
                    health_ns=row.health_ns,
                    presses=presses,
                    last_press_ns=last_press_ns,
                    missing=missing.get((row.site, row.name), 0),
                )
            )
        return tuple(found)


def box_names(store: Store) -> tuple[tuple[str, str], ...]:
    """(site, name) of all boxes that were ever heard of, in order; unlike `boxes` without counting their presses."""
    with store.read() as connection:
        query = select(t.box.c.site, t.box.c.name).order_by(t.box.c.site, t.box.c.name)
        return tuple((row.site, row.name) for row in connection.execute(query))


def missing_seq(store: Store, site: str, box: str, limit: int = 1000) -> tuple[SeqGap, ...]:
    """Holes in the numbering of a box's events, by series and number, at most `limit`."""
    own = (t.seq_range.c.site == site, t.seq_range.c.box == box)
    before = func.lag(t.seq_range.c.last, 1, 0).over(partition_by=t.seq_range.c.series, order_by=t.seq_range.c.first)
    holes = select(t.seq_range.c.series, t.seq_range.c.first, before.label("before")).where(*own).subquery()
    query = select(holes).where(holes.c.first > holes.c.before + 1).order_by(holes.c.series, holes.c.first).limit(limit)
    with store.read() as connection:
        return tuple(SeqGap(row.series, row.before + 1, row.first - 1) for row in connection.execute(query))


def faults(store: Store, site: str | None = None, box: str | None = None, limit: int = 100) -> tuple[FaultRow, ...]:
    """The latest fault reports, newest first."""
    query = select(t.fault).order_by(t.fault.c.wall_ns.desc(), t.fault.c.id).limit(max(1, min(limit, LIMIT_MAX)))
    if site is not None:
        query = query.where(t.fault.c.site == site)
    if box is not None:
        query = query.where(t.fault.c.box == box)
    with store.read() as connection:
        return tuple(
            FaultRow(
                id=row.id,
                site=row.site,
                box=row.box,
                name=row.name,
                device=row.device,
                active=row.active,
                detail=row.detail,
                lost_frames=row.lost_frames,
                instant=instant(row),
            )
            for row in connection.execute(query)
        )


def list_quarantine(store: Store, before: int | None = None, limit: int = 50) -> tuple[QuarantineRow, ...]:
    """Quarantined messages, newest first, with ids below `before`."""
    query = select(t.quarantine).order_by(t.quarantine.c.id.desc()).limit(max(1, min(limit, LIMIT_MAX)))
    if before is not None:
        query = query.where(t.quarantine.c.id < before)
    names = QuarantineRow.__struct_fields__
    with store.read() as connection:
        return tuple(
            QuarantineRow(**{name: row[name] for name in names}) for row in connection.execute(query).mappings()
        )


def _in_state(state: TrackState) -> list[ColumnElement[bool]]:
    """Conditions in forms that lead a planner without statistics to the presses first, never through each track."""
    wanted = [func.coalesce(t.track.c.state, "") == str(state)]
    if state is not TrackState.COMPLETE:
        # Few have another state: from the index of states to their presses.
        wanted.append(t.press.c.track.in_(select(t.track.c.id).where(t.track.c.state == str(state))))
    return wanted


def _span_of_series() -> Select[Any]:
    """Per series: the largest number that came, and how many came."""
    key = (t.seq_range.c.site, t.seq_range.c.box, t.seq_range.c.series)
    there = func.sum(t.seq_range.c.last - t.seq_range.c.first + 1)
    return select(*key, func.max(t.seq_range.c.last).label("largest"), there.label("there")).group_by(*key)


def presses_with_tracks() -> Select[Any]:
    """Presses with what `mapping.press_row` takes of their tracks."""
    track_columns: list[ColumnElement[Any]] = [
        t.track.c.state.label("track_state"),
        case((t.track.c.damaged.is_not(None), True), else_=False).label("damaged"),
        t.track.c.partial,
    ]
    # A press may name another box's track; it does not get to see it.
    own = and_(t.track.c.id == t.press.c.track, t.track.c.site == t.press.c.site, t.track.c.box == t.press.c.box)
    return select(t.press, *track_columns).outerjoin(t.track, own)


def _tracks() -> Select[Any]:
    received = select(func.count(t.chunk.c.n.distinct())).where(t.chunk.c.track == t.track.c.id).scalar_subquery()
    columns = [column for column in t.track.c if column.name != "peaks"]
    # Not plainly `kind = 'sound'`: an index begins with it, and nearly every track has it.
    sound = func.coalesce(t.track.c.kind, "") == "sound"
    return select(*columns, received.label("chunks_received")).where(sound)
