"""A scope that can be asked: the presses, tracks and boxes that a person may see, in SQL and row by row."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import ColumnElement, FromClause, RowMapping, select

from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Organisation, Place, organisation
from cloud_bridge.store.scope import EVERYTHING, Scope, condition
from cloud_bridge.store.tables_org import EVERY_BUTTON

_NOTHING_KNOWN = Organisation(sites={}, counters={}, sources={}, employees={})


class Sight(Struct, frozen=True):
    """A scope with the organisation that says at which counter a press happened; without arguments: everything."""

    scope: Scope = EVERYTHING
    organisation: Organisation = _NOTHING_KNOWN

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self.scope.is_everything

    def where(self, press: FromClause = t.press) -> ColumnElement[bool]:
        """The rows of `press` (columns site, box, button, employee) that may be seen."""
        return condition(self.scope, self.organisation, press)

    def holds(self, site: str, box: str, button: str, employee: str | None) -> bool:
        """Whether one press may be seen; equal to what `where` selects."""
        return self.scope.holds(self.organisation, site, box, button, employee)

    def holds_box(self, site: str, box: str) -> bool:
        """Whether a box stands where the person may see anything: its site, its counter, or a counter of a button."""
        if not self.scope.places or Place(site) in self.scope.places:
            return True
        return any(
            source.site == site and source.box == box and Place(site, source.counter) in self.scope.places
            for source in self.organisation.sources.values()
        )

    def holds_all_of(self, site: str, box: str) -> bool:
        """Whether all of a box may be seen, also what belongs to no press yet."""
        if self.scope.employee is not None:
            return False
        if not self.scope.places or Place(site) in self.scope.places:
            return True
        sources = [one for one in self.organisation.sources.values() if (one.site, one.box) == (site, box)]
        return any(one.button == EVERY_BUTTON for one in sources) and all(
            Place(site, one.counter) in self.scope.places for one in sources
        )


FULL = Sight()
"""Everything: for commands and background tasks, never for a page."""


def open_sight(store: Store, scope: Scope) -> Sight:
    """The sight of a scope; reads the organisation only where counters are named."""
    named = any(place.counter for place in scope.places)
    return Sight(scope, organisation(store) if named else _NOTHING_KNOWN)


def sees_press(store: Store, sight: Sight, press_id: str) -> bool:
    """Whether a press has arrived and may be seen."""
    return bool(_visible(store, sight, t.press.c.id == press_id))


def sees_of_press(store: Store, sight: Sight, site: str, box: str, press_id: str) -> bool:
    """Whether what a box told of a press may be seen; before the press has arrived, by who sees all of the box."""
    if sight.holds_all_of(site, box):
        return True
    found = _visible(store, sight, t.press.c.id == press_id)
    return any((row["site"], row["box"]) == (site, box) for row in found)


def sees_track(store: Store, sight: Sight, track_id: str) -> bool:
    """Whether a track (of sound, or a picture under its snapshot's id) is there and may be seen.

    It may where one of the presses that it belongs to may; where none has arrived, by who sees all of its box.
    """
    columns = (t.track.c.site, t.track.c.box, t.track.c.press, t.track.c.extends)
    with store.read() as connection:
        track = connection.execute(select(*columns).where(t.track.c.id == track_id)).mappings().one_or_none()
    if track is None:
        return False
    owner = (track["site"], track["box"])
    if sight.holds_all_of(*owner):
        return True
    tracks = [one for one in (track_id, track["extends"]) if one is not None]
    found = _visible(store, sight, t.press.c.track.in_(tracks))
    if track["press"] is not None:
        found += _visible(store, sight, t.press.c.id == track["press"])
    # A press of another box may name this track; that gives nobody its sound.
    return any((row["site"], row["box"]) == owner for row in found)


def _visible(store: Store, sight: Sight, which: ColumnElement[bool]) -> list[RowMapping]:
    # Judged here, not in SQL: a planner without statistics would rather walk through all presses of a box.
    columns = (t.press.c.site, t.press.c.box, t.press.c.button, t.press.c.employee)
    with store.read() as connection:
        rows = connection.execute(select(*columns).where(which)).mappings().all()
    return [row for row in rows if sight.holds(row["site"], row["box"], row["button"], row["employee"])]
