"""Reports that come by mail: who ordered which, and sending each of them once when its day, week or month is over."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from urllib.parse import urlencode

import msgspec
from msgspec import Struct
from sqlalchemy import RowMapping, delete, func, insert, select, update

from cloud_bridge.access.permissions import Binding, scopes
from cloud_bridge.access.table import Action
from cloud_bridge.notify.outbox import File, enqueue, to_account
from cloud_bridge.reports import mail_text, xlsx
from cloud_bridge.reports.build import Report, figures
from cloud_bridge.reports.question import Grouping, Question
from cloud_bridge.store import users
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import places_of
from cloud_bridge.store.tables_report import report_mail
from cloud_bridge.web.i18n import Language, Translator, load_catalogue

ORDERS_MAX = 50
_HOUR = 6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROUND = 20


class Every(StrEnum):
    """How often a report comes; it is of what is over by then."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Asked(Struct, frozen=True, kw_only=True):
    """What of a question stays the same in every mail."""

    by: Grouping = Grouping.SITE
    site: str | None = None
    counter: str | None = None
    employee: str | None = None

    def of(self, since: date, until: date) -> Question:
        """The question of one mail."""
        return Question(
            since=since, until=until, by=self.by, site=self.site, counter=self.counter, employee=self.employee
        )


class Order(Struct, frozen=True, kw_only=True):
    """A report that somebody ordered."""

    id: int
    account: int
    report: Report
    every: Every
    asked: Asked
    due_ns: int


class OrderError(ValueError):
    """A report cannot be ordered so; the message says why and the remedy."""


def order(store: Store, account: int, report: Report, every: Every, asked: Asked, *, zone: tzinfo, now_ns: int) -> None:
    """Have a report mailed from the next period that ends; ordering the same again changes nothing.

    Raises `OrderError` where the account has ordered too many.
    """
    values = {
        "account": account,
        "report": str(report),
        "every": str(every),
        "question": msgspec.json.encode(asked).decode(),
    }
    with store.write() as connection:
        same = [report_mail.c[name] == value for name, value in values.items()]
        if connection.execute(select(report_mail.c.id).where(*same)).first() is not None:
            return
        mine = select(func.count()).select_from(report_mail).where(report_mail.c.account == account)
        if connection.execute(mine).scalar_one() >= ORDERS_MAX:
            raise OrderError(f"you have ordered {ORDERS_MAX} reports already; end one first")
        due_ns = _next_due_ns(every, now_ns, zone)
        connection.execute(insert(report_mail).values(**values, made_ns=now_ns, due_ns=due_ns, last=None))


def orders_of(store: Store, account: int) -> tuple[Order, ...]:
    """What an account has ordered."""
    query = select(report_mail).where(report_mail.c.account == account).order_by(report_mail.c.id)
    with store.read() as connection:
        return tuple(_order(row) for row in connection.execute(query).mappings())


def end(store: Store, account: int, which: int) -> bool:
    """Mail it no more; False where the account has no such order."""
    mine = (report_mail.c.id == which) & (report_mail.c.account == account)
    with store.write() as connection:
        return connection.execute(delete(report_mail).where(mine)).rowcount > 0


def send_due(store: Store, *, zone: tzinfo, url: str, now_ns: int) -> bool:
    """Put what is due into the outbox, once each; whether more waits. Of several that were missed the last comes."""
    query = select(report_mail).where(report_mail.c.due_ns <= now_ns).order_by(report_mail.c.due_ns).limit(_ROUND)
    with store.read() as connection:
        due = [_order(row) for row in connection.execute(query).mappings()]
    for one in due:
        _send(store, one, zone, url, now_ns)
    return len(due) == _ROUND


def last_period(every: Every, now_ns: int, zone: tzinfo) -> tuple[date, date]:
    """The newest day, week (Monday to Sunday) or month that is over, and whose mails are due."""
    at = _local(now_ns, zone)
    today = at.date() if at.hour >= _HOUR else at.date() - timedelta(days=1)
    match every:
        case Every.DAY:
            return today - timedelta(days=1), today - timedelta(days=1)
        case Every.WEEK:
            monday = today - timedelta(days=today.weekday())
            return monday - timedelta(days=7), monday - timedelta(days=1)
        case Every.MONTH:
            last = today.replace(day=1) - timedelta(days=1)
            return last.replace(day=1), last


def _send(store: Store, one: Order, zone: tzinfo, url: str, now_ns: int) -> None:
    since, until = last_period(one.every, now_ns, zone)
    user = users.user(store, one.account)
    made: tuple[str, str, bytes] | None = None
    if user is not None and not user.disabled and user.email:
        binding = Binding(user.role, places_of(store, user.id), user.employee or None)
        # As much as the person may take now, whatever it was when they ordered.
        found = scopes([binding], Action.EXPORT_FIGURES)
        if found:
            language: Language = "ru" if user.language == "ru" else "en"
            t = Translator(language, load_catalogue(language), zone)
            report = figures(store, one.report, one.asked.of(since, until), found[0], now_ns=now_ns, language=language)
            text = mail_text.body(report, t, _link(one, url, since, until))
            made = (mail_text.subject(report, t), text, xlsx.workbook(report, t))
    with store.write() as connection:
        if made is not None:
            name = f"earshot-{one.report}-{since.isoformat()}-{until.isoformat()}.xlsx"
            enqueue(
                connection,
                key=f"report {one.id} {until.isoformat()}",
                to=to_account(one.account),
                subject=made[0],
                text=made[1],
                now_ns=now_ns,
                files=[File(name, xlsx.CONTENT_TYPE, made[2])],
            )
        due_ns = _next_due_ns(one.every, now_ns, zone)
        values = {"due_ns": due_ns, "last": until.isoformat()}
        connection.execute(update(report_mail).where(report_mail.c.id == one.id).values(values))


def _link(one: Order, url: str, since: date, until: date) -> str:
    if not url:
        return ""
    place = f"{one.asked.site}/{one.asked.counter}" if one.asked.counter else one.asked.site or ""
    asked = {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "by": str(one.asked.by),
        "place": place,
        "employee": one.asked.employee or "",
    }
    return f"{url}/reports/{one.report}?" + urlencode({name: value for name, value in asked.items() if value})


def _next_due_ns(every: Every, now_ns: int, zone: tzinfo) -> int:
    """The morning after the next period that ends after `now_ns`."""
    day = _local(now_ns, zone).date()
    for _ in range(40):
        candidate = datetime.combine(day, time(_HOUR), zone)
        is_first = {Every.DAY: True, Every.WEEK: day.weekday() == 0, Every.MONTH: day.day == 1}[every]
        due_ns = (candidate.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) * 1000
        if is_first and due_ns > now_ns:
            return due_ns
        day += timedelta(days=1)
    raise AssertionError("every month has a first day")


def _local(now_ns: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=now_ns // 1000)).astimezone(zone)


def _order(row: RowMapping) -> Order:
    return Order(
        id=row["id"],
        account=row["account"],
        report=Report(row["report"]),
        every=Every(row["every"]),
        asked=msgspec.json.decode(row["question"], type=Asked),
        due_ns=row["due_ns"],
    )
