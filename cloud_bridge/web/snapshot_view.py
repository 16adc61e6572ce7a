"""Snapshots as the templates show them: figures turned into words and into the geometry of the strip."""

from __future__ import annotations

from msgspec import Struct

from cloud_bridge.store.rows import TrackState
from cloud_bridge.store.snapshots import BoxIndex, SnapshotRow
from cloud_bridge.web.i18n import Translator
from edge.wire import FaceState, SnapshotData
from edge.wire.smile_index import SHOWN_FROM, Figures, Publishing, publishing

# Of a second's bar: something of a face that does not smile at all, and of a second in which nobody was there.
_FACE_MIN, _NOBODY = 0.08, 0.05


class Bar(Struct, frozen=True):
    """One second of the strip: `at_s` is where it begins on the axis, `height` 0 to 1, `kind` names its look."""

    at_s: float
    height: float
    kind: str
    second: str
    text: str


class SnapshotView(Struct, frozen=True, kw_only=True):
    """One snapshot in words. `probability` is None where there was no face at the press."""

    id: str
    press: str
    state: str
    probability: float | None
    percent: str
    smiles: bool
    threshold: float
    verdict: str
    face_share: str
    frame: str
    index: str
    index_detail: str
    partial_reason: str | None
    simulated: bool
    privacy: str
    picture: str
    picture_url: str
    picture_alt: str
    width_px: int
    height_px: int
    picture_problem: str
    bars: tuple[Bar, ...]
    strip_text: str
    model: str
    score: int | None
    scored: str


def snapshot_view(t: Translator, row: SnapshotRow) -> SnapshotView:
    """A snapshot in words."""
    data = row.data
    probability = data.probability
    smiles = probability is not None and probability >= data.threshold
    index, detail = index_text(t, _figures(data))
    percent = t("unit.percent", value=t.number(100 * probability)) if probability is not None else ""
    said = row.qualification
    return SnapshotView(
        id=row.id,
        press=row.press,
        state=str(data.state),
        probability=probability,
        percent=percent,
        smiles=smiles,
        threshold=data.threshold,
        verdict=t(f"snapshot.{_verdict(data)}"),
        face_share=t("unit.percent", value=t.number(100 * data.face_share)),
        frame=_frame(t, data),
        index=index,
        index_detail=detail,
        partial_reason=data.partial_reason,
        simulated=data.simulated,
        privacy=t(f"snapshot.privacy_{data.privacy}"),
        picture=_picture(row),
        picture_url=f"/api/v1/snapshots/{row.id}/picture",
        picture_alt=t("snapshot.picture_alt", what=_at_press(t, data, percent)),
        width_px=data.picture.width_px if data.picture else 0,
        height_px=data.picture.height_px if data.picture else 0,
        picture_problem=row.damaged or row.lost_reason or "",
        bars=tuple(_bar(t, data, n) for n in range(len(data.strip))),
        strip_text=_strip_text(t, data),
        model=data.model or t("common.not_known"),
        score=said.score if said else None,
        scored=t("snapshot.scored", user=said.user, time=t.moment(said.at_ns)) if said else "",
    )


def index_text(t: Translator, figures: Figures) -> tuple[str, str]:
    """A Smile-Index as it may be shown, and the line below it with n and the interval."""
    if publishing(figures.n) is Publishing.HIDDEN or figures.percent is None:
        return "", t("snapshot.index_hidden", n=t.number(figures.n), limit=SHOWN_FROM)
    low, high = figures.low_percent or 0.0, figures.high_percent or 0.0
    percent = t("unit.percent", value=t.number(figures.percent))
    return percent, t("snapshot.index_detail", n=t.number(figures.n), low=t.number(low), high=t.number(high))


def box_index_text(t: Translator, index: BoxIndex) -> str:
    """A box's index in one line, with the day that it is of."""
    percent, detail = index_text(t, index.figures)
    text = f"{percent} · {detail}" if percent else detail
    dated = t("snapshot.index_since", text=text, date=t.date(index.since_ns))
    return f"{dated} · {t('press.simulated')}" if index.simulated else dated


def _figures(data: SnapshotData) -> Figures:
    index = data.index
    return Figures(index.n, index.smiled, index.percent, index.low_percent, index.high_percent)


def _verdict(data: SnapshotData) -> str:
    if data.smiled is None:
        return "verdict_none"
    return f"verdict_{data.subject}_{'smiled' if data.smiled else 'calm'}"


def _frame(t: Translator, data: SnapshotData) -> str:
    if data.skew_ms is None:
        return t("snapshot.no_frame")
    key = "snapshot.frame_after" if data.skew_ms >= 0 else "snapshot.frame_before"
    return t(key, skew=t.seconds(abs(data.skew_ms) / 1000))


def _at_press(t: Translator, data: SnapshotData, percent: str) -> str:
    if data.state is FaceState.FACE and percent:
        return t("snapshot.at_press_face", percent=percent)
    return t("snapshot.at_press_nobody" if data.state is FaceState.NO_FACE else "snapshot.at_press_unseen")


def _picture(row: SnapshotRow) -> str:
    """none, coming, ready, gone or deleted."""
    if row.data.picture is None:
        return "none"
    if row.picture is TrackState.COMPLETE:
        return "gone" if row.damaged else "ready"
    if row.picture is TrackState.DELETED:
        return "deleted"
    return "gone" if row.picture is TrackState.LOST else "coming"


def _bar(t: Translator, data: SnapshotData, n: int) -> Bar:
    point = data.strip[n]
    second = t("snapshot.second", value=t.number(point.offset_s))
    if point.probability is not None:
        kind = "smile" if point.probability >= data.threshold else "calm"
        text = t("unit.percent", value=t.number(100 * point.probability))
        return Bar(point.offset_s, max(point.probability, _FACE_MIN), kind, second, text)
    if point.state is FaceState.NO_DATA:
        return Bar(point.offset_s, 1.0, "unseen", second, t("snapshot.unseen"))
    return Bar(point.offset_s, _NOBODY, "nobody", second, t("snapshot.nobody"))


def _strip_text(t: Translator, data: SnapshotData) -> str:
    """What the strip shows, in one sentence, for who can't see it."""
    seen = [point.probability for point in data.strip if point.probability is not None]
    smiling = sum(probability >= data.threshold for probability in seen)
    return t("snapshot.strip_text", seconds=len(data.strip), seen=len(seen), smiling=smiling)
