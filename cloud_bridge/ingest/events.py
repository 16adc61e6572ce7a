"""Events: each stored once by id with the bytes' digest, then spread over the tables of what it tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, or_, select, update

from cloud_bridge.ingest import dirty
from cloud_bridge.ingest.batch import PENDING_CHANGE, Batch, parts
from cloud_bridge.ingest.parse import BadKind, EventItem
from cloud_bridge.store import tables as t
from edge.wire import BootData, FaultData, PressData, Received, ShiftData, Stamp, TimeData, TrackData


def write(batch: Batch, items: Sequence[EventItem]) -> list[EventItem]:
    """Store events and their presses, faults, shifts, boots and clock repairs; returns those that were new."""
    fresh = _insert_new(batch, items)
    rows: dict[str, list[dict[str, Any]]] = {"press": [], "fault": [], "shift": [], "boot": []}
    for item in fresh:
        match item.event.data:
            case PressData() as data:
                rows["press"].append(_press(item, data, batch.now_ns))
                batch.presses_touched = True
            case FaultData() as data:
                rows["fault"].append(
                    _own(item, data.stamp)
                    | {"name": data.name, "device": data.device, "active": data.active}
                    | {"detail": data.detail, "lost_frames": data.lost_frames}
                )
            case ShiftData() as data:
                rows["shift"].append(
                    _own(item, data.stamp) | {"button": data.button, "employee": data.employee, "source": data.source}
                )
            case BootData() as data:
                rows["boot"].append(
                    _own(item, data.stamp)
                    | {"version": data.version, "config_sha256": data.config_sha256}
                    | {"session": data.session, "open_tracks": data.open_tracks}
                )
    for name, new in rows.items():
        if new:
            batch.connection.execute(batch.insert(t.metadata.tables[name]), new)
    return fresh


def dated(stamp: Stamp) -> dict[str, Any]:
    """The columns of an instant as the box stated it."""
    return {
        "boot_id": stamp.boot_id,
        "mono_ns": stamp.mono_ns,
        "wall_ns": stamp.wall_ns,
        "synced": stamp.synced,
        "repaired": False,
        "uncertainty_ms": stamp.uncertainty_ms,
    }


def lock_clocks(batch: Batch, fresh: Sequence[EventItem]) -> list[Any]:
    """Hold the clock rows of all boots in which something of `fresh` is undated, and enter the repairs of `fresh`."""
    boots: set[tuple[str, str, str]] = set()
    fixes: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for item in fresh:
        stamp = getattr(item.event.data, "stamp", None)
        if not isinstance(stamp, Stamp):
            continue
        key = (item.event.site, item.event.box, stamp.boot_id)
        is_fix = isinstance(item.event.data, TimeData)
        if is_fix and stamp.synced:
            fixes.setdefault(key, []).append(
                {
                    "event": item.event.id,
                    "mono_ns": stamp.mono_ns,
                    "wall_ns": stamp.wall_ns,
                    "uncertainty_ms": stamp.uncertainty_ms,
                }
            )
        if is_fix or not stamp.synced:
            boots.add(key)
    names = ("site", "box", "boot_id")
    clocks = []
    for row in batch.lock(t.boot_clock, [dict(zip(names, key, strict=True)) for key in boots], names):
        clock = dict(row)
        key = (clock["site"], clock["box"], clock["boot_id"])
        for fix in fixes.get(key, []):
            # The best of several is chosen by content, hence the same whatever came first.
            if clock["event"] is None or _rank(fix) < _rank(clock):
                clock |= fix
        if clock["event"] != row["event"]:
            values = {name: clock[name] for name in ("event", "mono_ns", "wall_ns", "uncertainty_ms")}
            batch.connection.execute(update(t.boot_clock).where(_same_boot(t.boot_clock, clock)).values(values))
        if clock["event"] is not None:
            clocks.append(clock)
    return clocks


def repair_times(batch: Batch, clocks: Sequence[Any]) -> None:
    """Date all unsynchronised rows of boots whose clock is known; rows dated so already stay untouched."""
    for clock in clocks:
        for table in t.DATED:
            wall_ns = clock["wall_ns"] + (table.c.mono_ns - clock["mono_ns"])
            stale = or_(
                table.c.repaired.is_(False),
                table.c.wall_ns != wall_ns,
                table.c.uncertainty_ms != clock["uncertainty_ms"],
            )
            values: dict[str, Any] = {
                "wall_ns": wall_ns,
                "repaired": True,
                "uncertainty_ms": clock["uncertainty_ms"],
            }
            if table is t.press:
                values["change"] = PENDING_CHANGE
            condition = and_(_same_boot(table, clock), table.c.synced.is_(False), stale)
            dirty.mark_redated(batch, table, condition, clock, wall_ns)
            query = update(table).where(condition).values(values)
            changed = batch.connection.execute(query).rowcount
            batch.presses_touched |= table is t.press and changed > 0


def _insert_new(batch: Batch, items: Sequence[EventItem]) -> list[EventItem]:
    firsts: dict[str, EventItem] = {}
    for item in items:
        firsts.setdefault(item.event.id, item)
    known = _digests(batch, list(firsts))
    wanted = [firsts[key] for key in sorted(firsts) if key not in known]
    inserted: set[str] = set()
    if wanted:
        query = batch.insert(t.event).returning(t.event.c.id)
        inserted = set(batch.connection.execute(query, [_event(item, batch.now_ns) for item in wanted]).scalars())
        # What was not inserted then came from another worker since the first look.
        known |= _digests(batch, [item.event.id for item in wanted if item.event.id not in inserted])
    known |= {key: firsts[key].message.sha256 for key in inserted}
    for item in items:
        event, digest = item.event, item.message.sha256
        if known[event.id] == digest:
            batch.receipt(event.site, event.box, Received(kind="event", id=event.id, sha256=digest))
            if event.id not in inserted and isinstance(event.data, TrackData):
                # A repeated manifest may mean that the receipt for the whole track was lost.
                batch.outcome.ready.add(event.data.track)
        else:
            reason = f"event {event.id} is known with sha256 {known[event.id]}; the first one stays"
            batch.refuse(item.message, BadKind.CONFLICT, reason)
    batch.outcome.new_events += len(inserted)
    return [firsts[key] for key in sorted(inserted)]


def _digests(batch: Batch, ids: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in parts(ids):
        query = select(t.event.c.id, t.event.c.sha256).where(t.event.c.id.in_(part))
        found |= {row.id: row.sha256 for row in batch.connection.execute(query)}
    return found


def _event(item: EventItem, now_ns: int) -> dict[str, Any]:
    event = item.event
    return {
        "id": event.id,
        "site": event.site,
        "box": event.box,
        "series": event.series,
        "seq": event.seq,
        "type": event.type,
        "sha256": item.message.sha256,
        "received_ns": now_ns,
        "payload": item.message.payload.decode(),
    }


def _own(item: EventItem, stamp: Stamp) -> dict[str, Any]:
    return {"id": item.event.id, "site": item.event.site, "box": item.event.box} | dated(stamp)


def _press(item: EventItem, data: PressData, now_ns: int) -> dict[str, Any]:
    return _own(item, data.stamp) | {
        "button": data.button,
        "trigger": str(data.trigger),
        "rating": data.rating,
        "employee": data.employee,
        "track": data.track,
        "snapshot": data.snapshot,
        "misuse": data.misuse,
        "source": data.source,
        "simulated": data.simulated,
        "request_id": data.request_id,
        "stamp_uncertainty_ms": data.stamp_uncertainty_ms,
        "received_ns": now_ns,
        "change": PENDING_CHANGE,
    }


def _rank(fix: Any) -> tuple[float, int, str]:
    return (fix["uncertainty_ms"], fix["mono_ns"], fix["event"])


def _same_boot(table: Any, clock: Any) -> Any:
    return and_(table.c.site == clock["site"], table.c.box == clock["box"], table.c.boot_id == clock["boot_id"])
