"""The file of a snapshot that is begun: what was seen until the press, made durable then. One JSON line, then a JPEG.

In the privacy mode `index` there is no JPEG: the face ring holds none either.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from edge.durable import write_durable
from edge.faces import FaceFrame, FacePoint, FaceSource
from edge.faultpoint import FaultPoint
from edge.snapshot_look import Seen
from edge.wire import sha256


class SnapshotDamaged(Exception):
    """The file is not the whole beginning of the snapshot; the message names it and what is wrong."""


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    snapshot: str
    boot_id: str
    source: FaceSource | None
    hold_ns: int
    points: tuple[FacePoint, ...]
    frame: FacePoint | None
    width: int
    height: int
    jpeg_sha256: str | None


def write(path: Path, snapshot: str, boot_id: str, seen: Seen, fault: FaultPoint) -> None:
    """Write the file durably; raises `OSError` (disk full, …)."""
    frame = seen.frame
    jpeg = None if frame is None else frame.jpeg
    head = _Head(
        snapshot=snapshot,
        boot_id=boot_id,
        source=seen.source,
        hold_ns=seen.hold_ns,
        points=seen.points,
        frame=None if frame is None else frame.point,
        width=0 if frame is None else frame.width,
        height=0 if frame is None else frame.height,
        jpeg_sha256=None if jpeg is None else sha256(jpeg),
    )
    write_durable(path, msgspec.json.encode(head) + b"\n" + (jpeg or b""), "snapshot_begun", fault)


def read(path: Path, snapshot: str, boot_id: str) -> Seen:
    """Read a file back; raises `SnapshotDamaged`, also where it belongs to another snapshot."""
    try:
        line, _, jpeg = path.read_bytes().partition(b"\n")
        head = msgspec.json.decode(line, type=_Head)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SnapshotDamaged(f"the beginning of a snapshot, {path}, can't be read: {error}") from error
    expected = (snapshot, boot_id, head.jpeg_sha256)
    found = (head.snapshot, head.boot_id, sha256(jpeg) if jpeg else None)
    if expected != found:
        raise SnapshotDamaged(f"the beginning of a snapshot, {path}, holds {found}, not {expected}")
    frame = None if head.frame is None else FaceFrame(head.frame, jpeg or None, head.width, head.height)
    return Seen(head.source, head.hold_ns, head.points, frame)
