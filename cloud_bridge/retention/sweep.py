"""Removing what has been kept long enough, by the rules of each class; nothing of an open case or under a legal hold.

Safe to repeat from anywhere: what is removed is looked at again, under the lock of removals, in the transaction that
removes it. A sweep goes through everything that is old enough by key, a bounded piece at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, tuple_

from cloud_bridge.blobs import BlobError, Blobs
from cloud_bridge.cases.rows import Status
from cloud_bridge.ingest.tracks import PICTURE, SOUND
from cloud_bridge.retention import holds
from cloud_bridge.retention.belonging import Belonging, belonging
from cloud_bridge.retention.classes import DAY_NS, DataClass, Rule, cutoff_ns, rules
from cloud_bridge.retention.removing import Removal
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_case as tc
from cloud_bridge.store import tables_org as to
from cloud_bridge.store.engine import Store
from cloud_bridge.store.removal_lock import lock_removals
from cloud_bridge.store.rows import TrackState
from cloud_bridge.store.tables_tally import sale, tally

log = logging.getLogger(__name__)

PERIOD_S = 600.0
_LOOKED_AT = 50
_REFUSED_AT_ONCE = 500

Rules = dict[DataClass, Rule]
_Key = tuple[Any, ...]


class Sweep:
    """One process's sweep: `work(now_ns)` does a piece and says whether more waits; at the end it begins anew."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs
        self._stages: tuple[Callable[[int, Rules, _Key | None], _Key | None], ...] = (
            lambda now_ns, known, after: self._tracks(SOUND, now_ns, known, after),
            lambda now_ns, known, after: self._tracks(PICTURE, now_ns, known, after),
            self._unfinished,
            self._refused,
            self._contacts,
            self._metrics,
        )
        self._stage = 0
        self._after: _Key | None = None

    def work(self, now_ns: int) -> bool:
        """The next piece. What cannot be removed now (the blob store is away) is left for the next sweep."""
        with self._store.read() as connection:
            known = rules(connection)
        self._after = self._stages[self._stage](now_ns, known, self._after)
        if self._after is None:
            self._stage = (self._stage + 1) % len(self._stages)
        return self._stage > 0 or self._after is not None

    def _tracks(self, kind: str, now_ns: int, known: Rules, after: _Key | None) -> _Key | None:
        """Finished sound or pictures; nothing younger than the shortest time of its classes is looked at."""
        classes = [DataClass.PHOTOS] if kind == PICTURE else [DataClass.UNREVIEWED_SOUND, DataClass.CASE_SOUND]
        youngest = max(
            (cutoff for name in classes if (cutoff := cutoff_ns(known[name], now_ns)) is not None), default=0
        )
        track = tp.track
        key = (track.c.completed_ns, track.c.id)
        query = (
            select(*key)
            .where(track.c.kind == kind, track.c.completed_ns < youngest)
            .where(track.c.state == str(TrackState.COMPLETE))
            .order_by(*key)
            .limit(_LOOKED_AT)
        )
        found = self._next(query.where(tuple_(*key) > tuple_(*after)) if after else query)
        for row in found:
            if self._looks_old(row[1], now_ns, known):
                self._remove_track(row[1], now_ns, known)
        return found[-1] if len(found) == _LOOKED_AT else None

    def _unfinished(self, now_ns: int, known: Rules, after: _Key | None) -> _Key | None:
        """Pieces of what never became whole, once the press has been here as long as its sound would be kept."""
        cutoff = cutoff_ns(known[DataClass.UNREVIEWED_SOUND], now_ns)
        if cutoff is None:
            return None
        named = or_(tp.press.c.track == tp.track.c.id, tp.press.c.snapshot == tp.track.c.id)
        old = select(tp.press.c.id).where(named, tp.press.c.received_ns < cutoff).exists()
        query = (
            select(tp.track.c.id)
            .where(tp.track.c.state.in_([str(TrackState.RECEIVING), str(TrackState.LOST), str(TrackState.EXPECTED)]))
            .where(select(tp.chunk.c.n).where(tp.chunk.c.track == tp.track.c.id).exists(), old)
            .order_by(tp.track.c.id)
            .limit(_LOOKED_AT)
        )
        found = self._next(query.where(tp.track.c.id > after[0]) if after else query)
        for row in found:
            self._remove_track(row[0], now_ns, known, finished=False)
        return found[-1] if len(found) == _LOOKED_AT else None

    def _refused(self, now_ns: int, known: Rules, _after: _Key | None) -> _Key | None:
        """Refused messages may hold pieces of sound; none of them is evidence."""
        cutoff = cutoff_ns(known[DataClass.UNREVIEWED_SOUND], now_ns)
        if cutoff is None:
            return None
        old = select(tp.quarantine.c.id).where(tp.quarantine.c.last_ns < cutoff).order_by(tp.quarantine.c.last_ns)
        found = self._next(old.limit(_REFUSED_AT_ONCE))
        if found:
            with self._store.write() as connection:
                ids = [row[0] for row in found]
                count = connection.execute(delete(tp.quarantine).where(tp.quarantine.c.id.in_(ids))).rowcount
                removal = Removal(connection, self._blobs, now_ns, why=str(DataClass.UNREVIEWED_SOUND))
                removal.write_down("refused", "quarantine", count=count)
        return (0,) if len(found) == _REFUSED_AT_ONCE else None

    def _contacts(self, now_ns: int, known: Rules, after: _Key | None) -> _Key | None:
        cutoff = cutoff_ns(known[DataClass.CONTACTS], now_ns)
        if cutoff is None:
            return None
        file, contact, message = tc.case_file, tc.case_contact, tc.case_message
        known_one = select(contact.c.case).where(contact.c.case == file.c.id).exists()
        written = select(message.c.id).where(message.c.case == file.c.id, message.c.removed_ns.is_(None)).exists()
        query = select(file.c.id).where(or_(known_one, written)).order_by(file.c.id).limit(_LOOKED_AT)
        found = self._next(query.where(tc.case_file.c.id > after[0]) if after else query)
        for row in found:
            with self._store.write() as connection:
                lock_removals(connection)
                if _contact_may_go(connection, int(row[0]), cutoff):
                    Removal(connection, self._blobs, now_ns, why=str(DataClass.CONTACTS)).client(int(row[0]))
        return found[-1] if len(found) == _LOOKED_AT else None

    def _metrics(self, now_ns: int, known: Rules, after: _Key | None) -> _Key | None:
        """Counts, then the receipts of one site after another, at most a day's at once."""
        cutoff = cutoff_ns(known[DataClass.METRICS], now_ns)
        if cutoff is None:
            return None
        if after in {None, ("counts",)}:
            more = self._remove_a_day(tally.c.slot_ns, tally, cutoff, now_ns)
            return ("counts",) if more else ("receipts", "")
        done = after[1] if after else ""
        with self._store.read() as connection:
            site = connection.execute(select(func.min(to.site.c.name)).where(to.site.c.name > done)).scalar()
        if site is None:
            return None
        more = self._remove_a_day(sale.c.wall_ns, sale, cutoff, now_ns, sale.c.site == site)
        return after if more else ("receipts", site)

    def _remove_a_day(self, column: Any, table: Any, cutoff: int, now_ns: int, *where: ColumnElement[bool]) -> bool:
        with self._store.write() as connection:
            oldest = connection.execute(select(func.min(column)).where(column < cutoff, *where)).scalar()
            if oldest is None:
                return False
            until = min(cutoff, oldest + DAY_NS)
            count = connection.execute(delete(table).where(column < until, *where)).rowcount
            removal = Removal(connection, self._blobs, now_ns, why=str(DataClass.METRICS))
            removal.write_down("metrics", table.name, count=count)
        return True

    def _looks_old(self, track: str, now_ns: int, known: Rules) -> bool:
        """Without any lock: most of what is looked at stays, for it is in a case."""
        with self._store.read() as connection:
            row = connection.execute(select(tp.track).where(tp.track.c.id == track)).mappings().one()
            owner = belonging(connection, dict(row))
        name = class_of(row["kind"], owner)
        return may_go(owner, row["completed_ns"], name, known[name], now_ns)

    def _remove_track(self, track: str, now_ns: int, known: Rules, *, finished: bool = True) -> None:
        try:
            with self._store.write() as connection:
                lock_removals(connection)
                query = select(tp.track).where(tp.track.c.id == track).with_for_update()
                row = connection.execute(query).mappings().one()
                if row["removed_ns"] is not None or (row["blob"] is not None) != finished:
                    return
                owner = belonging(connection, dict(row))
                name = class_of(row["kind"], owner)
                if may_go(owner, row["completed_ns"], name, known[name], now_ns, finished=finished):
                    Removal(connection, self._blobs, now_ns, why=str(name)).track(row, owner.press)
        except BlobError as error:
            log.warning("what is old stays until the next sweep: %s", error)

    def _next(self, query: Any) -> list[_Key]:
        with self._store.read() as connection:
            return [tuple(row) for row in connection.execute(query)]


def class_of(kind: str, owner: Belonging) -> DataClass:
    """The class of a sound or a picture."""
    if kind == PICTURE:
        return DataClass.PHOTOS
    return DataClass.CASE_SOUND if owner.in_case else DataClass.UNREVIEWED_SOUND


def may_go(
    owner: Belonging, completed_ns: int | None, name: DataClass, rule: Rule, now_ns: int, *, finished: bool = True
) -> bool:
    """Whether a sound or picture has been kept long enough, and nothing says that it must stay."""
    cutoff = cutoff_ns(rule, now_ns)
    if cutoff is None or owner.held or owner.open:
        return False
    since = [owner.closed_ns] if name is DataClass.CASE_SOUND else [completed_ns, owner.closed_ns]
    # What never became whole is old by its press, which was looked at.
    return all(at < cutoff for at in since if at is not None) and (not finished or any(at is not None for at in since))


def _contact_may_go(connection: Connection, case: int, cutoff: int) -> bool:
    path = holds.path_of(connection, case)
    query = select(tc.case_file.c.status, tc.case_file.c.closed_ns).where(tc.case_file.c.id == path[-1])
    root = connection.execute(query).one()
    closed = root.status == Status.CLOSED and root.closed_ns is not None and root.closed_ns < cutoff
    return closed and not holds.is_held(connection, None, path)
