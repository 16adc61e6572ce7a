"""Which presses, or other things with a time, belong to a question: for what is counted from other rows than counts."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, false, or_

from cloud_bridge.reports.counts import zone_of
from cloud_bridge.reports.local_time import period_ns
from cloud_bridge.reports.question import Question
from cloud_bridge.store import tables as t
from cloud_bridge.store.org import Organisation, Place
from cloud_bridge.store.scope import Scope, condition


def of_presses(organisation: Organisation, question: Question, scope: Scope, *, simulated: bool) -> ColumnElement[bool]:
    """The rows of `press` of the period, places and person asked for that `scope` holds."""
    press = t.press
    wanted = [
        condition(scope, organisation, press),
        within_days(organisation, question, press.c.site, press.c.wall_ns),
        press.c.simulated.is_(simulated),
    ]
    if question.site and question.counter:
        wanted.append(condition(Scope(places=(Place(question.site, question.counter),)), organisation, press))
    if question.employee:
        wanted.append(press.c.employee == question.employee)
    return and_(*wanted)


def within_days(
    organisation: Organisation, question: Question, site: ColumnElement[str], at_ns: ColumnElement[int | None]
) -> ColumnElement[bool]:
    """Whether an instant lies in the days asked for, by the clock of its site, which is the one asked for."""
    found: list[ColumnElement[bool]] = [false()]
    zones = list(_sites_of_zones(organisation, question))
    for zone, sites in zones:
        begin_ns, end_ns = period_ns(question.since, question.until, zone)
        inside = and_(at_ns >= begin_ns, at_ns < end_ns)
        every = len(zones) == 1 and not question.site
        found.append(inside if every else and_(inside, site.in_(sites)))
    return or_(*found)


def _sites_of_zones(organisation: Organisation, question: Question) -> Iterator[tuple[ZoneInfo, list[str]]]:
    clocks: dict[str, list[str]] = {}
    for site in [question.site] if question.site else organisation.sites:
        clocks.setdefault(str(zone_of(organisation, site)), []).append(site)
    for name, sites in sorted(clocks.items()):
        yield ZoneInfo(name), sorted(sites)
