"""The snapshots in the outbox: promised with their press, made once, counted in the index of their day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from sqlite_utils import Database

from edge import wire
from edge.outbox_files import TrackFiles
from edge.outbox_rows import Events
from edge.outbox_store import Store
from edge.outbox_stored import stored
from edge.outbox_types import TrackState
from edge.snapshot_plan import Day, OpenSnapshot
from edge.wire import PressData, SnapshotData, Stamp, TimeData
from edge.wire.smile_index import Figures, index_of

# More than a week of a busy counter; a row has a few hundred bytes.
_KEPT = 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class KnownSnapshot:
    """A snapshot: `state`, `probability` at the press and `smiled` are None until it is `made`."""

    id: str
    press: str
    made: bool
    state: str | None
    probability: float | None
    smiled: bool | None
    wall_ns: int
    simulated: bool


class OutboxSnapshots:
    """Part of the outbox, of the same thread. Days begin at midnight in `zone` (None: the machine's)."""

    def __init__(
        self, db: Database, store: Store, events: Events, files: TrackFiles, zone: tzinfo | None = None
    ) -> None:
        self._db = db
        self._store = store
        self._events = events
        self._files = files
        self._zone = zone

    def promise(self, press_id: str, data: PressData, place: int) -> None:
        """Enter the snapshot of a press; within the transaction that records the press."""
        if data.snapshot is None:
            return
        stamp = data.stamp
        self._db.execute(
            "insert into snapshot (id, press, place, made, stamp, button, boot_id, mono_ns, wall_ns, synced, simulated)"
            " values (?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?)",
            [
                *(data.snapshot, press_id, place, wire.encode(stamp), data.button, stamp.boot_id),
                *(stamp.mono_ns, stamp.wall_ns, stamp.synced, data.simulated),
            ],
        )

    def open(self) -> list[OpenSnapshot]:
        """The promised snapshots that are not made, oldest press first; with the beginning whose file is there."""
        sql = "select id, press, stamp, button, simulated from snapshot where made = 0 order by place"
        return [
            OpenSnapshot(snapshot, press, stored(stamp, Stamp), button, bool(simulated), self._files.begun(snapshot))
            for snapshot, press, stamp, button, simulated in self._db.execute(sql).fetchall()
        ]

    def finish(self, data: SnapshotData, path: Path | None, wall_ns: int) -> int | None:
        """Record a snapshot that is made, and its durable picture at `path`, with the event; returns the seq.

        None and no change where the snapshot is not open.
        """

        def work() -> int | None:
            sql = "update snapshot set made = 1, state = ?, probability = ?, smiled = ?, simulated = ?"
            values = [str(data.state), data.probability, data.smiled, data.simulated, data.snapshot]
            if not self._db.execute(f"{sql} where id = ? and made = 0", values).rowcount:
                return None
            if path is not None and data.picture is not None:
                (place,) = self._db.execute("select place from snapshot where id = ?", [data.snapshot]).fetchone()
                self._db.execute(
                    "insert into track (id, press, place, state, plan, stamp, path, bytes, manifest, kind)"
                    " values (?, ?, ?, ?, x'', ?, ?, ?, ?, 'picture')",
                    [
                        *(data.snapshot, data.press, place, TrackState.FINISHED, wire.encode(data.stamp)),
                        *(path.name, data.picture.bytes, wire.encode(data.picture)),
                    ],
                )
            self._forget_old()
            return self._events.add(data, wall_ns)

        seq = self._store.write("snapshot", work)
        if seq is not None:
            self._files.remove(data.snapshot, keep=None if path is None else path.name)
        return seq

    def day(self, stamp: Stamp) -> Day:
        """The clients of the day of a press until then, this one not counted."""
        since_ns = self.midnight_ns(stamp.wall_ns)
        sql = (
            "select simulated, sum(smiled), count(smiled) from snapshot where made = 1 and wall_ns >= ?"
            " and wall_ns <= ? group by simulated"
        )
        found = {bool(row[0]): row[1:] for row in self._db.execute(sql, [since_ns, stamp.wall_ns]).fetchall()}
        smiled, n = found.get(False, (0, 0))
        simulated_smiled, simulated_n = found.get(True, (0, 0))
        return Day(since_ns, smiled or 0, n, simulated_smiled or 0, simulated_n)

    def days(self, now_ns: int, count: int, *, simulated: bool) -> list[tuple[int, Figures]]:
        """The indices of the last `count` days with today's last, each with the midnight (Unix ns) it begins at."""
        starts = [self.midnight_ns(now_ns)]
        for _ in range(count - 1):
            # A day has 23 to 25 hours.
            starts.insert(0, self.midnight_ns(starts[0] - 1))
        ends = [*starts[1:], 2**63 - 1]
        sql = (
            "select sum(smiled), count(smiled) from snapshot where made = 1 and simulated = ?"
            " and wall_ns >= ? and wall_ns < ?"
        )
        found = []
        for start_ns, end_ns in zip(starts, ends, strict=True):
            smiled, n = self._db.execute(sql, [simulated, start_ns, end_ns]).fetchone()
            found.append((start_ns, index_of(smiled or 0, n)))
        return found

    def known(self, snapshots: Sequence[str]) -> dict[str, KnownSnapshot]:
        """Those of `snapshots` that are known, by id."""
        marks = ", ".join("?" * len(snapshots))
        columns = "id, press, made, state, probability, smiled, wall_ns, simulated"
        sql = f"select {columns} from snapshot where id in ({marks})"  # noqa: S608 - our own text
        return {
            row[0]: KnownSnapshot(
                id=row[0],
                press=row[1],
                made=bool(row[2]),
                state=row[3],
                probability=row[4],
                smiled=None if row[5] is None else bool(row[5]),
                wall_ns=row[6],
                simulated=bool(row[7]),
            )
            for row in self._db.execute(sql, list(snapshots)).fetchall()
        }

    def repair(self, time: TimeData) -> None:
        """Date the unsynchronised snapshots of that boot anew, so that they count in the day in which they were."""
        sql = "update snapshot set wall_ns = ? + (mono_ns - ?), synced = ? where boot_id = ? and synced = 0"
        stamp = time.stamp
        values = [stamp.wall_ns, stamp.mono_ns, stamp.synced, stamp.boot_id]
        self._store.write("snapshot", lambda: self._db.execute(sql, values))

    def midnight_ns(self, wall_ns: int) -> int:
        """Begin of the local day of an instant, in Unix nanoseconds."""
        local = (_EPOCH + timedelta(microseconds=wall_ns // 1000)).astimezone(self._zone)
        # Of the wall clock, not 24 hours: the zone's offset may have changed since midnight.
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=self._zone).astimezone(UTC)
        return (midnight - _EPOCH) // timedelta(microseconds=1) * 1000

    def _forget_old(self) -> None:
        self._db.execute(
            "delete from snapshot where made = 1 and id in"
            " (select id from snapshot order by place desc limit -1 offset ?)",
            [_KEPT],
        )
