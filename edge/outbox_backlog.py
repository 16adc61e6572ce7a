"""The outbox as delivery sees it: small descriptions first, payloads only for what is sent now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from edge import outbox_rows as rows
from edge import wire
from edge.flights import Item
from edge.outbox_types import TrackState

_PLACE_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Opened:
    track: str
    kind: str
    manifest: wire.TrackData | wire.Picture
    path: Path


class OutboxBacklog:
    """Fulfils `edge.delivery.Backlog` over the outbox's tables; `folder` holds the finished tracks' files."""

    def __init__(self, db: Database, site: str, box: str, folder: Path) -> None:
        self._db = db
        self._site = site
        self._box = box
        self._folder = folder
        self._opened: _Opened | None = None

    def events_after(self, seq: int, limit: int) -> list[tuple[int, Item]]:
        """Events without a receipt and with a greater `seq`, in order, each with its `seq`."""
        sql = "select seq, id, length(payload) from event where seq > ? order by seq limit ?"
        found = self._db.execute(sql, [seq, limit]).fetchall()
        return [(number, Item("event", event, 0, size)) for number, event, size in found]

    def tracks(self) -> Iterator[Item]:
        """Finished tracks and pictures without a receipt of the whole, newest press first; `bytes` is the event's size.

        Each is looked up when it is asked for: one that is delivered or lost by then does not come, and one finished
        since is met only if it is older than the last.
        """
        sql = """select track.place, track.id, length(event.payload) from track join event on event.track = track.id
            where track.state = ? and (track.place, track.id) < (?, ?)
            order by track.place desc, track.id desc limit 1"""
        place, track = _PLACE_MAX, ""
        while (row := self._db.execute(sql, [TrackState.FINISHED, place, track]).fetchone()) is not None:
            place, track, size = row
            yield Item("track", track, 0, size)

    def chunks(self, track: str) -> list[Item]:
        """The track's chunks without a receipt, in order."""
        opened = self._open(track)
        if opened is None:
            return []
        manifest = opened.manifest
        known = {n for (n,) in self._db.execute("select n from chunk where track = ?", [track])}
        return [
            Item("chunk", track, n, min(manifest.chunk_bytes, manifest.bytes - n * manifest.chunk_bytes))
            for n in range(len(manifest.chunk_sha256))
            if n not in known
        ]

    def load(self, item: Item) -> tuple[str, bytes] | None:
        """Topic and payload; None when the item has its receipt by now, or its sound was dropped."""
        if item.kind != "chunk":
            column = "id" if item.kind == "event" else "track"
            sql = f"select topic, payload from event where {column} = ?"  # noqa: S608 - one of two words of ours
            row: tuple[str, bytes] | None = self._db.execute(sql, [item.id]).fetchone()
            return row
        opened = self._open(item.id)
        if opened is None:
            return None
        name_topic = wire.picture_topic if opened.kind == "picture" else wire.chunk_topic
        size = opened.manifest.chunk_bytes
        try:
            with opened.path.open("rb") as file:
                file.seek(item.n * size)
                return name_topic(self._site, self._box, item.id, item.n), file.read(size)
        except FileNotFoundError:
            return None

    def size_of_chunk(self, track: str, n: int) -> int | None:
        """Bytes of one chunk of a finished track."""
        opened = self._open(track)
        if opened is None:
            return None
        manifest = opened.manifest
        return min(manifest.chunk_bytes, manifest.bytes - n * manifest.chunk_bytes)

    def _open(self, track: str) -> _Opened | None:
        # Chunks are asked for one after the other; the manifest of a long track is not decoded for each.
        if self._opened is None or self._opened.track != track:
            sql = "select kind, manifest, path from track where id = ? and state = ?"
            row = self._db.execute(sql, [track, TrackState.FINISHED]).fetchone()
            if row is None:
                return None
            self._opened = _Opened(track, row[0], rows.manifest(row[0], row[1]), self._folder / row[2])
        return self._opened
