"""The queue of the review: which presses, in pages by key, and how many."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Column, ColumnElement, FromClause, Select, and_, exists, false, func, select, tuple_

from cloud_bridge.checklists.causes import has_cause
from cloud_bridge.store import tables as t
from cloud_bridge.store import tables_review as tr
from cloud_bridge.store import tables_snapshot as ts
from cloud_bridge.store.engine import Store
from cloud_bridge.store.failures import condition_inside_failure
from cloud_bridge.store.mapping import press_row
from cloud_bridge.store.org import Organisation, Place
from cloud_bridge.store.queries import presses_with_tracks
from cloud_bridge.store.rows import Cursor, PressRow, TrackState
from cloud_bridge.store.scope import Scope, condition
from cloud_bridge.store.sight import Sight
from cloud_bridge.store.tables_alarm import alarm_press

COUNTED_MAX: Final = 5000
"""As many are counted, and as many can be changed at once."""
_FEW: Final = 3000


class Wanted(Struct, frozen=True, kw_only=True):
    """Which presses: None or empty means any. `since_ns` ≤ time < `until_ns`.

    `reviewed`: by the person themselves. `verdict`: false, check, true, or none. `cause`: `<checklist>.<item>`.
    """

    failures: bool = False
    alarm: str | None = None
    place: Place | None = None
    employee: str | None = None
    trigger: str | None = None
    rating: int | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    reviewed: bool | None = False
    verdict: str | None = None
    tag: str | None = None
    cause: str | None = None
    sound: bool = False
    picture: bool = False


class QueueRow(Struct, frozen=True):
    """A press of the queue, with what is said of it."""

    press: PressRow
    picture: bool
    reviewed: bool
    verdict: str | None


class QueuePage(Struct, frozen=True):
    """Rows, newest first; `next` is None at the end."""

    rows: tuple[QueueRow, ...]
    next: Cursor | None


class Asker(Struct, frozen=True):
    """Who asks: how far they see, and the organisation that says which counter a press is at."""

    account: int
    sight: Sight
    organisation: Organisation


def page(store: Store, asker: Asker, wanted: Wanted, cursor: Cursor | None = None, limit: int = 50) -> QueuePage:
    """One page of the queue after `cursor`."""
    order = (t.press.c.wall_ns.desc(), t.press.c.id.desc())
    query = select(t.press.c.id).where(*conditions(store, asker, wanted)).order_by(*order)
    if cursor is not None:
        query = query.where(tuple_(t.press.c.wall_ns, t.press.c.id) < tuple_(cursor.wall_ns, cursor.id))
    with store.read() as connection:
        # First which, then what there is to know of them: nothing is joined to rows that are only sorted away.
        ids = [row.id for row in connection.execute(query.limit(limit + 1))]
        rows = connection.execute(_rows(asker).where(t.press.c.id.in_(ids)).order_by(*order))
        found = [_row(row) for row in rows]
    shown = tuple(found[:limit])
    if len(found) <= limit:
        return QueuePage(shown, None)
    return QueuePage(shown, Cursor(shown[-1].press.instant.wall_ns, shown[-1].press.id))


def one(store: Store, asker: Asker, press: str) -> QueueRow | None:
    """The row of one press that may be seen, whether the queue holds it or not."""
    with store.read() as connection:
        row = connection.execute(_rows(asker).where(t.press.c.id == press, asker.sight.where())).one_or_none()
    return None if row is None else _row(row)


def count(store: Store, asker: Asker, wanted: Wanted) -> int:
    """How many presses match; `COUNTED_MAX` + 1 where they are more."""
    query = select(t.press.c.id).where(*conditions(store, asker, wanted))
    # In the order of the list, which finds enough of them soonest.
    some = query.order_by(t.press.c.wall_ns.desc(), t.press.c.id.desc()).limit(COUNTED_MAX + 1).subquery()
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def conditions(store: Store, asker: Asker, wanted: Wanted) -> list[ColumnElement[bool]]:
    """What the rows of `press` fulfil that match and may be seen."""
    press = t.press
    found = [] if asker.sight.is_everything else [asker.sight.where()]
    if wanted.place is not None:
        # A counter that nobody knows has no press; without a source its condition would name none at all.
        found.append(condition(Scope(places=(wanted.place,)), asker.organisation, press))
    for column, value in (
        (press.c.employee, wanted.employee),
        (press.c.trigger, wanted.trigger),
        (press.c.rating, wanted.rating),
    ):
        if value is not None:
            found.append(column == value)
    if wanted.since_ns is not None:
        found.append(press.c.wall_ns >= wanted.since_ns)
    if wanted.until_ns is not None:
        found.append(press.c.wall_ns < wanted.until_ns)
    found += _of_material(store, wanted)
    found += _of_opinions(store, asker.account, wanted)
    if wanted.failures:
        found.append(condition_inside_failure(press))
    if wanted.alarm is not None:
        found.append(press.c.id.in_(select(alarm_press.c.press).where(alarm_press.c.alarm == wanted.alarm)))
    return found


def _of_material(store: Store, wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.sound:
        found.append(_sound())
    if wanted.picture:
        found.append(_among(store, ts.snapshot.c.press, _picture_of(ts.snapshot)) & _picture())
    return found


def _of_opinions(store: Store, account: int, wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    press = t.press
    if wanted.reviewed is False:
        found.append(~_seen(account))
    elif wanted.reviewed:
        found.append(_among(store, tr.review.c.press, tr.review.c.account == account))
    if wanted.verdict == "none":
        found.append(~exists().where(tr.judgement.c.press == press.c.id, tr.judgement.c.verdict.is_not(None)))
    elif wanted.verdict is not None:
        found.append(_among(store, tr.judgement.c.press, tr.judgement.c.verdict == wanted.verdict))
    if wanted.tag is not None:
        found.append(_among(store, tr.judgement_tag.c.press, tr.judgement_tag.c.tag == wanted.tag))
    if wanted.cause is not None:
        found.append(has_cause(press, wanted.cause) if "." in wanted.cause else false())
    return found


def _among(store: Store, column: Column[Any], which: ColumnElement[bool]) -> ColumnElement[bool]:
    """The presses that `column` names in the rows `which`.

    From few of them to their presses; where they are many, from the newest press on, each asked: either way a page
    touches a few thousand rows, and no planner has to guess.
    """
    ids = select(column).where(which)
    with store.read() as connection:
        some = connection.execute(select(func.count()).select_from(ids.limit(_FEW + 1).subquery())).scalar_one()
    return t.press.c.id.in_(ids) if some <= _FEW else exists().where(column == t.press.c.id, which)


def _rows(asker: Asker) -> Select[Any]:
    return (
        presses_with_tracks()
        .add_columns(
            _picture().label("picture"), _seen(asker.account).label("reviewed"), tr.judgement.c.verdict.label("verdict")
        )
        .outerjoin(tr.judgement, tr.judgement.c.press == t.press.c.id)
    )


def _row(row: Any) -> QueueRow:
    return QueueRow(press_row(row), bool(row.picture), bool(row.reviewed), row.verdict)


def _seen(account: int) -> ColumnElement[bool]:
    return exists().where(tr.review.c.account == account, tr.review.c.press == t.press.c.id)


def _sound() -> ColumnElement[bool]:
    # An alias: the rows have a track beside them already, which is another question.
    sound = t.track.alias("sound")
    own = and_(sound.c.id == t.press.c.track, sound.c.site == t.press.c.site, sound.c.box == t.press.c.box)
    return exists().where(own, sound.c.state == str(TrackState.COMPLETE))


def _picture() -> ColumnElement[bool]:
    """Whether the press's own box told of a snapshot with a picture that has come."""
    snapshot = ts.snapshot.alias("own_snapshot")
    same_box = (snapshot.c.site == t.press.c.site) & (snapshot.c.box == t.press.c.box)
    return exists().where(snapshot.c.press == t.press.c.id, same_box, _picture_of(snapshot))


def _picture_of(snapshot: FromClause) -> ColumnElement[bool]:
    picture = t.track.alias("picture")
    return exists().where(
        picture.c.id == snapshot.c.id, picture.c.kind == "picture", picture.c.state == str(TrackState.COMPLETE)
    )
