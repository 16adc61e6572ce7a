"""Reads the counts of half hours: who voted how, who was served, by place, employee, day and hour. Never a press."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, case, func, select

from cloud_bridge.reports.local_time import DAY_NS, HOUR_NS, local_ns, period_ns
from cloud_bridge.reports.question import Question
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Organisation, Place
from cloud_bridge.store.scope import Scope, condition
from cloud_bridge.store.tables_tally import SERVED, tally
from edge.wire import Trigger

_VOTES = (str(Trigger.INCIDENT), str(Trigger.RATING))
_NEGATIVE_MAX, _POSITIVE_MIN = 2, 4


@dataclass(slots=True)
class Counts:
    """What was counted of one group. A voter is a press that was not flagged as hammering."""

    served: int = 0
    voters: int = 0
    positive: int = 0
    negative: int = 0
    appeals: int = 0
    smiles: int = 0
    smile_verdicts: int = 0

    def add(self, other: Counts) -> None:
        """Count another group in."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class PlaceKey:
    """Where and who: `counter` is None where the organisation names none, `employee` is empty where nobody knows."""

    site: str
    counter: str | None
    employee: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What was pressed. `rating` is 0 where there was none."""

    trigger: str
    rating: int
    button: str


@dataclass(slots=True)
class PlaceCounts:
    """All of a period by place and employee, and by what was pressed; of real presses or of simulated ones."""

    simulated: bool
    places: dict[PlaceKey, Counts] = field(default_factory=dict)
    entries: dict[Entry, int] = field(default_factory=dict)
    misuse: int = 0

    def counted_counters(self) -> frozenset[tuple[str, str | None]]:
        """The counters whose served customers are known."""
        return frozenset((key.site, key.counter) for key, counts in self.places.items() if counts.served)


def by_place(store: Store, organisation: Organisation, question: Question, scope: Scope) -> PlaceCounts:
    """Counts of the question's period, of what `scope` holds."""
    kinds = (tally.c.trigger, tally.c.rating)
    where = (tally.c.site, tally.c.box, tally.c.button, tally.c.employee)
    sums = [func.sum(column).label(column.name) for column in (tally.c.count, tally.c.misuse, *_SMILES)]
    both = {False: PlaceCounts(False), True: PlaceCounts(True)}
    with store.read() as connection:
        for chosen, _zone in _zones(organisation, question, scope):
            query = select(*where, *kinds, tally.c.simulated, *sums).where(chosen)
            for row in connection.execute(query.group_by(*where, *kinds, tally.c.simulated)).mappings():
                _take(both[bool(row["simulated"])], organisation, row)
    if question.simulated is not None:
        return both[question.simulated]
    return both[False] if both[False].places else both[True]


def by_hour(
    store: Store,
    organisation: Organisation,
    question: Question,
    scope: Scope,
    *,
    simulated: bool,
    only: tuple[Place, ...] = (),
) -> dict[tuple[int, int], Counts]:
    """Counts of each (local day since 1970, hour of that day) that has any; `only`: of these counters of them."""
    found: dict[tuple[int, int], Counts] = {}
    narrower = condition(Scope(places=only), organisation, tally)
    with store.read() as connection:
        for wanted, zone in _zones(organisation, question, scope):
            chosen = and_(wanted, narrower)
            for day, hour, counts in _hours(connection, chosen, zone, question, simulated=simulated):
                found.setdefault((day, hour), Counts()).add(counts)
    return found


def zone_of(organisation: Organisation, site: str) -> ZoneInfo:
    """The clock of a site."""
    known = organisation.sites.get(site)
    return ZoneInfo(known.time_zone if known else "UTC")


_SMILES = (tally.c.smiles, tally.c.smile_verdicts)


def _zones(
    organisation: Organisation, question: Question, scope: Scope
) -> Iterator[tuple[ColumnElement[bool], ZoneInfo]]:
    """For each clock the condition of the rows that were asked for at the sites that go by it."""
    wanted = condition(scope, organisation, tally)
    if question.counter and question.site:
        wanted &= condition(Scope(places=(Place(question.site, question.counter),)), organisation, tally)
    if question.employee:
        wanted &= tally.c.employee == question.employee
    sites = [question.site] if question.site else [site for site in organisation.sites if scope.holds_site(site)]
    clocks: dict[str, list[str]] = {}
    for site in sites:
        clocks.setdefault(str(zone_of(organisation, site)), []).append(site)
    for name, members in sorted(clocks.items()):
        zone = ZoneInfo(name)
        begin_ns, end_ns = period_ns(question.since, question.until, zone)
        chosen = and_(tally.c.slot_ns >= begin_ns, tally.c.slot_ns < end_ns, wanted)
        everywhere = len(clocks) == 1 and not question.site
        yield chosen if everywhere else and_(chosen, tally.c.site.in_(sorted(members))), zone


def _take(into: PlaceCounts, organisation: Organisation, row: RowMapping) -> None:
    trigger, rating, button = str(row["trigger"]), int(row["rating"]), str(row["button"])
    counter = organisation.counter_of(row["site"], row["box"], button)
    counts = into.places.setdefault(PlaceKey(row["site"], counter.name if counter else None, row["employee"]), Counts())
    count, misuse = int(row["count"]), int(row["misuse"])
    if trigger == SERVED:
        counts.served += count
        return
    counts.smiles += int(row["smiles"])
    counts.smile_verdicts += int(row["smile_verdicts"])
    into.misuse += misuse
    pressed = count - misuse
    if not pressed:
        return
    entry = Entry(trigger, rating, button)
    into.entries[entry] = into.entries.get(entry, 0) + pressed
    if trigger in _VOTES:
        counts.voters += pressed
        counts.positive += pressed if _is_positive(trigger, rating) else 0
        counts.negative += pressed if _is_negative(trigger, rating) else 0
    elif trigger == Trigger.APPEAL:
        counts.appeals += pressed


def _is_negative(trigger: str, rating: int) -> bool:
    return trigger == Trigger.INCIDENT or 1 <= rating <= _NEGATIVE_MAX


def _is_positive(trigger: str, rating: int) -> bool:
    return trigger == Trigger.RATING and rating >= _POSITIVE_MIN


def _hours(
    connection: Connection, chosen: ColumnElement[bool], zone: ZoneInfo, question: Question, *, simulated: bool
) -> Iterator[tuple[int, int, Counts]]:
    at = local_ns(tally.c.slot_ns, period_ns(question.since, question.until, zone), zone)
    day, hour = (at // DAY_NS).label("day"), ((at // HOUR_NS) % 24).label("hour")
    pressed = tally.c.count - tally.c.misuse
    votes, rating = tally.c.trigger.in_(_VOTES), tally.c.rating
    red = tally.c.trigger == str(Trigger.INCIDENT)
    sums = {
        "served": (tally.c.trigger == SERVED, tally.c.count),
        "voters": (votes, pressed),
        "positive": (and_(votes, ~red, rating >= _POSITIVE_MIN), pressed),
        "negative": (and_(votes, red | rating.between(1, _NEGATIVE_MAX)), pressed),
        "appeals": (tally.c.trigger == str(Trigger.APPEAL), pressed),
    }
    columns = [func.sum(case((when, what), else_=0)).label(name) for name, (when, what) in sums.items()]
    columns += [func.sum(column).label(column.name) for column in _SMILES]
    query = select(day, hour, *columns).where(chosen, tally.c.simulated.is_(simulated)).group_by(day, hour)
    for row in connection.execute(query):
        yield int(row.day), int(row.hour), Counts(*(int(value) for value in row[2:]))
