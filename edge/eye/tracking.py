"""Faces from frame to frame: the same number while the same face stays, and which of them is the client. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from models.face_detector import Detection

# A face that was not seen for so long has gone; who comes then is somebody else.
FORGET_NS = 1_500_000_000
# Between two looks a face moves by less than this, in its own widths, and changes its size by less than this factor.
_MOVE_MAX = 0.8
_GROWTH_MAX = 1.6
# Somebody is nearer than the client when his face is so much larger, for so long: a passer-by takes nobody's place.
_NEARER = 1.4
_NEARER_NS = 1_000_000_000


@dataclass(slots=True)
class Track:
    """One face: its number, where it was last and when, and since when it is nearer than the client."""

    number: int
    face: Detection
    seen_ns: int
    nearer_since_ns: int | None = None

    @property
    def area(self) -> float:
        """The size of its box."""
        return self.face.width * self.face.height


class Tracks:
    """All faces that were seen lately. Numbers begin after `last_number` and never repeat."""

    def __init__(self, last_number: int = 0) -> None:
        self._last_number = last_number
        self._tracks: list[Track] = []
        self._client: int | None = None

    def __len__(self) -> int:
        return len(self._tracks)

    @property
    def client(self) -> Track | None:
        """The client, also where this frame does not show him: compare `seen_ns`."""
        return next((track for track in self._tracks if track.number == self._client), None)

    @property
    def others(self) -> list[Track]:
        """Everybody else."""
        return [track for track in self._tracks if track.number != self._client]

    def update(self, faces: Sequence[Detection], now_ns: int) -> None:
        """Take the distinct faces of a frame; a face that this frame did not look for may be left out."""
        left = list(self._tracks)
        pairs = sorted(
            ((cost, index, track.number) for index, face in enumerate(faces) for track in left
             if (cost := _distance(track.face, face)) is not None)
        )  # fmt: skip
        by_number = {track.number: track for track in left}
        matched: dict[int, Track] = {}
        for _, index, number in pairs:
            if index not in matched and number in by_number:
                matched[index] = by_number.pop(number)
        for index, face in enumerate(faces):
            track = matched.get(index)
            if track is None:
                self._last_number += 1
                self._tracks.append(Track(self._last_number, face, now_ns))
            else:
                track.face, track.seen_ns = face, now_ns
        self._tracks = [track for track in self._tracks if now_ns - track.seen_ns <= FORGET_NS]
        self._choose(now_ns)

    def _choose(self, now_ns: int) -> None:
        """The largest face is the client, and stays it until it has gone or another is clearly nearer."""
        client = self.client
        if client is None:
            nearest = max(self._tracks, key=lambda track: track.area, default=None)
            self._client = None if nearest is None else nearest.number
            return
        for track in self.others:
            if track.area < _NEARER * client.area:
                track.nearer_since_ns = None
            elif track.nearer_since_ns is None:
                track.nearer_since_ns = now_ns
            elif now_ns - track.nearer_since_ns >= _NEARER_NS and track.seen_ns == now_ns:
                self._client = track.number


def _distance(one: Detection, other: Detection) -> float | None:
    """How far apart two boxes are, in widths; None where they can't be one face."""
    width = math.sqrt(max(one.width * one.height, other.width * other.height, 1e-9))
    growth = width / math.sqrt(max(min(one.width * one.height, other.width * other.height), 1e-9))
    across = one.x + one.width / 2 - other.x - other.width / 2
    down = one.y + one.height / 2 - other.y - other.height / 2
    moved = math.hypot(across, down) / width
    return None if moved > _MOVE_MAX or growth > _GROWTH_MAX else moved
