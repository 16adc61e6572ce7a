"""Faces in one picture, of any size: where the detector is made to look, and what of its answers is believed.

The detector sees 192x192 pixels and is at its best with faces of 40 to 90 of them. A face that is smaller or larger in
the whole picture is looked at again in a view of its own, which also gives better eyes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.eye.picture import Picture, View
from models.face_detector import Detection

Detect = Callable[[NDArray[np.uint8], float], list[Detection]]
"""An RGB square and the least score → the faces in it, in units of the square."""

# A face this sure on the average of several views is believed; one this likely in one view is looked at again; one that
# was believed in the frame before is still there with this score in one view.
BELIEVED = 0.5
LIKELY = 0.2
STAYING = 0.35
# How large a face is in views of its own, as a share of the view. What looks like a face at one size only is none.
_CLOSE = 0.25
_CLOSER_AND_WIDER = (0.3, 0.2, 0.34, 0.17)
_SAME = 0.3
# In a picture full of things that might be faces the surest are looked at.
_LOOKS_MAX = 40
# Tiles overlap by so much, so that a face cut by one is whole in the next.
_TILE_OVERLAP = 0.3
# A tile with fewer pixels shows nothing that a larger one does not.
_TILE_SIDE_MIN = 128


def whole_view(width: int, height: int) -> View:
    """The smallest square around the whole picture."""
    side = max(width, height)
    return View((width - side) / 2, (height - side) / 2, side)


def wide_view(width: int, height: int) -> View:
    """Twice as large: a face that fills the picture is as large in it as the detector wants."""
    whole = whole_view(width, height)
    return View(whole.x - whole.side / 2, whole.y - whole.side / 2, 2 * whole.side)


def close_view(face: Detection, share: float = _CLOSE) -> View:
    """A view of which `face` (in pixels) takes so large a share of the width."""
    side = max(max(face.width, face.height) / share, 1.0)
    return View(face.x + face.width / 2 - side / 2, face.y + face.height / 2 - side / 2, side)


def tiles(width: int, height: int, parts: int) -> list[View]:
    """Overlapping squares over the picture, each 1/`parts` of its longer side; none where that has too few pixels."""
    side = max(width, height) / parts
    if side < _TILE_SIDE_MIN:
        return []
    return [View(x, y, side) for y in _starts(height, side) for x in _starts(width, side)]


def look(picture: Picture, view: View, detect: Detect, least_score: float) -> list[Detection]:
    """The faces in `view`, in pixels of the picture."""
    return [_in_pixels(face, view) for face in detect(picture.square(view), least_score)]


def look_close(picture: Picture, face: Detection, detect: Detect, share: float = _CLOSE) -> Detection | None:
    """`face` again, from a view of its own; None where there is none, seen so."""
    found = look(picture, close_view(face, share), detect, LIKELY)
    same = [one for one in found if overlap(one, face) > _SAME]
    return max(same, key=lambda one: one.score, default=None)


def confirmed(picture: Picture, face: Detection, detect: Detect) -> Detection | None:
    """`face` as the mean of several views of it; None where they do not believe it together."""
    first = look_close(picture, face, detect)
    if first is None:
        return None
    views = [first]
    missing = 0
    for share in _CLOSER_AND_WIDER:
        seen = look_close(picture, first, detect, share)
        if seen is None:
            missing += 1
        else:
            views.append(seen)
        if missing > (1 - BELIEVED) * (1 + len(_CLOSER_AND_WIDER)):
            return None
    score = sum(view.score for view in views) / (1 + len(_CLOSER_AND_WIDER))
    return _mean(views, score) if score >= BELIEVED else None


def faces_in(picture: Picture, detect: Detect) -> list[Detection]:
    """All faces of a still picture, in pixels, the largest first. It takes some thirty looks and five more a face."""
    width, height = picture.size
    views = [whole_view(width, height), wide_view(width, height)]
    views += [tile for parts in (2, 4, 8) for tile in tiles(width, height, parts)]
    likely = [face for view in views for face in look(picture, view, detect, LIKELY)]
    seen = (confirmed(picture, face, detect) for face in distinct(likely)[:_LOOKS_MAX])
    return sorted(distinct(face for face in seen if face is not None), key=lambda face: -face.width * face.height)


def distinct(faces: Iterable[Detection]) -> list[Detection]:
    """Of faces that are one, found several times, the surest."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda one: -one.score):
        if not any(overlap(face, other) > _SAME or _covers(other, face) for other in kept):
            kept.append(face)
    return kept


def overlap(one: Detection, other: Detection) -> float:
    """Intersection over union of two boxes."""
    common = _common(one, other)
    union = one.width * one.height + other.width * other.height - common
    return common / union if union > 0 else 0.0


def _mean(views: Sequence[Detection], score: float) -> Detection:
    """One face of several, weighted by their scores."""
    weights = [view.score for view in views]

    def mean(value: Callable[[Detection], float]) -> float:
        return float(np.average([value(view) for view in views], weights=weights))

    points = np.average([view.points for view in views], axis=0, weights=weights).astype(np.float32)
    return Detection(
        score,
        mean(lambda view: view.x),
        mean(lambda view: view.y),
        mean(lambda view: view.width),
        mean(lambda view: view.height),
        points,
    )


def _covers(one: Detection, other: Detection) -> bool:
    """Whether most of the smaller box lies in the larger: a nose in a face is no face of its own."""
    smaller = min(one.width * one.height, other.width * other.height)
    return _common(one, other) > 0.7 * smaller


def _common(one: Detection, other: Detection) -> float:
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return max(across, 0.0) * max(down, 0.0)


def _starts(length: int, side: float) -> Sequence[float]:
    if side >= length:
        return [(length - side) / 2]
    steps = int(np.ceil((length - side) / (side * (1 - _TILE_OVERLAP))))
    return [float(start) for start in np.linspace(0, length - side, steps + 1)]


def _in_pixels(face: Detection, view: View) -> Detection:
    return replace(
        face,
        x=view.x + face.x * view.side,
        y=view.y + face.y * view.side,
        width=face.width * view.side,
        height=face.height * view.side,
        points=(face.points * np.float32(view.side) + np.array([view.x, view.y], np.float32)).astype(np.float32),
    )
