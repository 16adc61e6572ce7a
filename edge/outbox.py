"""The box's memory: what must reach the bridge, kept until the bridge's receipt for it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from edge import outbox_rows as rows
from edge import wire
from edge.faultpoint import FaultPoint, no_fault
from edge.outbox_backlog import OutboxBacklog
from edge.outbox_files import TrackFiles
from edge.outbox_receipts import Receipts
from edge.outbox_requests import Requests
from edge.outbox_snapshots import OutboxSnapshots
from edge.outbox_store import Store
from edge.outbox_stored import stored
from edge.outbox_types import (
    Applied,
    DiskFull,
    KnownPress,
    KnownTrack,
    OutboxError,
    Room,
    TrackState,
    Waiting,
)
from edge.plan import OpenTrack, PlannedTrack
from edge.wire import EventData, PressData, Receipt, Reply, SelfTestData, ShiftData, Stamp, TrackData, TrackLostData

__all__ = [
    "Applied",
    "DiskFull",
    "KnownPress",
    "KnownTrack",
    "Outbox",
    "OutboxError",
    "Room",
    "TrackState",
    "Waiting",
]

_GONE = "its file is gone from the disk of the box, which was full or is failing"
_NO_ROOM = "dropped before delivery: the disk of the box was full"


class Outbox:
    """SQLite at `folder/outbox.db`, sound and pictures in `folder/tracks`. One thread only. Made where there is none.

    Every method that writes is one transaction (WAL, synchronous=FULL): when it returns the change is durable, when it
    raises nothing has changed. `wall_ns` dates the event; no order comes from it. Raises `OutboxError` where the
    database is in use, of another box, of a newer version or no database. `free_bytes` tells the room on the disk.
    """

    def __init__(
        self,
        folder: Path,
        site: str,
        box: str,
        *,
        new_id: Callable[[], str],
        fault: FaultPoint = no_fault,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._folder = folder
        self._new_id = new_id
        self._free_bytes = free_bytes
        self._store = Store(folder, fault)
        self._db = self._store.db
        try:
            self.series = self._store.write("note", lambda: rows.identify(self._db, site, box, new_id, folder))
        except BaseException:
            self._store.close()
            raise
        self._events = rows.Events(self._db, site, box, self.series, new_id)
        self.files = TrackFiles(folder / "tracks", fault)
        self.snapshots = OutboxSnapshots(self._db, self._store, self._events, self.files)
        self.files.clean(self._files_wanted())
        self._receipts = Receipts(self._db)
        self._requests = Requests(self._db)
        self._session = 0
        self.backlog = OutboxBacklog(self._db, site, box, self.files.folder)

    def close(self) -> None:
        """Close the database; idempotent."""
        self._store.close()

    def next_session(self) -> int:
        """A number for a connection to the broker, larger than all before it.

        On a full disk it is not remembered beyond this process: to deliver is how room is made.
        """
        self._session = max(self._session, rows.counter(self._db, "session")) + 1
        with contextlib.suppress(DiskFull):
            self._store.write("note", lambda: rows.set_counter(self._db, "session", self._session))
        return self._session

    @property
    def has_ballast(self) -> bool:
        """Whether presses can be written even if the disk gets full."""
        return self._store.has_ballast

    def last_seq(self) -> int:
        """The number of the newest event, 0 before the first."""
        return rows.counter(self._db, "seq")

    def note(self, key: str) -> str | None:
        """What `set_note` last wrote."""
        row = self._db.execute("select value from note where key = ?", [key]).fetchone()
        return None if row is None else str(row[0])

    def set_note(self, key: str, value: str) -> None:
        """Remember a small text of the box's own, such as how far it has looked at the ring."""
        self._store.write("note", lambda: rows.set_note(self._db, key, value))

    def record_press(self, press_id: str, data: PressData, plan: PlannedTrack | None) -> int:
        """Make a press and the promise of its track and of its snapshot durable; returns its seq.

        The event's id is `press_id`; its bytes are made here and never change. Raises `OutboxError` for an id that
        was recorded before.
        """

        def work() -> int:
            if self.press(press_id) is not None:
                raise OutboxError(f"press {press_id} is recorded already; every press needs an id of its own")
            seq = self._events.add(data, data.stamp.wall_ns, event_id=press_id)
            self._db.execute(
                "insert into press (seq, id, data, bounces, delivered) values (?, ?, ?, 0, 0)",
                [seq, press_id, wire.encode(data)],
            )
            if plan is not None:
                rows.insert_track(self._db, plan, data.stamp, seq)
            self.snapshots.promise(press_id, data, seq)
            if data.request_id is not None:
                self._requests.remember_press(data.request_id, press_id)
            return seq

        return self._store.write("press", work)

    def record_self_test(self, data: SelfTestData, plan: PlannedTrack) -> int:
        """Make a self-test and the promise of its track durable; returns its seq. It is not among the presses."""

        def work() -> int:
            seq = self._events.add(data, data.stamp.wall_ns, event_id=data.test)
            rows.insert_track(self._db, plan, data.stamp, seq)
            return seq

        return self._store.write("press", work)

    def count_bounces(self, press_id: str, bounces: int) -> None:
        """Note how the contact bounced after the press: for who looks at the box; the event has gone by then."""
        sql = "update press set bounces = bounces + ? where id = ?"
        self._store.write("note", lambda: self._db.execute(sql, [bounces, press_id]))

    def add_event(self, data: EventData, wall_ns: int, note: tuple[str, str] | None = None) -> int:
        """Record any other event than those that have their own method, with a note (key, text); returns its seq."""

        def work() -> int:
            if note is not None:
                rows.set_note(self._db, *note)
            return self._events.add(data, wall_ns)

        return self._store.write("event", work)

    def set_shift(self, data: ShiftData, reply: Reply | None = None) -> int:
        """Bind a shared button, record the event and the reply to the command that asked; returns the seq."""

        def work() -> int:
            self._db.execute("replace into shift (button, employee) values (?, ?)", [data.button, data.employee])
            if reply is not None:
                self._requests.remember_reply(reply)
            return self._events.add(data, data.stamp.wall_ns)

        return self._store.write("shift", work)

    def shifts(self) -> dict[str, str | None]:
        """Who is on shift, by shared button."""
        return dict(self._db.execute("select button, employee from shift").fetchall())

    def add_track(self, plan: PlannedTrack, stamp: Stamp, reply: Reply | None = None) -> None:
        """Promise a track for a press that is recorded already, with the reply to the command that asked for it."""

        def work() -> None:
            rows.insert_track(self._db, plan, stamp, self.last_seq())
            if reply is not None:
                self._requests.remember_reply(reply)

        self._store.write("track", work)

    def finish_track(self, path: Path, manifest: TrackData, wall_ns: int) -> int | None:
        """Record the finished file at `path` (in `files.folder`) with its manifest event; returns the seq.

        None and no change where the track is not open (finished or lost before).
        """

        def work() -> int | None:
            if not self._is_open(manifest.track):
                return None
            self._db.execute(
                "update track set state = ?, path = ?, bytes = ?, manifest = ? where id = ?",
                [TrackState.FINISHED, path.name, manifest.bytes, wire.encode(manifest), manifest.track],
            )
            return self._events.add(manifest, wall_ns)

        seq = self._store.write("finish", work)
        if seq is not None:
            self.files.remove(manifest.track, keep=path.name)
        return seq

    def lose_track(self, track: str, reason: str, wall_ns: int) -> int | None:
        """Record that a promised track will never come; returns the seq. None and no change where it is not open."""
        seq = self._store.write("lose", lambda: self._lose(track, reason, wall_ns) if self._is_open(track) else None)
        if seq is not None:
            self.files.remove(track)
        return seq

    def press_of_request(self, request_id: str) -> str | None:
        """The press that a request made, None for a new request. The last ten thousand requests are remembered."""
        return self._requests.press(request_id)

    def reply_of(self, command_id: str) -> Reply | None:
        """The reply that a command was given, None for a new one."""
        return self._requests.reply(command_id)

    def remember_reply(self, reply: Reply) -> None:
        """Remember the reply to a command that changed nothing else here."""
        self._store.write("note", lambda: self._requests.remember_reply(reply))

    def open_tracks(self) -> list[OpenTrack]:
        """The promised tracks that are not finished, newest press first; with the pre-roll whose file is there."""
        found = self._db.execute(
            "select plan, stamp from track where state = ? order by place desc", [TrackState.OPEN]
        ).fetchall()
        tracks = []
        for plan_json, stamp_json in found:
            plan = msgspec.json.decode(plan_json, type=PlannedTrack)
            tracks.append(OpenTrack(plan, stored(stamp_json, Stamp), self.files.pre_roll(plan.track)))
        return tracks

    def press(self, press_id: str) -> KnownPress | None:
        """One press of the last thousand."""
        return next(iter(rows.presses(self._db, "where id = ?", [press_id])), None)

    def recent_presses(self, limit: int = 20) -> list[KnownPress]:
        """The last presses, newest first."""
        return rows.presses(self._db, "order by seq desc limit ?", [limit])

    def track(self, track: str) -> KnownTrack | None:
        """One track of the last thousand, in any state."""
        return rows.track(self._db, track)

    def apply_receipt(self, receipt: Receipt) -> Applied:
        """Take note of what the bridge has committed. Only a receipt with our own SHA-256 counts.

        Delivered sound is removed from the disk after the transaction.
        """
        applied = self._store.write("receipt", lambda: self._receipts.apply(receipt))
        for track in applied.tracks:
            self.files.remove(track)
        return applied

    def waiting(self) -> Waiting:
        """How much has no receipt yet."""
        events, event_bytes = self._db.execute("select count(*), total(length(payload)) from event").fetchone()
        tracks, track_bytes = self._db.execute(
            "select count(*), total(bytes) from track where state = ?", [TrackState.FINISHED]
        ).fetchone()
        return Waiting(events, tracks, int(event_bytes + track_bytes))

    def make_room(self, free_bytes: int, wall_ns: int) -> Room:
        """Drop undelivered pictures, then sound, oldest press first, until `free_bytes` are free; never a press.

        What a picture shows stands in its event, but for the face. Leftovers of what is delivered go before. Each drop
        is an event, durable before its file goes wherever there is room for the event. What is gone from the disk by
        itself is told as lost, too, when that can be written.
        """
        before = self._free_bytes(self._folder)
        self.files.clean(self._files_wanted())
        there = self.files.finished()
        dropped: list[str] = []
        untold: list[str] = []
        for track in self._finished():
            if track not in there:
                untold.append(track)
            elif self._free_bytes(self._folder) < free_bytes:
                try:
                    self._store.write("room", partial(self._lose, track, _NO_ROOM, wall_ns))
                    dropped.append(track)
                except DiskFull:
                    # Not even the event has room: files go first. After a crash right here they are told as gone.
                    untold.append(track)
                self.files.remove(track)
        with contextlib.suppress(DiskFull):
            for track in untold:
                self._store.write("room", partial(self._lose, track, _GONE, wall_ns))
                dropped.append(track)
        freed = self._free_bytes(self._folder) - before
        if self._free_bytes(self._folder) >= free_bytes:
            self._store.restore_ballast()
        return Room(max(0, freed), tuple(dropped))

    def _finished(self) -> list[str]:
        """Undelivered pictures and sound, in the order in which they are given up."""
        sql = "select id from track where state = ? order by kind != 'picture', place"
        return [track for (track,) in self._db.execute(sql, [TrackState.FINISHED]).fetchall()]

    def _lose(self, track: str, reason: str, wall_ns: int) -> int:
        press, size = self._db.execute("select press, bytes from track where id = ?", [track]).fetchone()
        self._db.execute("update track set state = ? where id = ?", [TrackState.LOST, track])
        self._db.execute("delete from chunk where track = ?", [track])
        return self._events.add(TrackLostData(track=track, press=press, reason=reason[:500], bytes=size), wall_ns)

    def _is_open(self, track: str) -> bool:
        row = self._db.execute("select 1 from track where id = ? and state = ?", [track, TrackState.OPEN]).fetchone()
        return row is not None

    def _files_wanted(self) -> Mapping[str, str | None]:
        """Whose files matter: the name of the one file of what is finished, None (all) for what is open."""
        sql = "select id, path from track where state in (?, ?) union all select id, null from snapshot where made = 0"
        return dict(self._db.execute(sql, [TrackState.OPEN, TrackState.FINISHED]).fetchall())
