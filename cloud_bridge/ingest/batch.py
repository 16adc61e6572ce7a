"""The working state of one transaction that takes a batch of messages in, and what it leads to once committed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct, field
from sqlalchemy import ColumnElement, Connection, Table, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from cloud_bridge.ingest.parse import Bad, BadKind, Incoming
from edge.wire import Received

PENDING_CHANGE = -1
"""`press.change` of rows that the running transaction touched; no other transaction ever sees it."""

_IN_MAX = 200


class Owned(Struct, frozen=True):
    """Something to tell one box."""

    site: str
    box: str
    what: Received


class Outcome(Struct, kw_only=True):
    """What a committed batch leads to: receipts, chunks to send again, tracks whose sound is all there."""

    received: list[Owned] = field(default_factory=list)
    resend: list[Owned] = field(default_factory=list)
    ready: set[str] = field(default_factory=set)
    bad: list[Bad] = field(default_factory=list)
    new_events: int = 0
    new_chunks: int = 0


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds on what boxes can make the database keep: quarantined rows a box; orphan chunks a track, and a box."""

    quarantine_rows: int = 1000
    orphan_chunks: int = 4096
    box_orphan_chunks: int = 8192


class Batch:
    """One transaction: its connection, its time, its limits, its outcome so far."""

    def __init__(self, connection: Connection, now_ns: int, limits: Limits) -> None:
        self.connection = connection
        self.now_ns = now_ns
        self.limits = limits
        self.outcome = Outcome()
        self.touched_tracks: set[str] = set()
        self.presses_touched = False

    def insert(self, table: Table) -> Any:
        """An INSERT that leaves existing rows as they are (and waits for other workers' uncommitted ones)."""
        if self.connection.dialect.name == "postgresql":
            return postgresql.insert(table).on_conflict_do_nothing()
        return sqlite.insert(table).on_conflict_do_nothing()

    def refuse(self, message: Incoming, kind: BadKind, reason: str) -> None:
        """Send a message to quarantine at the end of the transaction."""
        self.outcome.bad.append(Bad(message, kind, reason))

    def receipt(self, site: str, box: str, received: Received) -> None:
        """Tell the box, after the commit, that this is safe."""
        self.outcome.received.append(Owned(site, box, received))

    def lock(self, table: Table, rows: Sequence[dict[str, Any]], key: Sequence[str]) -> list[Any]:
        """Make sure that rows exist, hold them until the end of the transaction, and return them as they are now."""
        if not rows:
            return []
        ordered = sorted(rows, key=lambda row: tuple(row[name] for name in key))
        self.connection.execute(self.insert(table), ordered)
        columns = [table.c[name] for name in key]
        found: list[Any] = []
        for part in parts(ordered):
            keys = [tuple(row[name] for name in key) for row in part]
            query = select(table).where(key_in(columns, keys)).order_by(*columns).with_for_update()
            found += self.connection.execute(query).mappings()
        return found


def key_in(columns: Sequence[ColumnElement[Any]], keys: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    """Whether the columns together are one of the keys."""
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return tuple_(*columns).in_(keys)


def parts(values: Iterable[Any]) -> Iterator[list[Any]]:
    """The values in lists that are short enough for one statement."""
    every = list(values)
    for start in range(0, len(every), _IN_MAX):
        yield every[start : start + _IN_MAX]
