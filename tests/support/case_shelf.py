"""Presses whose sound and pictures lie in a blob store, for tests of how long they are kept."""

from __future__ import annotations

from pathlib import Path

from case_desk import MONDAY_9_NS
from sqlalchemy import insert, select

from cloud_bridge.blobs import BlobMissing
from cloud_bridge.cases import causes, work
from cloud_bridge.cases.rows import Verdict
from cloud_bridge.retention.sweep import Sweep
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_retention as tr
from edge import wire

NOW = MONDAY_9_NS


class Shelf:
    """A desk whose presses have sound and pictures."""

    def __init__(self, desk, blobs, folder: Path):
        self.desk, self.store, self.blobs, self.folder = desk, desk.store, blobs, folder

    def press(self, at_ns=NOW, **more):
        track, picture = self.desk.new_id(), self.desk.new_id()
        press = self.desk.press(at_ns=at_ns, track=track, snapshot=picture, **more)
        for one, kind, folder in ((track, "sound", "tracks"), (picture, "picture", "pictures")):
            key = f"{folder}/site/box/{one}"
            (self.folder / "file").write_bytes(one.encode())
            self.blobs.put(key, self.folder / "file")
            row = {"id": one, "site": "site", "box": "box", "kind": kind, "state": "complete", "press": press}
            row |= {"repaired": False, "sha256": wire.sha256(one.encode()), "bytes": 32, "chunks": 1}
            row |= {"blob": key, "peaks": b"\x00\x01", "completed_ns": at_ns}
            with self.store.write() as connection:
                connection.execute(insert(tp.track).values(row))
        return press

    def files(self, press):
        """Which of a press's two files are there, by the blob store and by the row, which must agree."""
        with self.store.read() as connection:
            rows = connection.execute(select(tp.track).where(tp.track.c.press == press)).all()
        found = set()
        for row in rows:
            try:
                self.blobs.size_bytes(row.blob)
            except BlobMissing:
                assert row.state == "deleted"
                assert row.removed_ns is not None
                assert row.peaks is None
            else:
                assert row.state == "complete"
                found.add(row.kind)
        return found

    def close(self, case, now_ns=NOW):
        work.judge(self.store, case, Verdict.FALSE, by="anna", now_ns=now_ns)
        work.close(self.store, case, causes.UNFOUNDED, "Nothing to do.", by="anna", now_ns=now_ns)

    def sweep(self, now_ns):
        sweep = Sweep(self.store, self.blobs)
        while sweep.work(now_ns):
            pass

    def removed(self):
        with self.store.read() as connection:
            return list(connection.execute(select(tr.removal).order_by(tr.removal.c.id)).all())
