"""The Loyalty Reporter: indices of each group, the week by hours, and the daily board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from cloud_bridge.analytics.laney import laney_chart
from cloud_bridge.analytics.loyalty import LoyaltyIndex, loyalty_index
from cloud_bridge.analytics.ranking import Ranked, rank
from cloud_bridge.analytics.share import share
from cloud_bridge.reports.counts import Counts, PlaceCounts, PlaceKey
from cloud_bridge.reports.figures import Behind, Column, Kind, Row, Table, Value, behind
from cloud_bridge.reports.local_time import day_of
from cloud_bridge.reports.question import Grouping, Question
from cloud_bridge.reports.shown import count_cell, figure_columns, points_cells, share_cells, together
from cloud_bridge.store.org import Organisation, Place
from edge.wire.smile_index import Publishing, publishing

Hours = Mapping[tuple[int, int], Counts]
_MONDAY = 3
"""Of the day 0, which was a Thursday."""

_INDEX_COLUMNS = (
    Column("served", Kind.COUNT),
    Column("voters", Kind.COUNT),
    *figure_columns("iel", Kind.POINTS),
    *figure_columns("turnout", Kind.PERCENT),
    *figure_columns("net", Kind.POINTS),
    *figure_columns("red", Kind.PERCENT),
    *figure_columns("red_voters", Kind.PERCENT),
    Column("smile_n", Kind.COUNT),
    *figure_columns("smile", Kind.PERCENT),
    Column("appeals", Kind.COUNT),
    Column("note", Kind.CODE),
)
_RANK_COLUMNS = (Column("verdict", Kind.CODE), Column("rank", Kind.COUNT))


@dataclass(slots=True)
class Group:
    """A row to be: `whole` is everything in it, `counted` what happened where served customers are known."""

    title: str
    behind: Behind
    whole: Counts = field(default_factory=Counts)
    counted: Counts = field(default_factory=Counts)

    @property
    def index(self) -> LoyaltyIndex:
        """ИЭЛ, on those who were served where that is known."""
        known = self.counted
        return loyalty_index(known.positive, known.negative, known.voters, known.served)


def group_places(counts: PlaceCounts, organisation: Organisation, question: Question) -> list[Group]:
    """The groups of a question that asks by site, counter or employee, by title; nothing for other questions."""
    known = counts.counted_counters()
    found: dict[tuple[str, ...], Group] = {}
    for key, one in counts.places.items():
        name, group = _group_of(key, organisation, question)
        there = found.setdefault(name, group)
        there.whole.add(one)
        if (key.site, key.counter) in known:
            there.counted.add(one)
    return sorted(found.values(), key=lambda group: (group.title == "", group.title))


def group_times(whole: Hours, counted: Hours, question: Question) -> list[Group]:
    """The groups of a question that asks by day, week or month, in their order."""
    found: dict[date, Group] = {}
    for hours, part in ((whole, "whole"), (counted, "counted")):
        for (number, _hour), one in hours.items():
            first, last = _stretch(day_of(number), question.by)
            since, until = max(first, question.since), min(last, question.until)
            group = found.setdefault(first, Group(since.isoformat(), behind(question, since=since, until=until)))
            getattr(group, part).add(one)
    return [found[first] for first in sorted(found)]


def indices(groups: Sequence[Group], question: Question) -> Table:
    """One row a group, and all of them together."""
    total = Group("", behind(question))
    for group in groups:
        total.whole.add(group.whole)
        total.counted.add(group.counted)
    served = together([group.counted.served for group in groups], total_shown=True)
    voters = together([group.whole.voters for group in groups], total_shown=True)
    smiles = together([group.whole.smile_verdicts for group in groups], total_shown=True)
    ranks = {} if question.by.is_time else _ranks(groups)
    rows = []
    for at, group in enumerate(groups):
        first: Value = date.fromisoformat(group.title) if question.by.is_time else group.title
        values = _values(group, served[at], voters[at], smiles[at])
        rows.append(Row((first, *values, *_rank_values(ranks.get(at), question)), group.behind))
    sizes = (total.counted.served, total.whole.voters, total.whole.smile_verdicts)
    whole_values = _values(total, *(publishing(size) for size in sizes))
    name = Column(str(question.by), Kind.DATE if question.by.is_time else Kind.TEXT)
    columns = (name, *_INDEX_COLUMNS, *(() if question.by.is_time else _RANK_COLUMNS))
    total_row = Row((None, *whole_values, *_rank_values(None, question)), total.behind)
    return Table(name="indices", columns=columns, rows=tuple(rows), total=total_row)


def week(hours: Hours) -> Table:
    """The share of red in each hour of the local week: of the served where they are known, else of the voters."""
    of_week: dict[tuple[int, int], Counts] = {}
    for (day, hour), one in hours.items():
        of_week.setdefault(((day + _MONDAY) % 7, hour), Counts()).add(one)
    cells = sorted(of_week.items())
    by_served = any(one.served for one in of_week.values())
    reds = [_red(one, by_served=by_served) for _, one in cells]
    hows = together([n for _, n in reds], total_shown=False)
    rows = tuple(
        Row((*cell, count_cell(n, how), *share_cells(share(red, n), how)))
        for (cell, _), (red, n), how in zip(cells, reds, hows, strict=True)
        if n
    )
    key = "red" if by_served else "red_voters"
    columns = (
        Column("weekday", Kind.WEEKDAY),
        Column("hour", Kind.HOUR),
        Column("served" if by_served else "voters", Kind.COUNT),
        *figure_columns(key, Kind.PERCENT),
    )
    return Table(name="week", columns=columns, rows=rows)


def board(hours: Hours, question: Question) -> Table:
    """Laney's p′ chart of the days; without limits where fewer than two of them have anybody."""
    days: dict[int, Counts] = {}
    for (day, _hour), one in hours.items():
        days.setdefault(day, Counts()).add(one)
    order = sorted(days)
    by_served = any(one.served for one in days.values())
    counts = [_red(days[day], by_served=by_served) for day in order]
    key = "red" if by_served else "red_voters"
    columns = (
        Column("day", Kind.DATE),
        Column("served" if by_served else "voters", Kind.COUNT),
        Column(key, Kind.PERCENT),
        Column("limit_low", Kind.PERCENT),
        Column("limit_high", Kind.PERCENT),
        Column("beyond", Kind.CODE),
    )
    if sum(1 for _, n in counts if n) < 2:
        return Table(name="board", columns=columns, rows=())
    chart = laney_chart(counts)
    rows = []
    hows = together([n for _, n in counts], total_shown=False)
    for day, point, how in zip(order, chart.days, hows, strict=True):
        values: tuple[Value, ...] = (None,) * 5
        if (
            how is not Publishing.HIDDEN
            and point.share is not None
            and point.low is not None
            and point.high is not None
        ):
            beyond = ("above" if point.share > point.high else "below") if point.beyond else "within"
            values = (point.n, 100 * point.share, 100 * point.low, 100 * point.high, beyond)
        at = day_of(day)
        rows.append(Row((at, *values), behind(question, since=at, until=at)))
    return Table(name="board", columns=columns, rows=tuple(rows))


def contradictions(counts: PlaceCounts, organisation: Organisation) -> tuple[str, ...]:
    """The counters where more people voted than were served: receipts are missing there, or presses are no votes."""
    found: dict[tuple[str, str | None], Counts] = {}
    for key, one in counts.places.items():
        found.setdefault((key.site, key.counter), Counts()).add(one)
    wrong = [place for place, one in found.items() if one.served and one.voters > one.served]
    return tuple(sorted(_place_title(organisation, site, counter) for site, counter in wrong))


def _red(counts: Counts, *, by_served: bool) -> tuple[int, int]:
    """Those who pressed red, of how many; of nobody where more pressed than were served."""
    n = counts.served if by_served else counts.voters
    return (counts.negative, n) if counts.negative <= n else (0, 0)


def _group_of(key: PlaceKey, organisation: Organisation, question: Question) -> tuple[tuple[str, ...], Group]:
    if question.by is Grouping.EMPLOYEE:
        known = organisation.employees.get(key.employee)
        title = known.title if known else key.employee
        return (key.employee,), Group(title, behind(question, employee=key.employee or None))
    if question.by is Grouping.COUNTER:
        name = (key.site, key.counter or "")
        return name, Group(
            _place_title(organisation, key.site, key.counter), behind(question, site=key.site, counter=key.counter)
        )
    return (key.site,), Group(organisation.site_title(key.site), behind(question, site=key.site))


def _place_title(organisation: Organisation, site: str, counter: str | None) -> str:
    known = organisation.counters.get(Place(site, counter or ""))
    return f"{organisation.site_title(site)} · {known.title if known else counter or ''}"


def _stretch(day: date, by: Grouping) -> tuple[date, date]:
    if by is Grouping.WEEK:
        first = day - timedelta(days=day.weekday())
        return first, first + timedelta(days=6)
    if by is Grouping.MONTH:
        first = day.replace(day=1)
        return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return day, day


def _values(group: Group, served: Publishing, voters: Publishing, smiles: Publishing) -> tuple[Value, ...]:
    whole, known, index = group.whole, group.counted, group.index
    net = loyalty_index(whole.positive, whole.negative, whole.voters, whole.voters).voters
    return (
        count_cell(known.served, served) if known.served else None,
        count_cell(whole.voters, voters),
        *points_cells(index.index, served),
        *share_cells(index.turnout, served),
        *points_cells(net, voters),
        *share_cells(index.red, served),
        *share_cells(share(whole.negative, whole.voters), voters),
        count_cell(whole.smile_verdicts, smiles) if whole.smile_verdicts else None,
        *share_cells(share(whole.smiles, whole.smile_verdicts), smiles),
        whole.appeals,
        _note(group, index, served),
    )


def _note(group: Group, index: LoyaltyIndex, served: Publishing) -> Value:
    if not group.counted.served:
        return "no_receipts"
    if index.is_data_alarm:
        return str(index.no_index)
    if served is Publishing.HIDDEN:
        return "hidden"
    return "part_counted" if group.counted.voters != group.whole.voters else None


def _ranks(groups: Sequence[Group]) -> dict[int, Ranked]:
    """How each group's red share stands to the others', by its place; only among those with an index."""
    tested = {
        str(at): (group.counted.negative, group.counted.served)
        for at, group in enumerate(groups)
        if group.index.index is not None
    }
    return {int(one.name): one for one in rank(tested)}


def _rank_values(one: Ranked | None, question: Question) -> tuple[Value, ...]:
    if question.by.is_time:
        return ()
    return (None, None) if one is None else (str(one.verdict), one.rank)
