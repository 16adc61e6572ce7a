"""Rows of the database as the structs of `rows`."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row

from cloud_bridge.store.rows import Instant, PressRow, TrackRow, TrackState
from edge.wire import Health, TrackData


def press_row(row: Row[Any]) -> PressRow:
    """A press joined with what is known of its track."""
    return PressRow(
        id=row.id,
        site=row.site,
        box=row.box,
        button=row.button,
        trigger=row.trigger,
        rating=row.rating,
        employee=row.employee,
        track=row.track,
        track_state=None if row.track_state is None else TrackState(row.track_state),
        partial=bool(row.partial),
        damaged=bool(row.damaged),
        misuse=row.misuse,
        source=row.source,
        simulated=row.simulated,
        request_id=row.request_id,
        stamp_uncertainty_ms=row.stamp_uncertainty_ms,
        instant=instant(row),
        received_ns=row.received_ns,
        change=row.change,
    )


def track_row(row: Row[Any]) -> TrackRow:
    """A track with the number of its chunks that came."""
    manifest = None if row.manifest is None else msgspec.json.decode(row.manifest, type=TrackData)
    complete = row.state == TrackState.COMPLETE
    return TrackRow(
        id=row.id,
        site=row.site,
        box=row.box,
        state=TrackState(row.state),
        press=row.press,
        extends=row.extends,
        manifest=manifest,
        instant=None if row.boot_id is None else instant(row),
        chunks_received=row.chunks if complete else row.chunks_received,
        lost_reason=row.lost_reason,
        blob=row.blob,
        damaged=row.damaged,
        completed_ns=row.completed_ns,
    )


def instant(row: Row[Any]) -> Instant:
    """The instant of any dated row."""
    return Instant(
        boot_id=row.boot_id,
        mono_ns=row.mono_ns,
        wall_ns=row.wall_ns,
        synced=row.synced,
        repaired=row.repaired,
        uncertainty_ms=row.uncertainty_ms,
    )


def health(text: str) -> Health | None:
    """A stored health; None where another version of this program stored it, until the box's next report."""
    try:
        return msgspec.json.decode(text, type=Health)
    except msgspec.ValidationError:
        return None
