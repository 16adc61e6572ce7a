"""The check of what sees: the detector's weights, and the eye through its ring."""

from __future__ import annotations

from collections.abc import Iterator

from edge.faces import FaceReader, NoDataReason
from edge.field.findings import Finding, finding
from edge.field.surroundings import Surroundings
from models import weights
from ringbuffer.errors import RingAbsent, RingError


def check_camera(around: Surroundings) -> Iterator[Finding]:
    """Whether the eye can find faces, and whether frames come."""
    eye = around.config.eye
    if not eye.enabled:
        yield finding("camera", "off")
        return
    if eye.detector == "blazeface" and not weights.is_there():
        yield finding("camera", "no_detector", path=weights.folder() / weights.DETECTOR)
        return
    try:
        ring = FaceReader(eye.ring)
    except RingAbsent as error:
        yield finding("camera", "absent", error=error)
        return
    except (RingError, OSError) as error:
        yield finding("camera", "unreadable", error=error)
        return
    try:
        yield _judged(around, ring)
    except RingError as error:
        yield finding("camera", "unreadable", error=error)
    finally:
        ring.close()


def _judged(around: Surroundings, ring: FaceReader) -> Finding:
    eye = around.config.eye
    source = ring.source
    if ring.boot_id != around.clock.boot_id:
        return finding("camera", "stale", path=eye.ring)
    newest = ring.newest()
    late_ns = None if newest is None else around.clock.mono_ns() - newest.point.mono_ns
    if newest is None or late_ns is None or late_ns > 2 * eye.stall_ms * 1_000_000:
        return finding("camera", "stalled", source=source.source)
    match newest.point.reason:
        case NoDataReason.ABSENT | NoDataReason.DISCONNECT:
            return finding("camera", "unplugged", source=source.source)
        case NoDataReason.STALLED:
            return finding("camera", "stalled", source=source.source)
        case NoDataReason.COVERED:
            return finding("camera", "covered", source=source.source)
        case None:
            code = "simulated" if source.simulated else "ok"
            return finding("camera", code, source=source.source, privacy=source.privacy, faces=newest.point.faces)
