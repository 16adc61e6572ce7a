"""What of the presses a person may see, as a condition that every query about presses can carry."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import ColumnElement, FromClause, and_, false, not_, or_, true

from cloud_bridge.store.org import Organisation, Place
from cloud_bridge.store.tables_org import EVERY_BUTTON


class Scope(Struct, frozen=True, kw_only=True):
    """Presses of these places (empty: of all), and only this employee's where one is named."""

    places: tuple[Place, ...] = ()
    employee: str | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return not self.places and self.employee is None

    def holds(self, organisation: Organisation, site: str, box: str, button: str, employee: str | None) -> bool:
        """Whether one press is among them; equal to what `condition` selects."""
        if self.employee is not None and employee != self.employee:
            return False
        if not self.places or Place(site) in self.places:
            return True
        counter = organisation.counter_of(site, box, button)
        return counter is not None and Place(counter.site, counter.name) in self.places

    def holds_site(self, site: str) -> bool:
        """Whether anything of a site is among them."""
        return not self.places or any(place.site == site for place in self.places)


EVERYTHING = Scope()


def condition(scope: Scope, organisation: Organisation, press: FromClause) -> ColumnElement[bool]:
    """The rows of `press` (columns site, box, button, employee) that `scope` holds."""
    wanted: list[ColumnElement[bool]] = []
    if scope.employee is not None:
        wanted.append(press.c.employee == scope.employee)
    if scope.places:
        wanted.append(or_(false(), *_of_places(scope, organisation, press)))
    return and_(true(), *wanted)


def _of_places(scope: Scope, organisation: Organisation, press: FromClause) -> list[ColumnElement[bool]]:
    sites = sorted(place.site for place in scope.places if not place.counter)
    found: list[ColumnElement[bool]] = [press.c.site.in_(sites)] if sites else []
    counters = {place for place in scope.places if place.counter}
    own: dict[tuple[str, str], list[str]] = {}
    for site, box, button in sorted(organisation.sources):
        if button != EVERY_BUTTON:
            own.setdefault((site, box), []).append(button)
    for (site, box, button), source in sorted(organisation.sources.items()):
        if Place(site, source.counter) not in counters:
            continue
        here = and_(press.c.site == site, press.c.box == box)
        if button != EVERY_BUTTON:
            found.append(and_(here, press.c.button == button))
            continue
        # What has a source of its own is decided by that one.
        elsewhere = own.get((site, box))
        found.append(and_(here, not_(press.c.button.in_(elsewhere))) if elsewhere else here)
    return found
