"""Counts presses and served customers by half hour, anew wherever something changed. Idempotent, for any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, ScalarSelect, delete, insert, select

from cloud_bridge.store import tables as t
from cloud_bridge.store import tables_snapshot as ts
from cloud_bridge.store.engine import Store
from cloud_bridge.store.on_shift import OnShift, turns
from cloud_bridge.store.tables_alarm import alarm_dirty
from cloud_bridge.store.tables_tally import SERVED, SLOT_NS, sale, tally, tally_dirty
from edge.wire import Trigger

_NO_PRESS = (str(Trigger.EXTENSION), str(Trigger.SELF_TEST))


class _Key(NamedTuple):
    slot_ns: int
    button: str
    trigger: str
    rating: int
    employee: str
    simulated: bool


def count_dirty(store: Store, limit: int = 500) -> int:
    """Count what the oldest `limit` marks name anew, in one transaction; returns how many marks were worked off."""
    with store.write() as connection:
        query = select(tally_dirty).order_by(tally_dirty.c.id).limit(limit).with_for_update(skip_locked=True)
        marks = connection.execute(query).all()
        for (site, box), spans in _by_box(marks).items():
            for low, high in _joined(spans):
                _count(connection, site, box, low, high)
        changed = [{"site": site, "from_ns": since_ns} for site, since_ns in sorted(_earliest(marks).items())]
        if changed:
            # What is counted anew may raise an alarm or take one back.
            connection.execute(insert(alarm_dirty), changed)
        for start in range(0, len(marks), 200):
            ids = [mark.id for mark in marks[start : start + 200]]
            connection.execute(delete(tally_dirty).where(tally_dirty.c.id.in_(ids)))
    return len(marks)


def _earliest(marks: Sequence[Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for mark in marks:
        found[mark.site] = min(mark.from_ns, found.get(mark.site, mark.from_ns))
    return found


def _by_box(marks: Sequence[Any]) -> dict[tuple[str, str], list[tuple[int, int]]]:
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for mark in marks:
        found.setdefault((mark.site, mark.box), []).append((mark.from_ns, mark.until_ns))
    # Two that count the same boxes at once wait for each other instead of ending each other.
    return dict(sorted(found.items()))


def _joined(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The whole half hours that the spans touch, those that meet as one: [first slot, end of the last)."""
    wide = sorted((low // SLOT_NS * SLOT_NS, high // SLOT_NS * SLOT_NS + SLOT_NS) for low, high in spans)
    current = wide[0]
    for low, high in wide[1:]:
        if low <= current[1]:
            current = (current[0], max(current[1], high))
        else:
            yield current
            current = (low, high)
    yield current


def _count(connection: Connection, site: str, box: str, low_ns: int, high_ns: int) -> None:
    # The end of the last slot before the end of time is beyond what a column holds.
    last_ns = min(high_ns - 1, 2**63 - 1)
    here = (tally.c.site == site, tally.c.box == box, tally.c.slot_ns.between(low_ns, last_ns))
    connection.execute(delete(tally).where(*here))
    counts: Counter[_Key] = Counter()
    misuse: Counter[_Key] = Counter()
    verdicts: Counter[_Key] = Counter()
    smiles: Counter[_Key] = Counter()
    for key, hammered, smiled in _presses(connection, site, box, low_ns, last_ns):
        counts[key] += 1
        misuse[key] += hammered
        verdicts[key] += smiled is not None
        smiles[key] += bool(smiled)
    for key in _sales(connection, site, box, low_ns, last_ns):
        counts[key] += 1
    rows = [
        {"site": site, "box": box, **key._asdict(), "count": count, "misuse": misuse[key]}
        | {"smile_verdicts": verdicts[key], "smiles": smiles[key]}
        for key, count in sorted(counts.items())
    ]
    for start in range(0, len(rows), 500):
        connection.execute(insert(tally), rows[start : start + 500])


def _presses(
    connection: Connection, site: str, box: str, low_ns: int, last_ns: int
) -> Iterator[tuple[_Key, bool, bool | None]]:
    press = t.press
    columns = (press.c.wall_ns, press.c.button, press.c.trigger, press.c.rating, press.c.employee)
    query = (
        select(*columns, press.c.simulated, press.c.misuse, _smiled().label("smiled"))
        .where(press.c.site == site, press.c.box == box, press.c.wall_ns.between(low_ns, last_ns))
        .where(press.c.trigger.not_in(_NO_PRESS))
        .order_by(press.c.wall_ns)
    )
    on_shift = OnShift(turns(connection, site, box, low_ns, last_ns))
    for row in connection.execute(query):
        employee = row.employee or on_shift.alone_at(row.wall_ns) or ""
        slot_ns = row.wall_ns // SLOT_NS * SLOT_NS
        key = _Key(slot_ns, row.button, row.trigger, row.rating or 0, employee, row.simulated)
        yield key, row.misuse, row.smiled


def _smiled() -> ScalarSelect[bool]:
    """The verdict on the client of a press; null where there is none. Only the press's own box can tell it."""
    snapshot = ts.snapshot
    same = [snapshot.c[name] == t.press.c[name] for name in ("site", "box", "simulated")]
    query = select(snapshot.c.smiled).where(snapshot.c.press == t.press.c.id, *same, snapshot.c.smiled.is_not(None))
    return query.order_by(snapshot.c.id).limit(1).correlate(t.press).scalar_subquery()


def _sales(connection: Connection, site: str, box: str, low_ns: int, last_ns: int) -> Iterator[_Key]:
    query = (
        select(sale.c.wall_ns, sale.c.employee, sale.c.simulated)
        .where(sale.c.site == site, sale.c.box == box, sale.c.wall_ns.between(low_ns, last_ns))
        .where(sale.c.voided.is_(False))
        .order_by(sale.c.wall_ns)
    )
    on_shift = OnShift(turns(connection, site, box, low_ns, last_ns))
    for row in connection.execute(query):
        employee = row.employee or on_shift.alone_at(row.wall_ns) or ""
        yield _Key(row.wall_ns // SLOT_NS * SLOT_NS, "", SERVED, 0, employee, row.simulated)
