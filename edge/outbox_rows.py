"""Rows of the outbox and the values they stand for. Everything here runs inside a transaction of its caller."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from sqlite_utils import Database

from edge import wire
from edge.outbox_stored import stored
from edge.outbox_types import KnownPress, KnownTrack, OutboxError, TrackState
from edge.plan import PlannedTrack

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MANIFESTS: dict[str, type[wire.TrackData | wire.Picture]] = {"sound": wire.TrackData, "picture": wire.Picture}


class Events:
    """Numbers events without a hole and fixes their bytes."""

    def __init__(self, db: Database, site: str, box: str, series: str, new_id: Callable[[], str]) -> None:
        self._db = db
        self._site = site
        self._box = box
        self._series = series
        self._new_id = new_id

    def add(self, data: wire.EventData, wall_ns: int, event_id: str | None = None) -> int:
        """Insert one event as it will be published; returns its seq. Raises `WireError` for one too large to send."""
        seq = count_up(self._db, "seq")
        event = wire.Event(
            id=event_id or self._new_id(),
            site=self._site,
            box=self._box,
            type=wire.type_name(data),
            time=_EPOCH + timedelta(microseconds=wall_ns // 1000),
            series=self._series,
            seq=seq,
            data=data,
        )
        payload = wire.encode_event(event)
        if len(payload) > wire.JSON_BYTES_MAX:
            raise wire.WireError(f"event {event.type} has {len(payload)} bytes, more than {wire.JSON_BYTES_MAX}")
        topic = wire.topic(self._site, self._box, "event")
        track = None
        if isinstance(data, wire.TrackData):
            track = data.track
            topic = wire.manifest_topic(self._site, self._box, track)
        elif isinstance(data, wire.SnapshotData) and data.picture is not None:
            # The event stands for the manifest of its picture.
            track = data.snapshot
        self._db.execute(
            "insert into event (seq, id, topic, payload, sha256, track) values (?, ?, ?, ?, ?, ?)",
            [seq, event.id, topic, payload, wire.sha256(payload), track],
        )
        return seq


def identify(db: Database, site: str, box: str, new_id: Callable[[], str], folder: Path) -> str:
    """The series of this outbox, born with it. Raises `OutboxError` where it is another box's."""
    row = db.execute("select site, box, series from identity").fetchone()
    if row is None:
        series = new_id()
        db.execute("insert into identity (site, box, series) values (?, ?, ?)", [site, box, series])
        return series
    if (row[0], row[1]) != (site, box):
        raise OutboxError(
            f"outbox in {folder} belongs to box {row[0]}/{row[1]}, not {site}/{box}; set box.site and box.name back,"
            " or choose another box.data_dir"
        )
    return str(row[2])


def counter(db: Database, name: str) -> int:
    """The last number given by `count_up`, 0 before the first."""
    row = db.execute("select value from counter where name = ?", [name]).fetchone()
    return 0 if row is None else int(row[0])


def count_up(db: Database, name: str) -> int:
    """The next number of a row of numbers from 1, never given twice."""
    value = counter(db, name) + 1
    set_counter(db, name, value)
    return value


def set_counter(db: Database, name: str, value: int) -> None:
    """Make `value` the last number given."""
    db.execute("replace into counter (name, value) values (?, ?)", [name, value])


def set_note(db: Database, key: str, value: str) -> None:
    """Remember a text."""
    db.execute("replace into note (key, value) values (?, ?)", [key, value])


def insert_track(db: Database, plan: PlannedTrack, stamp: wire.Stamp, place: int) -> None:
    """Insert an open track of sound."""
    db.execute(
        "insert into track (id, press, place, state, plan, stamp, bytes, kind) values (?, ?, ?, ?, ?, ?, 0, 'sound')",
        [plan.track, plan.press, place, TrackState.OPEN, msgspec.json.encode(plan), wire.encode(stamp)],
    )


def manifest(kind: str, data: bytes) -> wire.TrackData | wire.Picture:
    """What a track or a picture is: size, digest, chunks. `kind` as in the table of tracks."""
    found: wire.TrackData | wire.Picture = stored(data, _MANIFESTS[kind])
    return found


def presses(db: Database, condition: str, values: list[str] | list[int]) -> list[KnownPress]:
    """The presses that `condition` selects."""
    found = db.execute(f"select id, seq, data, bounces, delivered from press {condition}", values).fetchall()  # noqa: S608 - our own text
    return [
        KnownPress(press, seq, stored(data, wire.PressData), bounces, bool(delivered))
        for press, seq, data, bounces, delivered in found
    ]


def track(db: Database, track_id: str) -> KnownTrack | None:
    """One track of sound in any state."""
    sql = "select plan, stamp, state, manifest from track where id = ? and kind = 'sound'"
    row = db.execute(sql, [track_id]).fetchone()
    if row is None:
        return None
    manifest: wire.TrackData | None = None if row[3] is None else stored(row[3], wire.TrackData)
    plan = msgspec.json.decode(row[0], type=PlannedTrack)
    return KnownTrack(plan, stored(row[1], wire.Stamp), TrackState(row[2]), manifest)
