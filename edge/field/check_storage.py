"""Checks of what keeps things: the data folder, the ring's memory, the outbox, the receipts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from edge.field.accounts import READ, SEARCH, WRITE
from edge.field.backlog import Backlog, BacklogUnreadable, look
from edge.field.findings import Finding, finding
from edge.field.outage import OUTAGE_WANTED_H, outage_hours, readable_hours
from edge.field.surroundings import Surroundings, filesystem_of, readable_bytes
from ringbuffer.audio_writer import needed_bytes
from ringbuffer.memory import megabytes, room_at

_IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs"})
# Without a journal, or through a layer that says "durable" too early.
_UNSAFE = frozenset({"vfat", "exfat", "msdos", "ntfs", "ntfs3", "fuseblk", "nfs", "nfs4", "cifs", "9p", "ext2"})
# Above the reserve by less than this, sound is about to be dropped.
_LOW_FACTOR = 3
# Receipts come within seconds; what has waited so long waits for something else.
RECEIPT_LATE_S = 300


def check_data(around: Surroundings) -> Iterator[Finding]:
    """The data folder: there, writable for the box, on a disk that keeps promises, with room."""
    path = Path(around.config.box.data_dir)
    if not path.is_dir():
        yield finding("data", "absent", path=path)
        return
    if not around.box.may(path, READ | WRITE | SEARCH):
        yield finding("data", "denied", path=path, user=around.box.name)
    filesystem = filesystem_of(path, around.folders)
    if filesystem in _IN_MEMORY:
        yield finding("data", "volatile", path=path, filesystem=filesystem)
    elif filesystem in _UNSAFE:
        yield finding("data", "unsafe", path=path, filesystem=filesystem)
    free = shutil.disk_usage(path).free
    reserve = around.config.tracks.disk_reserve_bytes
    code = "full" if free < reserve else "low" if free < reserve * _LOW_FACTOR else "ok"
    values = {"path": path, "free": readable_bytes(free), "reserve": readable_bytes(reserve)}
    yield finding("data", code, **values, filesystem=filesystem)


def check_memory(around: Surroundings) -> Iterator[Finding]:
    """The place of the ring: in memory, the ear's to write, large enough."""
    path = Path(around.config.box.ring)
    folder = path.parent
    if not folder.is_dir():
        yield finding("memory", "absent", folder=folder)
        return
    filesystem = filesystem_of(folder, around.folders)
    if filesystem not in _IN_MEMORY:
        yield finding("memory", "disk", folder=folder, filesystem=filesystem)
    if not around.ear.may(folder, WRITE | SEARCH):
        yield finding("memory", "denied", folder=folder, user=around.ear.name)
    ear = around.config.ear

    def needed(depth_s: int) -> int:
        return needed_bytes(
            rate_hz=ear.rate_hz, channels=ear.channels, depth_s=depth_s, period_frames=ear.period_frames
        )

    whole = needed(ear.depth_s)
    room = room_at(folder)
    present = path.stat().st_blocks * 512 if path.is_file() else 0
    if whole > present and whole > room.plus(present).usable_bytes:
        usable = room.plus(present).usable_bytes
        base = needed(0)
        depth_s = max(0, int((usable - base) / (whole - base) * ear.depth_s))
        yield finding("memory", "small", path=path, needed=megabytes(whole), usable=megabytes(usable), depth_s=depth_s)
    else:
        yield finding("memory", "ok", path=path, needed=megabytes(whole))


def check_backlog(around: Surroundings) -> Iterator[Finding]:
    """What waits in the outbox, and for how long an outage there is room."""
    folder = Path(around.config.box.data_dir)
    try:
        backlog = look(folder)
    except BacklogUnreadable as error:
        yield finding("backlog", "unreadable", error=error)
        return
    if backlog is None:
        yield finding("backlog", "absent", path=folder)
        return
    hours = outage_left(around, backlog)
    yield finding(
        "backlog",
        "ok" if hours is None or hours >= OUTAGE_WANTED_H else "short",
        events=backlog.events,
        tracks=backlog.tracks,
        size=readable_bytes(backlog.bytes),
        room=readable_hours(hours),
    )


def outage_left(around: Surroundings, backlog: Backlog) -> float | None:
    """Hours of outage that the disk has room for, see `edge.field.outage`; None: nothing is known of the rate."""
    free = shutil.disk_usage(around.config.box.data_dir).free
    return outage_hours(free, around.config.tracks.disk_reserve_bytes, backlog.recent(around.clock.wall_ns()))


def check_receipts(around: Surroundings) -> Iterator[Finding]:
    """Whether the bridge answers what it is sent."""
    state = around.state
    if state is None:
        yield finding("receipts", "unknown")
        return
    health = state["health"]
    age_s = state["last_receipt_s"]
    if not health["events_waiting"] and not health["tracks_waiting"]:
        yield finding("receipts", "ok", age_s=round(age_s)) if age_s is not None else finding("receipts", "idle")
        return
    silent_s = health["uptime_s"] if age_s is None else age_s
    if silent_s > RECEIPT_LATE_S:
        waiting = {"events": health["events_waiting"], "tracks": health["tracks_waiting"]}
        yield finding("receipts", "late", **waiting, age_s=round(silent_s))
    elif age_s is None:
        yield finding("receipts", "unknown")
    else:
        yield finding("receipts", "ok", age_s=round(age_s))
