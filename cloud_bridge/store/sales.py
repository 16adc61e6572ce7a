"""Receipts of tills: who was served. Taking them in is idempotent by (site, id) and does not mind any order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, RowMapping, Table, insert, literal, select, tuple_, update

from cloud_bridge.ingest.batch import Batch, Limits, parts
from cloud_bridge.ingest.places import adopt_boxes, new_site
from cloud_bridge.store import tables_org as org
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Organisation
from cloud_bridge.store.scope import Scope, condition
from cloud_bridge.store.tables_org import EVERY_BUTTON
from cloud_bridge.store.tables_tally import SLOT_NS, sale, sale_void, tally_dirty

BATCH_MAX = 1000


class Receipt(Struct, frozen=True, kw_only=True):
    """One customer served at `till`: a box's name, or the till's own."""

    id: str
    till: str
    wall_ns: int
    employee: str | None = None
    voided: bool = False


class Taken(Struct, frozen=True, kw_only=True):
    """What became of a batch. `conflicting` are known with another till, time or employee; the first ones stay."""

    new: int
    repeated: int
    voided: int
    conflicting: tuple[str, ...]


class SaleRow(Struct, frozen=True, kw_only=True):
    """A receipt as it is known."""

    site: str
    id: str
    till: str
    employee: str | None
    wall_ns: int
    voided: bool
    simulated: bool
    received_ns: int


class SaleCursor(Struct, frozen=True):
    """Where a page of receipts ended."""

    wall_ns: int
    id: str


def take(
    store: Store, site: str, receipts: Sequence[Receipt], voids: Iterable[str], *, simulated: bool, now_ns: int
) -> Taken:
    """Take in receipts of a site and take back `voids`, in one transaction; the counts follow.

    A receipt that is taken back before it has come comes in as voided. Of two receipts with one id in a batch the first
    counts, the other is a repetition or a conflict.
    """
    wanted: dict[str, Receipt] = {}
    doubled: list[Receipt] = []
    for receipt in receipts:
        if receipt.id in wanted:
            doubled.append(receipt)
        else:
            wanted[receipt.id] = receipt
    back = set(voids) | {receipt.id for receipt in receipts if receipt.voided}
    with store.write() as connection:
        batch = Batch(connection, now_ns, Limits())
        # A receipt and its void that come at the same time must see each other.
        batch.lock(org.site, [new_site(site)], ["name"])
        _adopt(batch, site, wanted.values())
        back_before = set(_known(connection, sale_void, site, wanted))
        gone = (back | back_before) & set(wanted)
        more = {"site": site, "simulated": simulated, "received_ns": now_ns}
        rows = [more | _as_row(wanted[id_]) | {"id": id_, "voided": id_ in gone} for id_ in sorted(wanted)]
        new = _insert(batch, rows)
        known = _known(connection, sale, site, [*(set(wanted) - new)])
        conflicting = sorted(
            {id_ for id_, row in known.items() if _differs(wanted[id_], row)}
            | {receipt.id for receipt in doubled if _differs(receipt, _as_row(wanted[receipt.id]))}
        )
        voided, changed = _take_back(batch, site, back - new)
        changed += [(wanted[id_].till, wanted[id_].wall_ns) for id_ in new - gone]
        _mark(connection, site, changed)
    return Taken(
        new=len(new),
        repeated=len(receipts) - len(new) - len(conflicting),
        voided=voided + len(new & gone),
        conflicting=tuple(conflicting),
    )


def list_sales(
    store: Store,
    organisation: Organisation,
    scope: Scope,
    site: str,
    *,
    since_ns: int | None = None,
    until_ns: int | None = None,
    cursor: SaleCursor | None = None,
    limit: int = 100,
) -> tuple[tuple[SaleRow, ...], SaleCursor | None]:
    """A page of a site's receipts, newest first, of what `scope` holds, and where the next begins (None: nowhere)."""
    # A receipt is nobody's button: it belongs where its till belongs.
    asked = select(*sale.c, literal(EVERY_BUTTON).label("button")).subquery()
    query = select(asked).where(asked.c.site == site, condition(scope, organisation, asked))
    if since_ns is not None:
        query = query.where(asked.c.wall_ns >= since_ns)
    if until_ns is not None:
        query = query.where(asked.c.wall_ns < until_ns)
    if cursor is not None:
        query = query.where(tuple_(asked.c.wall_ns, asked.c.id) < tuple_(cursor.wall_ns, cursor.id))
    query = query.order_by(asked.c.wall_ns.desc(), asked.c.id.desc()).limit(limit + 1)
    with store.read() as connection:
        found = [_row(row) for row in connection.execute(query).mappings()]
    page = tuple(found[:limit])
    return page, SaleCursor(page[-1].wall_ns, page[-1].id) if len(found) > limit else None


def _adopt(batch: Batch, site: str, receipts: Iterable[Receipt]) -> None:
    adopt_boxes(batch, {(site, receipt.till) for receipt in receipts})
    people = sorted({receipt.employee for receipt in receipts if receipt.employee})
    if people:
        rows = [{"name": name, "title": name, "site": None, "retired": False} for name in people]
        batch.connection.execute(batch.insert(org.employee), rows)


def _insert(batch: Batch, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Insert what is not there; the ids that were not."""
    found: set[str] = set()
    for part in parts(rows):
        statement = batch.insert(sale).returning(sale.c.id)
        found |= set(batch.connection.execute(statement, part).scalars())
    return found


def _known(connection: Connection, table: Table, site: str, ids: Iterable[str]) -> dict[str, RowMapping]:
    found: dict[str, RowMapping] = {}
    for part in parts(sorted(ids)):
        query = select(table).where(table.c.site == site, table.c.id.in_(part))
        found |= {row["id"]: row for row in connection.execute(query).mappings()}
    return found


def _take_back(batch: Batch, site: str, ids: Iterable[str]) -> tuple[int, list[tuple[str, int]]]:
    """Void what is known, remember the rest; how many were voided now, and where they stood."""
    changed: list[tuple[str, int]] = []
    for part in parts(sorted(ids)):
        known = (sale.c.site == site) & sale.c.id.in_(part)
        statement = update(sale).where(known, sale.c.voided.is_(False)).values(voided=True)
        rows = batch.connection.execute(statement.returning(sale.c.box, sale.c.wall_ns)).all()
        changed += [(row.box, row.wall_ns) for row in rows]
        early = set(part) - set(_known(batch.connection, sale, site, part))
        if early:
            values = [{"site": site, "id": id_, "received_ns": batch.now_ns} for id_ in sorted(early)]
            batch.connection.execute(batch.insert(sale_void), values)
    return len(changed), changed


def _mark(connection: Connection, site: str, changed: Iterable[tuple[str, int]]) -> None:
    """Half hours that follow each other are one stretch; what lies between two days is not counted anew."""
    rows: list[dict[str, Any]] = []
    for box, slot in sorted({(box, wall_ns // SLOT_NS) for box, wall_ns in changed}):
        if rows and rows[-1]["box"] == box and rows[-1]["until_ns"] == slot * SLOT_NS - 1:
            rows[-1]["until_ns"] += SLOT_NS
        else:
            rows.append({"site": site, "box": box, "from_ns": slot * SLOT_NS, "until_ns": (slot + 1) * SLOT_NS - 1})
    if rows:
        connection.execute(insert(tally_dirty), rows)


def _as_row(receipt: Receipt) -> dict[str, Any]:
    return {"box": receipt.till, "wall_ns": receipt.wall_ns, "employee": receipt.employee}


def _differs(receipt: Receipt, row: RowMapping | dict[str, Any]) -> bool:
    return any(row[name] != value for name, value in _as_row(receipt).items())


def _row(row: RowMapping) -> SaleRow:
    return SaleRow(till=row["box"], **{name: row[name] for name in SaleRow.__struct_fields__ if name != "till"})
