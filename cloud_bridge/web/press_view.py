"""Presses and tracks as the templates show them: rows of the store turned into words."""

from __future__ import annotations

from msgspec import Struct

from cloud_bridge.store.rows import Cursor, Instant, PressRow, TrackRow, TrackState
from cloud_bridge.web.i18n import Translator
from edge.wire import TrackData

AUDIO_TYPES = {"flac": "audio/flac", "wav": "audio/wav", "opus": "audio/ogg"}
# Orders rows as the store does, in a string that a browser compares; room for every 64-bit time, also negative ones.
_ORDER_BIAS = 1 << 63


class PressView(Struct, frozen=True, kw_only=True):
    """One press in words. `dated` is False where the box had no synchronised clock and none has repaired it since."""

    id: str
    order: str
    cursor: str
    announce: str
    iso: str
    date: str
    clock: str
    moment: str
    dated: bool
    wall_uncertainty: str
    stamp_uncertainty: str
    trigger: str
    trigger_text: str
    button: str
    rating: int | None
    misuse: bool
    simulated: bool
    site: str
    box: str
    employee: str | None
    source: str
    state: str
    partial: bool
    damaged: bool
    received: str


class GapView(Struct, frozen=True, kw_only=True):
    """A gap in seconds from the beginning of the sound, and in words."""

    start_s: float
    end_s: float
    start: str
    end: str
    reason: str


class TrackView(Struct, frozen=True, kw_only=True):
    """One track in words; all but the first six are empty until its manifest has come."""

    id: str
    state: str
    extension: bool
    chunks: int
    lost_reason: str
    damaged: str | None
    manifest: bool = False
    chunks_total: int = 0
    audio_url: str = ""
    download_url: str = ""
    duration_s: float = 0
    press_s: float = 0
    length: str = ""
    window: str = ""
    gaps: tuple[GapView, ...] = ()
    gap_total: str = ""
    partial: bool = False
    partial_reason: str | None = None
    simulated: bool = False
    align: str = ""
    drift: str = ""
    drift_fast: bool = False
    capture: str = ""
    format: str = ""
    sha256: str = ""


def cursor_text(cursor: Cursor) -> str:
    """A cursor as it stands in addresses."""
    return f"{cursor.wall_ns}.{cursor.id}"


def is_dated(instant: Instant) -> bool:
    """Whether the wall time of an instant can be believed within its uncertainty."""
    return instant.synced or instant.repaired


def named(t: Translator, section: str, name: str) -> str:
    """The words for a name that comes from a box; the name itself where we have none."""
    key = f"{section}.{name}"
    return t(key) if t.has(key) else name


def press_view(t: Translator, row: PressRow) -> PressView:
    """A press in words."""
    wall_ns = row.instant.wall_ns
    trigger = named(t, "trigger", row.trigger)
    clock = t.clock(wall_ns)
    return PressView(
        id=row.id,
        order=f"{wall_ns + _ORDER_BIAS:020d}{row.id}",
        cursor=cursor_text(Cursor(wall_ns, row.id)),
        announce=t("presses.announce", trigger=trigger, button=row.button, place=f"{row.site} / {row.box}", time=clock),
        iso=t.iso(wall_ns),
        date=t.date(wall_ns),
        clock=clock,
        moment=t.moment(wall_ns),
        dated=is_dated(row.instant),
        wall_uncertainty=t.seconds((row.instant.uncertainty_ms + row.stamp_uncertainty_ms) / 1000),
        stamp_uncertainty=t.seconds(row.stamp_uncertainty_ms / 1000),
        trigger=row.trigger,
        trigger_text=trigger,
        button=row.button,
        rating=row.rating,
        misuse=row.misuse,
        simulated=row.simulated,
        site=row.site,
        box=row.box,
        employee=row.employee,
        source=named(t, "source", row.source),
        state=state_of(row),
        partial=row.partial,
        damaged=row.damaged,
        received=t.moment(row.received_ns),
    )


def state_of(row: PressRow) -> str:
    """How far the sound of a press has come; "none" where none was asked for."""
    if row.track is None:
        return "none"
    return str(row.track_state or TrackState.EXPECTED)


def track_view(t: Translator, row: TrackRow) -> TrackView:
    """A track in words."""
    plain = TrackView(
        id=row.id,
        state=str(row.state),
        extension=row.extends is not None,
        chunks=row.chunks_received,
        lost_reason=row.lost_reason or t("common.not_known"),
        damaged=row.damaged,
    )
    return plain if row.manifest is None else _with_manifest(t, plain, row.manifest)


def _with_manifest(t: Translator, view: TrackView, manifest: TrackData) -> TrackView:
    rate_hz = manifest.rate_hz
    size = t.size(manifest.bytes)
    rate = t("unit.hz", value=t.number(rate_hz))
    gap_frames = sum(gap.frames for gap in manifest.gaps)
    url = f"/api/v1/tracks/{view.id}/audio"
    return TrackView(
        id=view.id,
        state=view.state,
        extension=view.extension,
        chunks=view.chunks,
        lost_reason=view.lost_reason,
        damaged=view.damaged,
        manifest=True,
        chunks_total=len(manifest.chunk_sha256),
        audio_url=url,
        download_url=f"{url}?download=true",
        duration_s=manifest.frames / rate_hz,
        press_s=manifest.press_offset_frames / rate_hz,
        length=t.seconds(manifest.frames / rate_hz),
        window=t("track.window_value", before=t.seconds(manifest.before_s), after=t.seconds(manifest.after_s)),
        gaps=tuple(_gap_view(t, manifest, index) for index in range(len(manifest.gaps))),
        gap_total=t.seconds(gap_frames / rate_hz),
        partial=manifest.partial,
        partial_reason=None if manifest.partial_reason is None else named(t, "gap", manifest.partial_reason),
        simulated=manifest.simulated,
        align=t.seconds(manifest.align_error_ms / 1000),
        drift=t("unit.ppm", value=t.number(abs(manifest.drift_ppm), 1)),
        drift_fast=manifest.drift_ppm >= 0,
        capture=manifest.capture,
        format=t("track.format_value", codec=manifest.codec.upper(), rate=rate, size=size),
        sha256=manifest.sha256,
    )


def _gap_view(t: Translator, manifest: TrackData, index: int) -> GapView:
    gap = manifest.gaps[index]
    start_s = gap.offset_frames / manifest.rate_hz
    end_s = (gap.offset_frames + gap.frames) / manifest.rate_hz
    return GapView(
        start_s=start_s,
        end_s=end_s,
        start=position(t, start_s),
        end=position(t, end_s),
        reason=named(t, "gap", gap.reason),
    )


def position(t: Translator, at_s: float) -> str:
    """A place in the sound: minutes, seconds, tenths."""
    tenths = int(at_s * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}{t.decimal}{tenths % 10}"
