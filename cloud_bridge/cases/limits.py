"""Time limits of cases: working time on the calendar of their site, standing still while a case waits.

A limit is a number (`limit_no`) and either an instant (`due_ns`, it runs) or working time that is left (`left_s`, it
does not). What a case's row says of it is always made here, so that lists and alerts agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, insert, select, update

from cloud_bridge.cases.calendar import BusinessCalendar, CalendarError
from cloud_bridge.cases.rows import CaseError, Status
from cloud_bridge.cases.working_hours import site_calendar
from cloud_bridge.store import tables_case as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.tables_org import site as sites

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS = 1_000_000_000
_LAST_NS = 2**63 - 1
LIMIT_MAX_S = 366 * 86_400


class Policy(Struct, frozen=True, kw_only=True):
    """What a new case gets: its limit, and how long before its end is warned. Working time."""

    limit_s: int = 16 * 3600
    warn_before_s: int = 4 * 3600


def policy(connection: Connection) -> Policy:
    """The company's policy."""
    row = connection.execute(select(t.case_policy)).one_or_none()
    return Policy() if row is None else Policy(limit_s=row.limit_s, warn_before_s=row.warn_before_s)


def set_policy(store: Store, wanted: Policy, *, by: str, now_ns: int) -> None:
    """Set what cases get from now on; raises `CaseError`."""
    _check(wanted)
    values = {
        "limit_s": wanted.limit_s,
        "warn_before_s": wanted.warn_before_s,
        "changed_by": by,
        "changed_ns": now_ns,
    }
    with store.write() as connection:
        if connection.execute(update(t.case_policy).where(t.case_policy.c.id == 1).values(values)).rowcount == 0:
            connection.execute(insert(t.case_policy).values(id=1, **values))


def calendar_of_site(connection: Connection, site: str) -> BusinessCalendar:
    """When a site works; raises `CaseError` where its calendar cannot be used."""
    row = connection.execute(select(sites.c.time_zone, sites.c.calendar).where(sites.c.name == site)).one_or_none()
    try:
        return site_calendar("UTC", None) if row is None else site_calendar(row.time_zone, row.calendar)
    except CalendarError as error:
        raise CaseError("calendar", f"the working hours of site {site!r} cannot be used: {error}") from error


def started(calendar: BusinessCalendar, now_ns: int, wanted: Policy, number: int) -> dict[str, Any]:
    """The columns of limit `number` that runs from now; raises `CaseError`."""
    _check(wanted)
    fresh = {"limit_no": number, "warn_before_s": wanted.warn_before_s, "warned_no": number - 1}
    return fresh | {"escalated_no": number - 1} | _running(calendar, now_ns, wanted.limit_s, wanted.warn_before_s)


def resumed(calendar: BusinessCalendar, now_ns: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a limit that runs on with what was left of it."""
    if row["left_s"] is None:
        return {}
    return _running(calendar, now_ns, row["left_s"], row["warn_before_s"])


def paused(calendar: BusinessCalendar, now_ns: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a limit that stands still."""
    if row["due_ns"] is None:
        return {}
    left = calendar.business_time_between(instant(now_ns), instant(row["due_ns"]))
    return {"due_ns": None, "warn_ns": None, "left_s": int(left.total_seconds())}


def settled(row: Mapping[str, Any]) -> dict[str, Any]:
    """What follows from a case's other columns: its place in lists, and when something is to be said."""
    if row["status"] == Status.CLOSED:
        order_ns = _LAST_NS - max(0, row["closed_ns"])
    else:
        order_ns = t.NO_LIMIT if row["due_ns"] is None else min(row["due_ns"], t.NO_LIMIT - 1)
    return {"order_ns": order_ns, "alert_ns": _alert_ns(row)}


def instant(at_ns: int) -> datetime:
    """Unix nanoseconds as an aware instant, to the microsecond."""
    return _EPOCH + timedelta(microseconds=at_ns // 1000)


def _alert_ns(row: Mapping[str, Any]) -> int | None:
    if row["status"] == Status.CLOSED or row["merged_into"] is not None or row["due_ns"] is None:
        return None
    waiting = [row["warn_ns"]] if row["warned_no"] < row["limit_no"] else []
    waiting += [row["due_ns"]] if row["escalated_no"] < row["limit_no"] else []
    return min(waiting, default=None)


def _running(calendar: BusinessCalendar, now_ns: int, limit_s: int, warn_before_s: int) -> dict[str, Any]:
    begin = instant(now_ns)
    try:
        due = calendar.add_business_time(begin, timedelta(seconds=max(0, limit_s)))
        warn = calendar.add_business_time(begin, timedelta(seconds=max(0, limit_s - warn_before_s)))
    except CalendarError as error:
        raise CaseError("calendar", str(error)) from error
    return {"due_ns": _ns(due), "warn_ns": _ns(warn), "left_s": None}


def _ns(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def _check(wanted: Policy) -> None:
    if not 0 < wanted.limit_s <= LIMIT_MAX_S or not 0 <= wanted.warn_before_s < wanted.limit_s:
        raise CaseError(
            "limit",
            f"a limit of {wanted.limit_s} s with a warning {wanted.warn_before_s} s before its end cannot be; "
            f"give 1 to {LIMIT_MAX_S} s, and a warning that comes after the beginning",
        )
