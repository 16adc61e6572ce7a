"""Working on a case: status, assignee, verdict, tags, comments, limit, closing. Its history has a line of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from cloud_bridge.cases import causes, limits, tree
from cloud_bridge.cases.members import checked_title
from cloud_bridge.cases.rows import TEXT_CHARS, CaseError, Status, Verdict
from cloud_bridge.cases.tree import CaseValues
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_case as t
from cloud_bridge.store.engine import Store

MEASURE_CHARS_MIN = 3
TAGS_MAX = 20


def set_status(store: Store, case: int, status: Status, *, by: str, now_ns: int) -> None:
    """Begin work, or wait: then the limit stands still. Raises `CaseError`; `close` and `reopen` do the rest."""
    if status is Status.CLOSED:
        raise CaseError("cause", "a case is closed with a cause and a measure")
    with _editing(store, case) as (connection, row):
        enter_status(connection, row, status, by=by, now_ns=now_ns)


def enter_status(connection: Connection, row: CaseValues, status: Status, *, by: str, now_ns: int) -> None:
    """`set_status` for a locked row of an open case."""
    if row["status"] == status:
        return
    calendar = limits.calendar_of_site(connection, row["site"])
    move = limits.paused if status is Status.WAITING else limits.resumed
    values = {"status": str(status)} | move(calendar, now_ns, row)
    _change(connection, row, now_ns, values)
    tree.note(connection, row["id"], kind="status", user=by, at_ns=now_ns, before=row["status"], after=str(status))


def assign(store: Store, case: int, account: int | None, *, by: str, now_ns: int) -> None:
    """Give a case to a person, or to nobody. Raises `CaseError` for an account that cannot work."""
    with _editing(store, case) as (connection, row):
        if row["assignee"] == account:
            return
        name = ""
        if account is not None:
            query = select(tp.user.c.name).where(tp.user.c.id == account, tp.user.c.disabled.is_(False))
            found = connection.execute(query).scalar()
            if found is None:
                raise CaseError("assignee", f"account {account} does not exist or is disabled; choose another")
            name = str(found)
        _change(connection, row, now_ns, {"assignee": account})
        tree.note(connection, case, kind="assigned", user=by, at_ns=now_ns, to=account, name=name)


def judge(store: Store, case: int, verdict: Verdict | None, *, by: str, now_ns: int) -> None:
    """Say whether the complaint is true. Raises `CaseError`."""
    with _editing(store, case) as (connection, row):
        value = None if verdict is None else str(verdict)
        if row["verdict"] != value:
            _change(connection, row, now_ns, {"verdict": value})
            tree.note(connection, case, kind="judged", user=by, at_ns=now_ns, before=row["verdict"], after=value)


def set_tags(store: Store, case: int, tags: Sequence[str], *, by: str, now_ns: int) -> None:
    """Replace a case's own tags (those of merged cases stay theirs). Raises `CaseError`."""
    wanted = sorted({" ".join(tag.split()) for tag in tags} - {""})
    if len(wanted) > TAGS_MAX or any(len(tag) > t.TAG_CHARS for tag in wanted):
        raise CaseError("tags", f"a case has {TAGS_MAX} tags of {t.TAG_CHARS} characters at most")
    with _editing(store, case, closed=True) as (connection, row):
        query = select(t.case_tag.c.tag).where(t.case_tag.c.case == case)
        before = sorted(connection.execute(query).scalars())
        if before == wanted:
            return
        connection.execute(delete(t.case_tag).where(t.case_tag.c.case == case))
        if wanted:
            connection.execute(insert(t.case_tag), [{"case": case, "tag": tag} for tag in wanted])
        _change(connection, row, now_ns, {})
        tree.note(connection, case, kind="tagged", user=by, at_ns=now_ns, before=before, after=wanted)


def rename(store: Store, case: int, title: str, *, by: str, now_ns: int) -> None:
    """Give a case another title; empty: named by its first press. Raises `CaseError`."""
    wanted = checked_title(title)
    with _editing(store, case, closed=True) as (connection, row):
        if row["title"] != wanted:
            _change(connection, row, now_ns, {"title": wanted})
            tree.note(connection, case, kind="renamed", user=by, at_ns=now_ns, text=wanted)


def comment(store: Store, case: int, text: str, *, by: str, now_ns: int) -> None:
    """Add a comment, also to a closed case. Raises `CaseError` for an empty or endless one."""
    said = checked_text(text)
    with _editing(store, case, closed=True) as (connection, row):
        _change(connection, row, now_ns, {})
        tree.note(connection, case, kind="comment", user=by, at_ns=now_ns, text=said)


def set_limit(store: Store, case: int, limit_s: int, *, by: str, now_ns: int) -> None:
    """Give a case a new limit of working time from now on, warned of and escalated anew. Raises `CaseError`."""
    with _editing(store, case) as (connection, row):
        warn_before_s = min(limits.policy(connection).warn_before_s, max(0, limit_s - 1))
        calendar = limits.calendar_of_site(connection, row["site"])
        wanted = limits.Policy(limit_s=limit_s, warn_before_s=warn_before_s)
        fresh = limits.started(calendar, now_ns, wanted, row["limit_no"] + 1)
        due_ns = fresh["due_ns"]
        if row["status"] == Status.WAITING:
            fresh |= limits.paused(calendar, now_ns, fresh)
        _change(connection, row, now_ns, fresh)
        tree.note(connection, case, kind="limit", user=by, at_ns=now_ns, limit_s=limit_s, due_ns=due_ns)


def close(store: Store, case: int, cause: str, measure: str, *, by: str, now_ns: int) -> None:
    """Close a case with what was the cause and what was done about it. Raises `CaseError` where one is missing."""
    done = checked_text(measure, code="measure", least=MEASURE_CHARS_MIN)
    current = causes.current_ids(store)
    with _editing(store, case) as (connection, row):
        causes.require(current, cause, row["verdict"])
        calendar = limits.calendar_of_site(connection, row["site"])
        values = {"status": str(Status.CLOSED), "cause": cause, "measure": done, "closed_ns": now_ns, "closed_by": by}
        _change(connection, row, now_ns, values | limits.paused(calendar, now_ns, row))
        tree.note(connection, case, kind="closed", user=by, at_ns=now_ns, text=done, cause=cause)


def reopen(store: Store, case: int, *, by: str, now_ns: int) -> None:
    """Work on a closed case again, with what was left of its limit. Raises `CaseError` for an open one."""
    with _editing(store, case, closed=True) as (connection, row):
        if not tree.is_closed(row):
            raise CaseError("open", f"case {case} is not closed")
        calendar = limits.calendar_of_site(connection, row["site"])
        values = {"status": str(Status.WORK), "closed_ns": None, "closed_by": None}
        _change(connection, row, now_ns, values | limits.resumed(calendar, now_ns, row))
        tree.note(connection, case, kind="reopened", user=by, at_ns=now_ns, cause=row["cause"])


def checked_text(text: str, *, code: str = "text", least: int = 1) -> str:
    """What a person wrote, without the space around it; raises `CaseError` for too little or too much."""
    said = text.replace("\r\n", "\n").strip()
    if not least <= len(said) <= TEXT_CHARS:
        raise CaseError(code, f"the text has {len(said)} characters; {least} to {TEXT_CHARS} are allowed")
    return said


@contextmanager
def _editing(store: Store, case: int, *, closed: bool = False) -> Iterator[tuple[Connection, CaseValues]]:
    """A transaction with the locked row of a live case; raises `CaseError` for a closed one unless `closed`."""
    with store.write() as connection:
        row = tree.lock_live(connection, case)
        if tree.is_closed(row) and not closed:
            raise CaseError("closed", f"case {case} is closed; reopen it first")
        yield connection, row


def _change(connection: Connection, row: CaseValues, now_ns: int, values: dict[str, Any]) -> None:
    tree.change(connection, row["id"], now_ns, values | limits.settled({**row, **values}))
