"""What receipts change in the outbox. Everything here runs inside a transaction of its caller."""

from __future__ import annotations

from sqlite_utils import Database

from edge import outbox_rows as rows
from edge import wire
from edge.outbox_types import Applied, TrackState

# How many delivered presses and ended tracks are kept for the local page and for commands about them.
_KEPT = 1000


class Receipts:
    """Applies receipts; a repeated, late or foreign one changes nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def apply(self, receipt: wire.Receipt) -> Applied:
        """Apply one receipt; see `Outbox.apply_receipt`."""
        events: list[str] = []
        chunks: list[tuple[str, int]] = []
        tracks: list[str] = []
        wrong: list[str] = []
        for item in receipt.received:
            match item.kind:
                case "event":
                    if self._same(f"event {item.id}", self._event_sha256(item.id), item.sha256, wrong):
                        self._forget_event(item.id)
                        self._db.execute("update press set delivered = 1 where id = ?", [item.id])
                        events.append(item.id)
                case "chunk":
                    if self._same(
                        f"chunk {item.id}/{item.n}", self._chunk_sha256(item, wrong), item.sha256, wrong
                    ) and (
                        self._db.execute(
                            "insert or ignore into chunk (track, n) values (?, ?)", [item.id, item.n]
                        ).rowcount
                    ):
                        chunks.append((item.id, item.n))
                case "track":
                    manifest = self._finished(item.id)
                    ours = None if manifest is None else manifest.sha256
                    if self._same(f"track {item.id}", ours, item.sha256, wrong):
                        state = TrackState.DELIVERED
                        self._db.execute("update track set state = ? where id = ?", [state, item.id])
                        self._db.execute("delete from chunk where track = ?", [item.id])
                        self._db.execute("delete from event where track = ?", [item.id])
                        tracks.append(item.id)
        resend = [pair for item in receipt.resend for pair in self._resend(item)]
        if events or tracks:
            self._forget_old()
        return Applied(tuple(events), tuple(chunks), tuple(tracks), tuple(resend), tuple(wrong))

    def _same(self, name: str, ours: str | None, theirs: str, wrong: list[str]) -> bool:
        if ours is not None and ours != theirs:
            wrong.append(f"{name}: the bridge has {theirs[:12]}…, the box {ours[:12]}…")
        return ours == theirs

    def _forget_event(self, event: str) -> None:
        # A manifest stays until the receipt of its whole track: repeating it is how that receipt is asked for.
        self._db.execute(
            "delete from event where id = ? and not exists"
            " (select 1 from track where track.id = event.track and track.state = ?)",
            [event, TrackState.FINISHED],
        )

    def _event_sha256(self, event: str) -> str | None:
        row = self._db.execute("select sha256 from event where id = ?", [event]).fetchone()
        return None if row is None else str(row[0])

    def _chunk_sha256(self, item: wire.Received, wrong: list[str]) -> str | None:
        manifest = self._finished(item.id)
        if manifest is None:
            return None
        if item.n >= len(manifest.chunk_sha256):
            wrong.append(f"chunk {item.id}/{item.n}: the track has only {len(manifest.chunk_sha256)} chunks")
            return None
        return manifest.chunk_sha256[item.n]

    def _finished(self, track: str) -> wire.TrackData | wire.Picture | None:
        row = self._db.execute(
            "select kind, manifest from track where id = ? and state = ?", [track, TrackState.FINISHED]
        ).fetchone()
        return None if row is None else rows.manifest(*row)

    def _resend(self, item: wire.Received) -> list[tuple[str, int]]:
        manifest = self._finished(item.id)
        if manifest is None or item.kind == "event":
            return []
        count = len(manifest.chunk_sha256)
        numbers = range(count) if item.kind == "track" else [item.n] if item.n < count else []
        for n in numbers:
            self._db.execute("delete from chunk where track = ? and n = ?", [item.id, n])
        return [(item.id, n) for n in numbers]

    def _forget_old(self) -> None:
        self._db.execute(
            "delete from press where delivered = 1 and seq not in (select seq from press order by seq desc limit ?)",
            [_KEPT],
        )
        self._db.execute(
            "delete from track where state in (?, ?) and id not in (select id from track order by place desc limit ?)",
            [TrackState.DELIVERED, TrackState.LOST, _KEPT],
        )
