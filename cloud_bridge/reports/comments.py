"""The list of comments: what reviewers noted, what employees answered, what was said in cases; newest first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, literal, or_, select, true

from cloud_bridge.reports.counts import zone_of
from cloud_bridge.reports.figures import Column, Kind, Row, Table, Value, behind
from cloud_bridge.reports.presses import of_presses, within_days
from cloud_bridge.reports.question import Question
from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Organisation
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.tables_case import case_event, case_file, case_message
from cloud_bridge.store.tables_review import judgement, question

ROWS_MAX = 1000
_COLUMNS = (
    Column("time", Kind.TEXT),
    Column("place", Kind.TEXT),
    Column("employee", Kind.TEXT),
    Column("kind", Kind.CODE),
    Column("by", Kind.TEXT),
    Column("text", Kind.TEXT),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Found = tuple[int, tuple[Value, ...], str | None]


def comments(
    store: Store, organisation: Organisation, asked: Question, scope: Scope, *, simulated: bool, cases: bool
) -> Table:
    """At most `ROWS_MAX` comments of the period's presses, and of `cases` where the reader may see those.

    Times are of the clock of the place.
    """
    presses = of_presses(organisation, asked, scope, simulated=simulated)
    queries = [_notes().where(presses), _answers().where(presses)]
    if cases:
        files = _of_cases(asked, scope, simulated=simulated)
        queries += [_said(organisation, asked).where(files), _replies(organisation, asked).where(files)]
    found: list[_Found] = []
    with store.read() as connection:
        for query in queries:
            found += _rows(connection, query, organisation)
    found.sort(key=lambda one: (-one[0], str(one[1])))
    rows = tuple(Row(values, behind(asked, employee=employee)) for _, values, employee in found[:ROWS_MAX])
    return Table(name="comments", columns=_COLUMNS, rows=rows)


def _rows(connection: Connection, query: Select[Any], organisation: Organisation) -> Iterator[_Found]:
    for row in connection.execute(query.order_by(query.selected_columns[0].desc()).limit(ROWS_MAX)).mappings():
        zone = zone_of(organisation, row["site"])
        at = (_EPOCH + timedelta(microseconds=row["at_ns"] // 1000)).astimezone(zone)
        place = organisation.site_title(row["site"])
        values = (f"{at:%Y-%m-%d %H:%M}", place, row["employee"], row["kind"], row["by"], " ".join(row["text"].split()))
        yield row["at_ns"], values, row["employee"]


def _notes() -> Select[Any]:
    # By the time of the press: that is what the period asks for.
    query = select(
        t.press.c.wall_ns.label("at_ns"),
        t.press.c.site,
        t.press.c.employee,
        literal("note").label("kind"),
        judgement.c.changed_by.label("by"),
        judgement.c.note.label("text"),
    )
    return query.join(judgement, judgement.c.press == t.press.c.id).where(judgement.c.note != "")


def _answers() -> Select[Any]:
    query = select(
        t.press.c.wall_ns.label("at_ns"),
        t.press.c.site,
        question.c.employee,
        literal("answer").label("kind"),
        question.c.answered_by.label("by"),
        question.c.answer.label("text"),
    )
    return query.join(question, question.c.press == t.press.c.id).where(question.c.state == "answered")


def _said(organisation: Organisation, asked: Question) -> Select[Any]:
    query = select(
        case_event.c.at_ns,
        case_file.c.site,
        case_file.c.employee,
        literal("case").label("kind"),
        case_event.c.user.label("by"),
        case_event.c.text,
    )
    joined = query.join(case_file, case_file.c.id == case_event.c.case)
    return joined.where(
        case_event.c.kind == "comment", within_days(organisation, asked, case_file.c.site, case_event.c.at_ns)
    )


def _replies(organisation: Organisation, asked: Question) -> Select[Any]:
    query = select(
        case_message.c.at_ns,
        case_file.c.site,
        case_file.c.employee,
        literal("reply").label("kind"),
        literal("").label("by"),
        case_message.c.text,
    )
    joined = query.join(case_file, case_file.c.id == case_message.c.case)
    return joined.where(
        case_message.c.direction == "in",
        case_message.c.removed_ns.is_(None),
        within_days(organisation, asked, case_file.c.site, case_message.c.at_ns),
    )


def _of_cases(asked: Question, scope: Scope, *, simulated: bool) -> ColumnElement[bool]:
    wanted: list[ColumnElement[bool]] = [case_file.c.simulated.is_(simulated)]
    if asked.site:
        wanted.append(case_file.c.site == asked.site)
    if asked.counter:
        wanted.append(case_file.c.counter == asked.counter)
    wanted += [case_file.c.employee == name for name in (asked.employee, scope.employee) if name]
    places = [
        and_(case_file.c.site == place.site, case_file.c.counter == place.counter if place.counter else true())
        for place in scope.places
    ]
    return and_(*wanted, or_(*places) if places else true())
