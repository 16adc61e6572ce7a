"""Cases that are merged: which one stands for a case, which ones belong to it. In the caller's transaction.

Whoever merges holds the locks of both roots (`lock`) and looks again, so that no circle can come about.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, update

from cloud_bridge.cases.rows import CaseError, Status
from cloud_bridge.store import tables_case as t

CaseValues = Mapping[str, Any]
"""Columns of a case."""


def lock(connection: Connection, cases: Iterable[int]) -> dict[int, CaseValues]:
    """The rows of cases, locked in one order for all; raises `CaseError` where one does not exist."""
    wanted = sorted(set(cases))
    query = select(t.case_file).where(t.case_file.c.id.in_(wanted)).order_by(t.case_file.c.id).with_for_update()
    found: dict[int, CaseValues] = {row["id"]: dict(row) for row in connection.execute(query).mappings()}
    missing = [case for case in wanted if case not in found]
    if missing:
        raise CaseError("missing", f"case {missing[0]} does not exist")
    return found


def lock_live(connection: Connection, case: int) -> CaseValues:
    """The locked row of a case that can be worked on; raises `CaseError` for a merged one."""
    row = lock(connection, [case])[case]
    if row["merged_into"] is not None:
        raise CaseError("merged", f"case {case} is merged into {row['merged_into']}; work there, or take it out again")
    return row


def root_of(connection: Connection, case: int) -> int:
    """The case that stands for `case`: itself, unless it is merged."""
    here = case
    while True:
        parent = connection.execute(select(t.case_file.c.merged_into).where(t.case_file.c.id == here)).scalar()
        if parent is None:
            return here
        here = int(parent)


def family(connection: Connection, root: int) -> tuple[int, ...]:
    """A case and all that are merged into it, also through others, itself first."""
    file = t.case_file
    below = select(file.c.id).where(file.c.id == root).cte("below", recursive=True)
    below = below.union_all(select(file.c.id).where(file.c.merged_into == below.c.id))
    found = {int(one) for one in connection.execute(select(below.c.id)).scalars()}
    return (root, *sorted(found - {root}))


def change(connection: Connection, case: int, now_ns: int, values: CaseValues) -> None:
    """Set columns of a case."""
    changed = {**values, "changed_ns": now_ns}
    connection.execute(update(t.case_file).where(t.case_file.c.id == case).values(changed))


def note(connection: Connection, case: int, *, kind: str, user: str, at_ns: int, text: str = "", **data: Any) -> None:
    """Add a line to a case's history."""
    row = {
        "case": case,
        "at_ns": at_ns,
        "user": user,
        "kind": kind,
        "text": text,
        "data": json.dumps(data, ensure_ascii=False),
    }
    connection.execute(insert(t.case_event).values(row))


def is_closed(row: CaseValues) -> bool:
    """Whether a locked row is of a closed case."""
    return bool(row["status"] == Status.CLOSED)
