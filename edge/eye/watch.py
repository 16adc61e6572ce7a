"""What the eye sees in one frame after the other: the client's face and the probability that it smiles.

Each frame takes one look at the client, where there is one, and every other frame one at the whole picture or at a part
of it, for who else comes. So a frame costs two looks at most, and some more for faces that are not the client's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.eye import find
from edge.eye.picture import Picture, Rect, View
from edge.eye.tracking import Tracks
from models.face_align import aligned
from models.face_detector import Detection

Probability = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
# A picture in which less than this changes from place to place shows nothing: a lens that is covered, or the dark.
COVERED_CONTRAST = 4.0
# New faces that are looked at again in one frame.
_NEW_FACES_MAX = 2
# What was looked at closely and is no face is passed over for so long, unless it becomes likelier by so much.
_REFUSED_NS = 3_000_000_000
_REFUSED_OVERLAP = 0.4
_REFUSED_SURER = 0.15
# While somebody is there, so many frames pass between two looks at the whole picture.
_SEARCH_EVERY = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame. `client` in pixels, its number and `probability`, where it was seen; `others` were seen lately."""

    client: Detection | None
    number: int | None
    probability: float | None
    others: tuple[Rect, ...]
    is_covered: bool


class Watch:
    """Looks at pictures of one camera, in the order of their time. For one thread."""

    def __init__(self, detect: find.Detect, probability: Probability, last_number: int = 0) -> None:
        self._detect = detect
        self._probability = probability
        self._tracks = Tracks(last_number)
        self._frames = 0
        self._searches = 0
        self._refused: list[tuple[Detection, int]] = []

    def see(self, picture: Picture, mono_ns: int) -> Seen:
        """Look at `picture`, exposed at `mono_ns`."""
        faces = []
        client = self._tracks.client
        if client is not None:
            close = find.look_close(picture, client.face, self._detect)
            if close is not None and close.score >= find.STAYING:
                faces.append(close)
        self._frames += 1
        if not faces or self._frames % _SEARCH_EVERY == 0:
            faces += self._search(picture, faces, mono_ns)
        self._tracks.update(faces, mono_ns)
        return self._seen(picture, mono_ns)

    def _search(self, picture: Picture, known: list[Detection], mono_ns: int) -> list[Detection]:
        """Faces besides those that are `known` of this frame."""
        found = find.look(picture, self._next_view(picture), self._detect, find.LIKELY)
        new = [face for face in find.distinct(found) if not any(find.overlap(face, one) > 0 for one in known)]
        believed = [face for face in new if known and face.score >= find.BELIEVED]
        # Who is smaller than the client takes nobody's place: whether he is a face after all is not worth more looks.
        client_area = max((face.width * face.height for face in known), default=0.0)
        doubtful = [
            face for face in new if face.width * face.height >= client_area and not self._was_refused(face, mono_ns)
        ]
        for face in sorted(doubtful, key=lambda one: -one.score)[:_NEW_FACES_MAX]:
            sure = find.confirmed(picture, face, self._detect)
            if sure is None:
                self._refused.append((face, mono_ns))
            else:
                believed.append(sure)
        return find.distinct(believed)

    def _was_refused(self, face: Detection, mono_ns: int) -> bool:
        """Whether something as likely at this place was no face a moment ago: what stands there is not asked again."""
        self._refused = [(one, at_ns) for one, at_ns in self._refused if mono_ns - at_ns < _REFUSED_NS]
        return any(
            find.overlap(face, one) > _REFUSED_OVERLAP and face.score < one.score + _REFUSED_SURER
            for one, _ in self._refused
        )

    def _next_view(self, picture: Picture) -> View:
        """The whole picture and its parts by turns; while somebody is there, the whole alone: nearer means larger."""
        width, height = picture.size
        whole = find.whole_view(width, height)
        parts = [] if len(self._tracks) else [find.wide_view(width, height), *find.tiles(width, height, 2)]
        self._searches += 1
        return whole if self._searches % 2 or not parts else parts[self._searches // 2 % len(parts)]

    def _seen(self, picture: Picture, mono_ns: int) -> Seen:
        others = tuple(_rect(track.face) for track in self._tracks.others)
        client = self._tracks.client
        if client is None or client.seen_ns != mono_ns:
            covered = not others and picture.contrast() < COVERED_CONTRAST
            return Seen(None, None, None, others, covered)
        probability = float(self._probability(aligned(picture.gray, client.face)[None])[0])
        return Seen(client.face, client.number, probability, others, is_covered=False)


def _rect(face: Detection) -> Rect:
    return (face.x, face.y, face.width, face.height)
