"""What happened at a site in a stretch of time, as the engine's records."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from sqlalchemy import Connection, select

from cloud_bridge.rules.history import SERVED, Record
from cloud_bridge.store import tables as t
from cloud_bridge.store.on_shift import OnShift, turns
from cloud_bridge.store.org import Organisation
from cloud_bridge.store.tables_tally import sale
from edge.wire import Trigger

NO_PRESS = (str(Trigger.EXTENSION), str(Trigger.SELF_TEST))


class Stretch(Struct, frozen=True):
    """Presses and receipts of a site, in no order; `simulated` are the ids of those that were invented."""

    records: tuple[Record, ...]
    simulated: frozenset[str]


def read_stretch(connection: Connection, company: Organisation, site: str, begin_ns: int, end_ns: int) -> Stretch:
    """Everything of a site from `begin_ns` up to and with `end_ns`."""
    records: list[Record] = []
    simulated: set[str] = set()
    for box in sorted({box for name, box, _ in company.sources if name == site}):
        on_shift = turns(connection, site, box, begin_ns, end_ns)
        for record, invented in _presses(connection, company, site, box, OnShift(on_shift), begin_ns, end_ns):
            records.append(record)
            if invented:
                simulated.add(record.id)
        records.extend(_sales(connection, company, site, box, OnShift(on_shift), begin_ns, end_ns))
    return Stretch(tuple(records), frozenset(simulated))


def _presses(
    connection: Connection, company: Organisation, site: str, box: str, on_shift: OnShift, begin_ns: int, end_ns: int
) -> Iterator[tuple[Record, bool]]:
    press = t.press
    columns = (press.c.id, press.c.wall_ns, press.c.button, press.c.trigger, press.c.rating, press.c.employee)
    query = (
        select(*columns, press.c.misuse, press.c.simulated)
        .where(press.c.site == site, press.c.box == box, press.c.wall_ns.between(begin_ns, end_ns))
        .where(press.c.trigger.not_in(NO_PRESS))
        .order_by(press.c.wall_ns, press.c.id)
    )
    for row in connection.execute(query):
        counter = company.counter_of(site, box, row.button)
        record = Record(
            id=row.id,
            at_ns=row.wall_ns,
            kind=row.trigger,
            site=site,
            counter="" if counter is None else counter.name,
            employee=row.employee or on_shift.alone_at(row.wall_ns) or "",
            rating=row.rating,
            misuse=row.misuse,
        )
        yield record, row.simulated


def _sales(
    connection: Connection, company: Organisation, site: str, box: str, on_shift: OnShift, begin_ns: int, end_ns: int
) -> Iterator[Record]:
    query = (
        select(sale.c.id, sale.c.wall_ns, sale.c.employee)
        .where(sale.c.site == site, sale.c.box == box, sale.c.wall_ns.between(begin_ns, end_ns))
        .where(sale.c.voided.is_(False))
        .order_by(sale.c.wall_ns, sale.c.id)
    )
    counter = company.counter_of(site, box, "")
    name = "" if counter is None else counter.name
    for row in connection.execute(query):
        employee = row.employee or on_shift.alone_at(row.wall_ns) or ""
        # No press has an id with a blank in it.
        yield Record(f"sale {row.id}", row.wall_ns, SERVED, site, name, employee)
