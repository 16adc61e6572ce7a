"""The picture of a snapshot."""
from __future__ import annotations

from edge.snapshot_look import Seen
from edge.wire import SnapshotData


class Renderer:
    def __init__(self, language: str, place: str) -> None:
        self._language = language
        self._place = place

    def __call__(self, data: SnapshotData, seen: Seen) -> tuple[bytes, int, int]:
        raise NotImplementedError
