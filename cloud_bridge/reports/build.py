"""Makes a report: the one place where figures come from, whatever form they are shown in."""

from __future__ import annotations

from enum import StrEnum

from cloud_bridge.reports import causes, comments, frequency, loyalty
from cloud_bridge.reports.counts import PlaceCounts, by_hour, by_place, zone_of
from cloud_bridge.reports.figures import Figures, Table
from cloud_bridge.reports.question import Question
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Organisation, Place, organisation
from cloud_bridge.store.scope import Scope


class Report(StrEnum):
    """The reports there are."""

    LOYALTY = "loyalty"
    CAUSES = "causes"
    FREQUENCY = "frequency"
    COMMENTS = "comments"


def figures(
    store: Store,
    report: Report,
    question: Question,
    scope: Scope,
    *,
    now_ns: int,
    language: str = "en",
    cases: bool = False,
) -> Figures:
    """The figures of what `scope` holds. `now_ns` says when they were made; causes have words of `language`.

    `cases`: the reader may see those, too, so their comments are among the others.
    """
    organised = organisation(store)
    counts = by_place(store, organised, question, scope)
    match report:
        case Report.LOYALTY:
            tables = _loyalty(store, organised, question, scope, counts)
        case Report.CAUSES:
            judged = causes.read_causes(store, organised, question, scope, language, simulated=counts.simulated)
            tables = (causes.causes(judged, question),)
        case Report.FREQUENCY:
            tables = frequency.pressed(counts, question)
            tables += frequency.judged(store, organised, question, scope, simulated=counts.simulated)
        case Report.COMMENTS:
            simulated = counts.simulated
            tables = (comments.comments(store, organised, question, scope, simulated=simulated, cases=cases),)
    return Figures(
        report=str(report),
        question=question,
        simulated=counts.simulated and bool(counts.places),
        made_ns=now_ns,
        zone=_zones(organised, question, scope),
        tables=tables,
        alarms=loyalty.contradictions(counts, organised) if report is Report.LOYALTY else (),
    )


def _loyalty(
    store: Store, organised: Organisation, question: Question, scope: Scope, counts: PlaceCounts
) -> tuple[Table, ...]:
    simulated = counts.simulated
    whole = by_hour(store, organised, question, scope, simulated=simulated)
    known = counts.counted_counters()
    every = {(key.site, key.counter) for key in counts.places}
    counted = whole
    if known and known != every:
        only = tuple(sorted(Place(site, counter) for site, counter in known if counter))
        counted = by_hour(store, organised, question, scope, simulated=simulated, only=only)
    hours = counted if known else whole
    groups = (
        loyalty.group_times(whole, counted if known else {}, question)
        if question.by.is_time
        else loyalty.group_places(counts, organised, question)
    )
    return loyalty.indices(groups, question), loyalty.week(hours), loyalty.board(hours, question)


def _zones(organised: Organisation, question: Question, scope: Scope) -> str:
    sites = [question.site] if question.site else [name for name in organised.sites if scope.holds_site(name)]
    return ", ".join(sorted({str(zone_of(organised, site)) for site in sites})) or "UTC"
