"""An invented history put straight into a store: presses and shifts by the real ingest, receipts as rows."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import insert

from cloud_bridge.ingest.batch import Limits
from cloud_bridge.ingest.commit import commit
from cloud_bridge.ingest.parse import incoming, parse
from cloud_bridge.simulate.records import Message, box_messages
from cloud_bridge.simulate.world import World
from cloud_bridge.store import tallies
from cloud_bridge.store.engine import Store
from cloud_bridge.store.tables_tally import sale, tally_dirty


def messages_of(world: World) -> list[Message]:
    """What all boxes published, without sound, box by box."""
    return [message for counter in range(len(world.counters)) for message in box_messages(world, counter, None)]


def send(store: Store, messages: Iterable[Message], now_ns: int) -> None:
    """Take messages in."""
    waiting = list(messages)
    for start in range(0, len(waiting), 500):
        part = waiting[start : start + 500]
        items = [parse(incoming(topic, payload)) for message in part for topic, payload in message.parts]
        commit(store, [item for item in items if item is not None], now_ns, Limits())


def put_receipts(store: Store, world: World, now_ns: int) -> None:
    """The receipts of everybody who was served, voided ones among them."""
    rows = [
        {
            "site": world.counters[one.counter].site,
            "id": str(one.number),
            "box": world.counters[one.counter].box,
            "employee": world.counters[one.counter].employees[one.employee],
            "wall_ns": one.at_ns,
            "voided": one.void,
            "simulated": True,
            "received_ns": now_ns,
        }
        for one in world.customers
    ]
    marks = [
        {"site": place.site, "box": place.box, "from_ns": world.start_ns, "until_ns": world.end_ns}
        for place in world.counters
    ]
    with store.write() as connection:
        for start in range(0, len(rows), 2000):
            connection.execute(insert(sale), rows[start : start + 2000])
        connection.execute(insert(tally_dirty), marks)


def count(store: Store) -> None:
    """Count everything by half hours."""
    while tallies.count_dirty(store):
        pass
