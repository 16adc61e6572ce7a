"""The figures of a snapshot: pure, from what the camera saw and from the day so far."""

from __future__ import annotations

from edge.faces import FaceState as PointState
from edge.snapshot_look import Seen
from edge.snapshot_plan import Day, OpenSnapshot
from edge.wire import SKEW_MS_MAX, FaceState, IndexData, SnapshotData, StripPoint
from edge.wire.smile_index import AFTER_S, BEFORE_S, face_share, index_of, seconds_before, smiled
from edge.wire.snapshot import Privacy
from models.smile import smile_model

_MS = 1_000_000
_NO_FRAME = "no_frame"
_ABSENT = "absent"


def figures(seen: Seen, plan: OpenSnapshot, day: Day) -> SnapshotData:
    """All but the picture. What the camera does not tell is null, never nought."""
    press_ns = plan.press_ns
    model = smile_model()
    source = seen.source
    threshold = model.threshold if source is None else source.threshold
    verdict = smiled(seen.points, press_ns, threshold, seen.hold_ns)
    simulated = plan.simulated or (source is not None and source.simulated)
    frame = None if seen.frame is None else seen.frame.point
    missing = _missing(seen, plan)
    strip = tuple(
        StripPoint(offset_s=offset_s, state=state, probability=probability)
        for offset_s, state, probability in seconds_before(seen.points, press_ns)
    )
    return SnapshotData(
        snapshot=plan.snapshot,
        press=plan.press,
        stamp=plan.stamp,
        before_s=BEFORE_S,
        after_s=AFTER_S,
        privacy=_privacy(source.privacy if source is not None else "index"),
        subject="staff" if source is not None and source.subject == "staff" else "client",
        state=FaceState.NO_DATA if frame is None else FaceState(frame.state),
        reason=_reason(seen, press_ns) if frame is None else None,
        frame_mono_ns=None if frame is None else frame.mono_ns,
        skew_ms=None if frame is None else (frame.mono_ns - press_ns) / _MS,
        probability=None if frame is None else frame.probability,
        strip=strip,
        face_share=face_share(seen.points, press_ns, seen.hold_ns),
        smiled=verdict,
        threshold=threshold,
        index=_index(day, verdict=verdict, simulated=simulated),
        model="" if source is None else source.model,
        model_sha256=model.sha256 if source is not None and source.model == model.version else None,
        camera="" if source is None else "".join(c if c.isprintable() else "?" for c in source.source)[:500],
        simulated=simulated,
        partial=missing is not None,
        partial_reason=missing,
        picture=None,
    )


def _index(day: Day, *, verdict: bool | None, simulated: bool) -> IndexData:
    smiles, n = (day.simulated_smiled, day.simulated_n) if simulated else (day.smiled, day.n)
    if verdict is not None:
        smiles, n = smiles + verdict, n + 1
    index = index_of(smiles, n)
    return IndexData(
        since_ns=day.since_ns,
        n=index.n,
        smiled=index.smiled,
        percent=index.percent,
        low_percent=index.low_percent,
        high_percent=index.high_percent,
    )


def _reason(seen: Seen, press_ns: int) -> str:
    """Why there is no frame of the press: what the camera says of that time, if anything."""
    near = [point for point in seen.points if abs(point.mono_ns - press_ns) <= SKEW_MS_MAX * _MS]
    told = [point.reason for point in near if point.state == PointState.NO_DATA and point.reason is not None]
    if told:
        return str(told[0])
    return _ABSENT if not seen.points else _NO_FRAME


def _missing(seen: Seen, plan: OpenSnapshot) -> str | None:
    """What of the end of the window was not seen, because the box or the eye did not live to see it."""
    newest_ns = seen.newest_ns
    if newest_ns is None:
        return "nothing of the window was seen"
    if newest_ns + seen.hold_ns >= plan.end_ns:
        return None
    return f"seen only until {(newest_ns - plan.press_ns) / 1e9:+.1f} s from the press"


def _privacy(mode: str) -> Privacy:
    # A mode that this version does not know keeps everything.
    return "snapshot" if mode == "snapshot" else "blur" if mode == "blur" else "index"
