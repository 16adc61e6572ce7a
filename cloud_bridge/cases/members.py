"""What a case is made of: opened from presses, merged, taken apart. Merging moves nothing, so it can be undone.

Adding a press may put it under a legal hold, so each of these takes the lock of removals first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from cloud_bridge.cases import limits, tree
from cloud_bridge.cases.rows import TITLE_CHARS, CaseError, Status
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_case as t
from cloud_bridge.store import tables_org as to
from cloud_bridge.store.engine import Store
from cloud_bridge.store.removal_lock import lock_removals

PRESSES_MAX = 500


def gather(
    store: Store, presses: Sequence[str], *, by: str, now_ns: int, into: int | None = None, title: str = ""
) -> int:
    """Make one case of presses; its number.

    It is `into` (or what that is merged into), else the oldest case that one of the presses is in, else a new one.
    Loose presses are added to it, other cases of the presses are merged into it. Repeating it changes nothing. Raises
    `CaseError` for no presses, unknown ones, and where a case that would be merged is closed.
    """
    wanted = list(dict.fromkeys(presses))
    if not 1 <= len(wanted) <= PRESSES_MAX:
        raise CaseError("presses", f"{len(wanted)} presses were named; a case is made of 1 to {PRESSES_MAX} at once")
    with store.write() as connection:
        lock_removals(connection)
        query = select(tp.press).where(tp.press.c.id.in_(wanted))
        known = {row["id"]: row for row in connection.execute(query).mappings()}
        unknown = [press for press in wanted if press not in known]
        if unknown:
            raise CaseError("presses", f"press {unknown[0][:40]} has not arrived")
        held = select(t.case_press).where(t.case_press.c.press.in_(wanted))
        owners = {row.press: tree.root_of(connection, row.case) for row in connection.execute(held).all()}
        target = tree.root_of(connection, into) if into is not None else min(owners.values(), default=None)
        if target is None:
            target = _open(connection, known[wanted[0]], title, by, now_ns)
        for source in sorted(set(owners.values()) - {target}):
            _merge(connection, source, target, by, now_ns)
        loose = [press for press in wanted if press not in owners]
        if loose:
            tree.lock_live(connection, target)
            rows = [{"press": press, "case": target, "added_ns": now_ns, "added_by": by} for press in loose]
            connection.execute(insert(t.case_press), rows)
            tree.change(connection, target, now_ns, {})
            for press in loose:
                tree.note(connection, target, kind="press_added", user=by, at_ns=now_ns, press=press)
    return target


def merge(store: Store, source: int, target: int, *, by: str, now_ns: int) -> int:
    """Merge a case into another (or into what that is merged into); the number of the one that stands for both.

    Nothing is done where they are one already. Raises `CaseError` for a source that is closed or does not exist.
    """
    with store.write() as connection:
        lock_removals(connection)
        tree.lock(connection, [source, target])
        root, other = tree.root_of(connection, target), tree.root_of(connection, source)
        if root != other:
            _merge(connection, other, root, by, now_ns)
        return root


def unmerge(store: Store, case: int, *, by: str, now_ns: int) -> None:
    """Take a merged case, with all that was merged into it before, out again. Raises `CaseError` for another."""
    with store.write() as connection:
        lock_removals(connection)
        row = tree.lock(connection, [case])[case]
        parent = row["merged_into"]
        if parent is None:
            raise CaseError("not_merged", f"case {case} is not merged into any other")
        tree.change(connection, case, now_ns, {"merged_into": None} | _settled(row, merged_into=None))
        tree.note(connection, case, kind="unmerged", user=by, at_ns=now_ns, into=parent)
        tree.note(connection, parent, kind="gave_back", user=by, at_ns=now_ns, source=case)


def remove_press(store: Store, case: int, press: str, *, by: str, now_ns: int) -> None:
    """Take a press out of a case or of one merged into it; raises `CaseError` for the last one and for strangers'."""
    with store.write() as connection:
        lock_removals(connection)
        tree.lock_live(connection, case)
        members = tree.family(connection, case)
        query = select(t.case_press).where(t.case_press.c.case.in_(members)).with_for_update()
        owners = {row.press: int(row.case) for row in connection.execute(query)}
        if press not in owners:
            raise CaseError("presses", f"press {press[:40]} is not in case {case}")
        if list(owners.values()).count(owners[press]) == 1:
            raise CaseError(
                "last_press", f"press {press} is all that case {owners[press]} has; close it as false instead"
            )
        connection.execute(delete(t.case_press).where(t.case_press.c.press == press))
        tree.change(connection, case, now_ns, {})
        tree.note(connection, owners[press], kind="press_removed", user=by, at_ns=now_ns, press=press)


def _merge(connection: Connection, source: int, target: int, by: str, now_ns: int) -> None:
    rows = tree.lock(connection, [source, target])
    for case, row in rows.items():
        if row["merged_into"] is not None:
            raise CaseError("changed", f"case {case} has just been merged by somebody else; look again")
        if tree.is_closed(row):
            raise CaseError("closed", f"case {case} is closed; reopen it first")
    values = {"merged_into": target} | _settled(rows[source], merged_into=target)
    tree.change(connection, source, now_ns, values)
    tree.change(connection, target, now_ns, {})
    tree.note(connection, source, kind="merged", user=by, at_ns=now_ns, into=target)
    tree.note(connection, target, kind="took_in", user=by, at_ns=now_ns, source=source)


def _settled(row: Any, **changes: Any) -> dict[str, Any]:
    return limits.settled({**row, **changes})


def _open(connection: Connection, press: Any, title: str, by: str, now_ns: int) -> int:
    wanted = limits.policy(connection)
    calendar = limits.calendar_of_site(connection, press["site"])
    row: dict[str, Any] = {
        "title": checked_title(title),
        "site": press["site"],
        "counter": _counter(connection, press["site"], press["box"], press["button"]),
        "employee": press["employee"],
        "simulated": press["simulated"],
        "status": str(Status.NEW),
        "merged_into": None,
        "opened_ns": now_ns,
        "opened_by": by,
        "changed_ns": now_ns,
    } | limits.started(calendar, now_ns, wanted, 1)
    made = connection.execute(insert(t.case_file).values(row | limits.settled(row)).returning(t.case_file.c.id))
    case = int(made.scalar_one())
    tree.note(connection, case, kind="opened", user=by, at_ns=now_ns, due_ns=row["due_ns"])
    return case


def checked_title(text: str) -> str:
    """A title as it is kept: one line; raises `CaseError` for a long one."""
    title = " ".join(text.split())
    if len(title) > TITLE_CHARS:
        raise CaseError("title", f"the title has {len(title)} characters; {TITLE_CHARS} at most")
    return title


def _counter(connection: Connection, site: str, box: str, button: str) -> str | None:
    source = to.counter_source
    query = select(source.c.button, source.c.counter).where(source.c.site == site, source.c.box == box)
    found = {row.button: str(row.counter) for row in connection.execute(query)}
    return found.get(button) or found.get(to.EVERY_BUTTON)
