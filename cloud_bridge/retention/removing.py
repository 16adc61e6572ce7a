"""Removing one thing for good: the file of a track or picture, or the contact of a case. What was removed stays known.

Each function runs in a transaction that holds the lock of removals and has looked whether the thing may go. The file
goes first, the row follows: a process that dies in between leaves a row whose file is missing, and the next round
removes it once more, to the same end.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from cloud_bridge.blobs import Blobs
from cloud_bridge.ingest.batch import Batch, Limits
from cloud_bridge.ingest.commit import number_changes
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_case as tc
from cloud_bridge.store import tables_retention as t
from cloud_bridge.store.rows import TrackState
from cloud_bridge.store.tables_notify import notification, notification_attempt


class Removal:
    """Who removes and why; writes each thing down."""

    def __init__(
        self, connection: Connection, blobs: Blobs, now_ns: int, *, why: str, user: str = "", person: int | None = None
    ) -> None:
        self.connection = connection
        self._blobs = blobs
        self._now_ns = now_ns
        self._why = {"at_ns": now_ns, "user": user, "why": why, "person": person}

    def track(self, row: Any, press: str | None) -> None:
        """Remove a sound or a picture and what has come of an unfinished one; raises `BlobError`, then all stays.

        `row` is the locked row of `track`.
        """
        connection, track = self.connection, tp.track
        if row["blob"]:
            self._blobs.remove(row["blob"])
        connection.execute(delete(tp.chunk).where(tp.chunk.c.track == row["id"]))
        values = {
            "state": str(TrackState.DELETED),
            "removed_ns": self._now_ns,
            "peaks": None,
            # Not null, also of an unfinished one: nothing that comes late is kept.
            "blob": row["blob"] or "",
            "completed_ns": row["completed_ns"] or self._now_ns,
        }
        connection.execute(update(track).where(track.c.id == row["id"]).values(values))
        batch = Batch(connection, self._now_ns, Limits())
        batch.touched_tracks.add(row["id"])
        number_changes(batch)
        self.write_down(row["kind"], row["id"], press=press, sha256=row["sha256"], size_bytes=row["bytes"])

    def client(self, case: int) -> int:
        """Remove the contact of a case and the words of its messages, here and in the outbox; how many rows."""
        connection, message = self.connection, tc.case_message
        contacts = connection.execute(delete(tc.case_contact).where(tc.case_contact.c.case == case)).rowcount
        here = (message.c.case == case) & message.c.removed_ns.is_(None)
        sent = [one for one in connection.execute(select(message.c.notification).where(here)).scalars() if one]
        blank = {"address": "", "subject": "", "text": ""}
        words = connection.execute(update(message).where(here).values(removed_ns=self._now_ns, **blank)).rowcount
        outbox = notification.c.id.in_(sent)
        connection.execute(update(notification).where(outbox, notification.c.state == "waiting").values(state="void"))
        connection.execute(update(notification).where(outbox).values(address="", subject="", body=""))
        # What a mail server answers names the address as often as not.
        tried = notification_attempt.c.notification.in_(sent)
        connection.execute(update(notification_attempt).where(tried).values(detail=""))
        if contacts:
            self.write_down("contact", str(case), count=contacts)
        if words:
            self.write_down("messages", str(case), count=words)
        return contacts + words

    def write_down(
        self,
        kind: str,
        what: str,
        *,
        press: str | None = None,
        sha256: str | None = None,
        size_bytes: int | None = None,
        count: int = 1,
    ) -> None:
        """Say for ever that something was removed."""
        row = {"kind": kind, "object": what, "press": press, "sha256": sha256, "bytes": size_bytes, "count": count}
        self.connection.execute(insert(t.removal).values(self._why | row))
