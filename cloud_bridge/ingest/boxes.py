"""What is known of boxes themselves: that they exist, their status and health."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import update

from cloud_bridge.ingest.batch import Batch
from cloud_bridge.ingest.parse import Bad, EventItem, HealthItem, Item, StatusItem
from cloud_bridge.ingest.places import adopt_boxes
from cloud_bridge.store import tables as t
from edge import wire


class _Stamped(Struct):
    """What has to be read of a stored health, whatever else the program that stored it knew."""

    stamp: wire.Stamp


def write(batch: Batch, states: Sequence[StatusItem | HealthItem], items: Sequence[Item]) -> None:
    """Enter every box that said something, and the latest status and health of those in `states`."""
    owners: set[tuple[str, str]] = set()
    for item in items:
        if isinstance(item, EventItem):
            owners.add((item.event.site, item.event.box))
        elif not isinstance(item, Bad):
            owners.add((item.site, item.box))
    fresh = {"online": False, "session": 0, "version": ""}
    if owners:
        # No lock for boxes that only sent events: workers would wait for each other on every batch.
        rows = [{"site": site, "name": name, **fresh} for site, name in sorted(owners)]
        batch.connection.execute(batch.insert(t.box), rows)
        adopt_boxes(batch, owners)
    told = sorted({(item.site, item.box) for item in states})
    rows = batch.lock(t.box, [{"site": site, "name": name, **fresh} for site, name in told], ("site", "name"))
    current = {(row["site"], row["name"]): dict(row) for row in rows}
    for item in states:
        row = current[item.site, item.box]
        row |= (
            _status(row, item.status, batch.now_ns)
            if isinstance(item, StatusItem)
            else _health(row, item, batch.now_ns)
        )
    for old in rows:
        new = current[old["site"], old["name"]]
        if new != dict(old):
            same = (t.box.c.site == old["site"]) & (t.box.c.name == old["name"])
            batch.connection.execute(update(t.box).where(same).values(new))


def _status(row: dict[str, Any], status: wire.Status, now_ns: int) -> dict[str, Any]:
    """The columns to change; none for a message that is older than what is known.

    Sessions of one outbox (`series`) grow. Within a session the birth comes before the will. Another series is
    another life of the box, and only a birth begins one: a late will of the former life changes nothing.
    """
    if row["series"] == status.series:
        newer = (status.session, not status.online) > (row["session"], not row["online"])
    else:
        newer = status.online or row["series"] is None
    if not newer:
        return {}
    return {
        "online": status.online,
        "session": status.session,
        "version": status.version,
        "boot_id": status.boot_id,
        "series": status.series,
        "status_ns": now_ns,
    }


def _health(row: dict[str, Any], item: HealthItem, now_ns: int) -> dict[str, Any]:
    text = wire.encode(item.health).decode()
    if text == row["health"]:
        return {}
    if row["health"] is not None:
        known = msgspec.json.decode(row["health"], type=_Stamped).stamp
        new = item.health.stamp
        if known.boot_id == new.boot_id and new.mono_ns < known.mono_ns:
            return {}
    return {"health": text, "health_ns": now_ns}
