"""Whose a track or picture is: its presses, the cases they are in, and whether it must stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, or_, select

from cloud_bridge.cases.rows import Status
from cloud_bridge.retention import holds
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_case as tc
from cloud_bridge.store import tables_snapshot as ts


class Belonging(Struct, frozen=True, kw_only=True):
    """`closed_ns` is when the last of its cases was closed, None where it is in none; `open`: one of them is not."""

    press: str | None
    held: bool
    in_case: bool
    open: bool
    closed_ns: int | None


def belonging(connection: Connection, track: Mapping[str, Any]) -> Belonging:
    """What a row of `track` belongs to."""
    presses = presses_of_track(connection, track)
    query = select(tc.case_press).where(tc.case_press.c.press.in_(presses))
    paths = {row.press: holds.path_of(connection, int(row.case)) for row in connection.execute(query).all()}
    roots = sorted({path[-1] for path in paths.values()})
    states = select(tc.case_file.c.status, tc.case_file.c.closed_ns).where(tc.case_file.c.id.in_(roots))
    cases = connection.execute(states).all()
    return Belonging(
        press=presses[0] if presses else None,
        held=any(holds.is_held(connection, press, paths.get(press, ())) for press in presses),
        in_case=bool(cases),
        open=any(case.status != Status.CLOSED for case in cases),
        closed_ns=max((case.closed_ns for case in cases if case.closed_ns is not None), default=None),
    )


def presses_of_track(connection: Connection, track: Mapping[str, Any]) -> list[str]:
    """All presses that share a track: the one that it names, hammered ones, that of what it extends."""
    shared = [one for one in (track["id"], track["extends"]) if one is not None]
    query = select(tp.press.c.id).where(or_(tp.press.c.track.in_(shared), tp.press.c.snapshot.in_(shared)))
    found = set(connection.execute(query).scalars())
    told = select(ts.snapshot.c.press).where(ts.snapshot.c.id == track["id"])
    named = {track["press"], *connection.execute(told).scalars()} - {None}
    first = sorted(named)
    return first + sorted(found - named)


def tracks_of_press(connection: Connection, press: str) -> list[str]:
    """The ids of all sounds and pictures of a press, also those that extend its sound."""
    row = connection.execute(select(tp.press.c.track, tp.press.c.snapshot).where(tp.press.c.id == press)).one_or_none()
    wanted = [tp.track.c.press == press]
    if row is not None:
        own = [one for one in row if one is not None]
        wanted += [tp.track.c.id.in_(own), tp.track.c.extends.in_(own)] if own else []
    return sorted(connection.execute(select(tp.track.c.id).where(or_(*wanted))).scalars())
