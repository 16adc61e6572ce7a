"""The state of a box at a glance, as values: what `earshot status` shows and `--json` prints."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge.field.backlog import BacklogUnreadable, look
from edge.field.check_storage import outage_left
from edge.field.surroundings import Surroundings
from edge.field.wear import wear_below
from ringbuffer.audio_ring import AudioRing
from ringbuffer.errors import RingError

_PRESSES = 8
_LEVEL_MS = 200


def level(around: Surroundings) -> dict[str, Any] | None:
    """What the ear does at this moment, its level over the last fifth of a second; None without a ring of this boot."""
    try:
        ring = AudioRing(around.config.box.ring)
    except (RingError, OSError):
        return None
    try:
        if ring.boot_id != around.clock.boot_id:
            return None
        stalled_ns = ring.stalled_for_ns(around.clock.mono_ns())
        running = stalled_ns is not None and stalled_ns <= around.config.ear.stall_ms * 1_000_000
        peak, rms = ring.level(_LEVEL_MS) if running else (None, None)
        lost_s = ring.stats().lost_frames / ring.format.rate_hz
    except RingError:
        return None
    finally:
        ring.close()
    return {
        "source": ring.format.source,
        "simulated": ring.format.simulated,
        "running": running,
        "peak_dbfs": peak,
        "rms_dbfs": rms,
        "lost_s": lost_s,
    }


def snapshot(around: Surroundings) -> dict[str, Any]:
    """Everything at one instant; parts that can't be known are None."""
    state: Mapping[str, Any] = around.state or {}
    return {
        "site": around.config.box.site,
        "box": around.config.box.name,
        "place": around.config.box.place,
        "running": around.state is not None,
        "error": around.state_error or None,
        "connected": state.get("connected"),
        "bridge_online": state.get("bridge_online"),
        "last_receipt_s": state.get("last_receipt_s"),
        "faults": list(state["health"]["faults"]) if state else None,
        "presses": list(state["presses"][:_PRESSES]) if state else None,
        "ear": level(around),
        **_storage(around),
    }


def _storage(around: Surroundings) -> dict[str, Any]:
    folder = Path(around.config.box.data_dir)
    try:
        backlog = look(folder)
    except BacklogUnreadable:
        backlog = None
    wear = wear_below(folder, around.folders) if folder.is_dir() else None
    return {
        "queue": None
        if backlog is None
        else {"events": backlog.events, "tracks": backlog.tracks, "bytes": backlog.bytes},
        "outage_hours": None if backlog is None else outage_left(around, backlog),
        "disk_free_bytes": shutil.disk_usage(folder).free if folder.is_dir() else None,
        "disk_reserve_bytes": around.config.tracks.disk_reserve_bytes,
        "wear": None if wear is None else asdict(wear),
    }
