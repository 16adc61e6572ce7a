"""The Emotional Snapshot of a press as it crosses the wire: the figures always, the picture only where it may leave."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge.wire.fields import CHUNK_BYTES_MAX, Count, Id, Integer, Name, Positive, Sha256, Stamp, Strict, Text
from edge.wire.smile_index import BEFORE_S, FaceState

PICTURE_BYTES_MAX = 1024 * 1024
SKEW_MS_MAX = 200

Privacy = Literal["index", "snapshot", "blur"]
"""index: no picture ever leaves the camera's process. snapshot: the picture of the press. blur: others are blurred."""
Probability = Annotated[float, Meta(ge=0, le=1)]
Percent = Annotated[float, Meta(ge=0, le=100)]


class StripPoint(Strict, frozen=True):
    """One second before the press, beginning `offset_s` from it; the mean probability of a smile of its frames."""

    offset_s: Annotated[int, Meta(ge=-BEFORE_S, le=-1)]
    state: FaceState
    probability: Probability | None


class IndexData(Strict, frozen=True):
    """The Smile-Index of this counter from `since_ns` (Unix, begin of the box's day) up to and with this press.

    Of the presses whose records are `simulated` as this one is. `n` counts clients with a verdict, `smiled` those who
    smiled; percentages with the 95 % Wilson interval, null for n = 0.
    """

    since_ns: Integer
    n: Count
    smiled: Count
    percent: Percent | None
    low_percent: Percent | None
    high_percent: Percent | None


class Picture(Strict, frozen=True):
    """A picture that follows in chunks, as a track's sound does, under the snapshot's id."""

    content_type: Literal["image/jpeg"]
    width_px: Positive
    height_px: Positive
    bytes: Annotated[int, Meta(ge=1, le=PICTURE_BYTES_MAX)]
    sha256: Sha256
    chunk_bytes: Annotated[int, Meta(ge=1, le=CHUNK_BYTES_MAX)]
    chunk_sha256: tuple[Sha256, ...]


class SnapshotData(Strict, frozen=True):
    """What the camera knows of the client of one press; `stamp` dates the press.

    `state` and `probability` are of the frame nearest the press, `frame_mono_ns`, which lies `skew_ms` after it (before
    it: negative) and never more than 200 ms away; without such a frame all three are null and the state is `no_data`.
    `reason` says why nothing is known of that instant. `face_share` is the part of the window, `before_s` to `after_s`,
    in which a face was seen; `smiled` the verdict of the Smile-Index at `threshold`, null where that was too little.
    `partial`: the window was not seen to its end (`partial_reason`). `model` is empty where no camera has run.
    """

    snapshot: Id
    press: Id
    stamp: Stamp
    before_s: Count
    after_s: Count
    privacy: Privacy
    subject: Literal["client", "staff"]
    state: FaceState
    reason: Name | None
    frame_mono_ns: Count | None
    skew_ms: Annotated[float, Meta(ge=-SKEW_MS_MAX, le=SKEW_MS_MAX)] | None
    probability: Probability | None
    strip: Annotated[tuple[StripPoint, ...], Meta(min_length=BEFORE_S, max_length=BEFORE_S)]
    face_share: Probability
    smiled: bool | None
    threshold: Probability
    index: IndexData
    model: Text
    model_sha256: Sha256 | None
    camera: Text
    simulated: bool
    partial: bool
    partial_reason: Text | None
    picture: Picture | None
