"""Questions to the people who were there: a task with its own deadline in the site's working hours, and the answer."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Row, insert, select, update

from cloud_bridge.cases.calendar import BusinessCalendar, CalendarError
from cloud_bridge.cases.working_hours import COMPANY, site_calendar
from cloud_bridge.store import tables as t
from cloud_bridge.store import tables_org as to
from cloud_bridge.store import tables_review as tr
from cloud_bridge.store.engine import Store
from cloud_bridge.store.sight import Sight

LIMITS_H: Final = (2, 4, 8, 16, 24, 40)
"""Working hours within which an answer may be asked for."""
TEXT_CHARS = 1000
LIST_MAX = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class QuestionError(ValueError):
    """A question cannot be asked or answered so; the message names the remedy."""


class Question(Struct, frozen=True, kw_only=True):
    """A question about a press. `state` is open, answered or withdrawn; `employee` is who is asked."""

    id: str
    press: str
    site: str
    box: str
    button: str
    employee: str
    text: str
    asked_account: int
    asked_by: str
    asked_ns: int
    due_ns: int
    state: str
    answer: str
    answered_by: str | None
    answered_ns: int | None
    trigger: str
    wall_ns: int
    press_employee: str | None

    def is_overdue(self, now_ns: int) -> bool:
        """Whether the deadline has passed without an answer."""
        return self.state == "open" and now_ns > self.due_ns


def ask(store: Store, press: str, employee: str, text: str, *, hours: int, account: int, user: str, at_ns: int) -> str:
    """Ask a person about a press; the answer is due after `hours` of working time there. Raises `QuestionError`."""
    text, employee = text.strip(), employee.strip()
    if not 1 <= len(text) <= TEXT_CHARS:
        raise QuestionError(f"a question has 1 to {TEXT_CHARS} characters; this one has {len(text)}")
    if hours not in LIMITS_H:
        raise QuestionError(f"{hours} hours are none of {', '.join(map(str, LIMITS_H))}")
    if not 1 <= len(employee) <= 500 or not employee.isprintable():
        raise QuestionError("say who is asked")
    made = secrets.token_hex(16)
    with store.write() as connection:
        row = connection.execute(
            select(t.press.c.site, t.press.c.box, t.press.c.button, to.site.c.time_zone, to.site.c.calendar)
            .outerjoin(to.site, to.site.c.name == t.press.c.site)
            .where(t.press.c.id == press)
        ).one_or_none()
        if row is None:
            raise QuestionError(f"there is no press {press}")
        due_ns = after_working_hours(_calendar(row.time_zone, row.calendar), at_ns, hours)
        values = {"id": made, "press": press, "site": row.site, "box": row.box, "button": row.button}
        values |= {"employee": employee, "text": text, "asked_account": account, "asked_by": user, "asked_ns": at_ns}
        connection.execute(insert(tr.question).values(**values, due_ns=due_ns, state="open", answer=""))
    return made


def answer(store: Store, question: str, text: str, *, user: str, at_ns: int) -> None:
    """Answer an open question. Raises `QuestionError`."""
    text = text.strip()
    if not 1 <= len(text) <= TEXT_CHARS:
        raise QuestionError(f"an answer has 1 to {TEXT_CHARS} characters; this one has {len(text)}")
    _settle(store, question, {"state": "answered", "answer": text, "answered_by": user, "answered_ns": at_ns})


def withdraw(store: Store, question: str) -> None:
    """Take an open question back. Raises `QuestionError`."""
    _settle(store, question, {"state": "withdrawn"})


def of_press(store: Store, press: str) -> tuple[Question, ...]:
    """All questions about a press, oldest first."""
    return _read(store, _questions().where(tr.question.c.press == press).order_by(tr.question.c.asked_ns))


def by_id(store: Store, question: str) -> Question | None:
    """One question."""
    return next(iter(_read(store, _questions().where(tr.question.c.id == question))), None)


def waiting(store: Store, sight: Sight) -> tuple[Question, ...]:
    """Open questions that `sight` holds (an operator's: those to the person), most urgent first."""
    query = _questions().where(tr.question.c.state == "open", sight.where(tr.question))
    return _read(store, query.order_by(tr.question.c.due_ns, tr.question.c.id).limit(LIST_MAX))


def settled(store: Store, sight: Sight, limit: int = 20) -> tuple[Question, ...]:
    """Questions that were answered lately, newest answer first."""
    query = _questions().where(tr.question.c.state == "answered", sight.where(tr.question))
    return _read(store, query.order_by(tr.question.c.due_ns.desc(), tr.question.c.id).limit(limit))


def of_asker(store: Store, account: int, limit: int = LIST_MAX) -> tuple[Question, ...]:
    """What a person has asked and nobody has answered yet, most urgent first."""
    own = (tr.question.c.asked_account == account, tr.question.c.state == "open")
    return _read(store, _questions().where(*own).order_by(tr.question.c.due_ns).limit(limit))


def after_working_hours(calendar: BusinessCalendar, at_ns: int, hours: int) -> int:
    """When `hours` of working time have gone by since `at_ns`."""
    start = _EPOCH + timedelta(microseconds=at_ns // 1000)
    due = calendar.add_business_time(start, timedelta(hours=hours))
    return (due - _EPOCH) // timedelta(microseconds=1) * 1000


def _calendar(time_zone: str | None, text: str | None) -> BusinessCalendar:
    zone = time_zone or "UTC"
    try:
        return site_calendar(zone, text)
    except CalendarError:
        # A calendar that cannot be read must not keep people from asking.
        return COMPANY.calendar(zone)


def _settle(store: Store, question: str, values: dict[str, Any]) -> None:
    is_open = (tr.question.c.id == question, tr.question.c.state == "open")
    with store.write() as connection:
        if connection.execute(update(tr.question).where(*is_open).values(values)).rowcount == 0:
            raise QuestionError("this question is no longer open")


def _questions() -> Any:
    of_press = (t.press.c.trigger, t.press.c.wall_ns, t.press.c.employee.label("press_employee"))
    return select(tr.question, *of_press).join(t.press, t.press.c.id == tr.question.c.press)


def _read(store: Store, query: Any) -> tuple[Question, ...]:
    with store.read() as connection:
        return tuple(_question(row) for row in connection.execute(query))


def _question(row: Row[Any]) -> Question:
    return Question(**{name: getattr(row, name) for name in Question.__struct_fields__})
