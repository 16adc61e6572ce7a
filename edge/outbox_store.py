"""The outbox's file: opened by one process, migrated, written in whole transactions even when the disk is full."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from edge.durable import sync_folder
from edge.faultpoint import FaultPoint
from edge.outbox_schema import FORMAT, migrations
from edge.outbox_types import DiskFull, OutboxError

# Enough for a hundred presses after every other byte of the disk has been taken by somebody else.
_BALLAST_BYTES = 4 * 1024 * 1024


_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_Result = TypeVar("_Result")


class Store:
    """SQLite in WAL mode with synchronous=FULL at `folder/outbox.db`. Raises `OutboxError` where it can't be used.

    A ballast file is kept beside it and given up when the disk is full, so that a press can be written then.
    """

    def __init__(self, folder: Path, fault: FaultPoint) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._fault = fault
        self._ballast = folder / "ballast"
        self._lock = _lock(folder / "outbox.lock")
        path = folder / "outbox.db"
        try:
            self.db = self._opened(path)
        except OutboxError:
            os.close(self._lock)
            raise
        sync_folder(folder)
        self.restore_ballast()

    def close(self) -> None:
        """Close the file and let another process have it; idempotent."""
        if self._lock >= 0:
            self.db.close()
            os.close(self._lock)
            self._lock = -1

    def write(self, name: str, work: Callable[[], _Result]) -> _Result:
        """Run `work` as one durable transaction between the fault points `outbox.<name>.…`; raises `DiskFull`."""
        try:
            result = self._attempt(name, work)
        except DiskFull:
            if not self._ballast.exists():
                raise
            self._ballast.unlink()
            result = self._attempt(name, work)
        self._fault(f"outbox.{name}.after_commit")
        return result

    @property
    def has_ballast(self) -> bool:
        """Whether a press can be written even when the disk is full."""
        return self._ballast.exists() and self._ballast.stat().st_size >= _BALLAST_BYTES

    def restore_ballast(self) -> None:
        """Take the ballast's room again, where there is any; a full disk is not an error here."""
        if self.has_ballast:
            return
        try:
            descriptor = os.open(self._ballast, os.O_CREAT | os.O_WRONLY, 0o600)
        except OSError:
            return
        try:
            os.posix_fallocate(descriptor, 0, _BALLAST_BYTES)
        except OSError:
            self._ballast.unlink()
        finally:
            os.close(descriptor)

    def _opened(self, path: Path) -> Database:
        try:
            try:
                return _open(path)
            except sqlite3.OperationalError:
                if not self._ballast.exists():
                    raise
                # SQLite needs room for its files beside the database.
                self._ballast.unlink()
                return _open(path)
        except sqlite3.DatabaseError as error:
            damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED
            remedy = "move the file away to begin anew" if damaged else "is its disk full, read-only or failing?"
            raise OutboxError(f"outbox {path} can't be opened: {error}; {remedy}") from error

    def _attempt(self, name: str, work: Callable[[], _Result]) -> _Result:
        try:
            with self.db.atomic():
                result = work()
                self._fault(f"outbox.{name}.before_commit")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise DiskFull(f"{self._ballast.parent}: the disk is full; free some of it") from error
            raise
        return result


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise OutboxError(f"outbox {path.parent} is in use by another process; stop the other 'earshot box'") from error
    return descriptor


def _open(path: Path) -> Database:
    connection = sqlite3.connect(path)
    try:
        for pragma in ("journal_mode=wal", "synchronous=full", "temp_store=memory"):
            connection.execute(f"pragma {pragma}")
        db = Database(connection, execute_plugins=False)
        _refuse_other_format(connection, path)
        migrations.apply(db)
    except BaseException:
        connection.close()
        raise
    return db


def _refuse_other_format(connection: sqlite3.Connection, path: Path) -> None:
    """Later releases only add to a format: the one before goes on with their outbox when an update goes back."""
    (found,) = connection.execute("pragma user_version").fetchone()
    if found > FORMAT:
        raise OutboxError(
            f"outbox {path} has format {found}, this release reads {FORMAT}; install the release again that wrote it"
        )
    if found < FORMAT:
        connection.execute(f"pragma user_version={FORMAT}")
