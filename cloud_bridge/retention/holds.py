"""Legal holds: what must not be removed, whoever asks and however old it is.

A hold takes the lock of removals, so from the moment it is committed nothing that it is on goes.
"""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, insert, or_, select, update

from cloud_bridge.cases import tree
from cloud_bridge.retention.classes import RetentionError
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_case as tc
from cloud_bridge.store import tables_retention as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.removal_lock import lock_removals

REASON_CHARS = 1000


class Hold(Struct, frozen=True, kw_only=True):
    """A hold on a press or on a case; it stands while `released_ns` is None."""

    id: int
    press: str | None
    case: int | None
    reason: str
    made_by: str
    made_ns: int
    released_by: str | None
    released_ns: int | None


def hold_press(store: Store, press: str, reason: str, *, by: str, now_ns: int) -> int:
    """Keep the sound and the picture of a press; the hold's number. Raises `RetentionError`."""
    with store.write() as connection:
        lock_removals(connection)
        if connection.execute(select(tp.press.c.id).where(tp.press.c.id == press)).scalar() is None:
            raise RetentionError("press", f"press {press[:40]} has not arrived")
        return _insert(connection, {"press": press}, reason, by, now_ns)


def hold_case(store: Store, case: int, reason: str, *, by: str, now_ns: int) -> int:
    """Keep all of a case and of those merged into it; the hold's number. Raises `RetentionError`, `CaseError`."""
    with store.write() as connection:
        lock_removals(connection)
        tree.lock(connection, [case])
        made = _insert(connection, {"case": case}, reason, by, now_ns)
        tree.note(connection, case, kind="held", user=by, at_ns=now_ns, text=reason.strip())
        return made


def release(store: Store, hold: int, *, by: str, now_ns: int) -> Hold:
    """Lift a hold; it stays in the list. Raises `RetentionError` for one that does not stand."""
    with store.write() as connection:
        lock_removals(connection)
        standing = (t.legal_hold.c.id == hold) & t.legal_hold.c.released_ns.is_(None)
        values = {"released_by": by, "released_ns": now_ns}
        if connection.execute(update(t.legal_hold).where(standing).values(values)).rowcount == 0:
            raise RetentionError("no_hold", f"hold {hold} does not exist or has been lifted already")
        row = connection.execute(select(t.legal_hold).where(t.legal_hold.c.id == hold)).mappings().one()
        if row["case"] is not None:
            tree.note(connection, row["case"], kind="released", user=by, at_ns=now_ns)
        return Hold(**row)


def find(store: Store, hold: int) -> Hold | None:
    """A hold, or None."""
    with store.read() as connection:
        row = connection.execute(select(t.legal_hold).where(t.legal_hold.c.id == hold)).mappings().one_or_none()
    return None if row is None else Hold(**row)


def standing(store: Store, limit: int = 500) -> tuple[Hold, ...]:
    """Holds that stand, the newest first."""
    query = select(t.legal_hold).where(t.legal_hold.c.released_ns.is_(None)).order_by(t.legal_hold.c.id.desc())
    with store.read() as connection:
        return tuple(Hold(**row) for row in connection.execute(query.limit(limit)).mappings())


def of_press(store: Store, press: str) -> tuple[Hold, ...]:
    """The holds that stand on a press, also by way of its case and of those that is merged into."""
    with store.read() as connection:
        case = connection.execute(select(tc.case_press.c.case).where(tc.case_press.c.press == press)).scalar()
        path = () if case is None else path_of(connection, int(case))
        return _standing(connection, press, path)


def of_case(store: Store, case: int) -> tuple[Hold, ...]:
    """The holds that stand on a case, also by way of those it is merged into."""
    with store.read() as connection:
        return _standing(connection, None, path_of(connection, case))


def path_of(connection: Connection, case: int) -> tuple[int, ...]:
    """A case, what it is merged into, and so on up to the one that stands for all."""
    path = [case]
    while True:
        parent = connection.execute(select(tc.case_file.c.merged_into).where(tc.case_file.c.id == path[-1])).scalar()
        if parent is None:
            return tuple(path)
        path.append(int(parent))


def held(connection: Connection) -> tuple[frozenset[str], frozenset[int]]:
    """All presses and cases on which a hold stands, in whatever way."""
    hold = t.legal_hold
    rows = connection.execute(select(hold.c.press, hold.c.case).where(hold.c.released_ns.is_(None))).all()
    cases = {one for row in rows if row.case is not None for one in tree.family(connection, row.case)}
    inside = select(tc.case_press.c.press).where(tc.case_press.c.case.in_(sorted(cases)))
    presses = {row.press for row in rows if row.press is not None} | set(connection.execute(inside).scalars())
    return frozenset(presses), frozenset(cases)


def is_held(connection: Connection, press: str | None, path: tuple[int, ...]) -> bool:
    """Whether a hold stands on a press, or on one of the cases of a path."""
    return bool(_standing(connection, press, path))


def _standing(connection: Connection, press: str | None, path: tuple[int, ...]) -> tuple[Hold, ...]:
    hold = t.legal_hold
    on: list[ColumnElement[bool]] = [hold.c.case.in_(path)]
    if press is not None:
        on.append(hold.c.press == press)
    query = select(hold).where(hold.c.released_ns.is_(None), or_(*on)).order_by(hold.c.id)
    return tuple(Hold(**row) for row in connection.execute(query).mappings())


def _insert(connection: Connection, on: dict[str, str | int], reason: str, by: str, now_ns: int) -> int:
    why = reason.strip()
    if not 3 <= len(why) <= REASON_CHARS:
        raise RetentionError("reason", f"the reason has {len(why)} characters; 3 to {REASON_CHARS} are allowed")
    row = {**on, "reason": why, "made_by": by, "made_ns": now_ns}
    return int(connection.execute(insert(t.legal_hold).values(row).returning(t.legal_hold.c.id)).scalar_one())
