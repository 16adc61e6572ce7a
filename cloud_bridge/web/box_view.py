"""Boxes and quarantined messages as the templates show them."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from cloud_bridge.store.rows import BoxRow, FaultRow, QuarantineRow, SeqGap
from cloud_bridge.web.i18n import Translator
from edge.wire import EarHealth

_RANGES_SHOWN = 5
_PAYLOAD_SHOWN = 4000


class SeriesGaps(Struct, frozen=True):
    """The missing numbers of one series in words; `more` when only the first are named."""

    series: str
    ranges: str
    more: bool


class Device(Struct, frozen=True):
    """A device of a box."""

    name: str
    present: bool


class BoxView(Struct, frozen=True, kw_only=True):
    """One box in words; `rms` is the level in dBFS, None while the stream stands."""

    site: str
    name: str
    online: bool
    ear: str
    rms: float | None
    level: str
    waiting: str
    disk: str
    uptime: str
    version: str
    seen: str
    missing: int
    gaps: tuple[SeriesGaps, ...]
    devices: tuple[Device, ...]
    faults: tuple[str, ...]
    update: str


class QuarantineView(Struct, frozen=True, kw_only=True):
    """One refused message in words."""

    kind: str
    reason: str
    topic: str
    times: int
    iso: str
    moment: str
    size: str
    cut: str
    binary: bool
    payload: str


def box_view(
    t: Translator, row: BoxRow, gaps: Iterable[SeqGap], faults: Iterable[FaultRow], update: str = ""
) -> BoxView:
    """A box in words; `gaps` are its missing numbers, `faults` its latest reports, newest first.

    `update` says in words how its last update gets on.
    """
    unknown = t("common.not_known")
    health = row.health
    seen_ns = max(row.health_ns or 0, row.status_ns or 0)
    ear = health.ear if health else None
    rms = ear.rms_dbfs if ear and ear.running else None
    return BoxView(
        site=row.site,
        name=row.name,
        online=row.online,
        ear=_ear_text(t, ear),
        rms=rms,
        level="" if rms is None else t("unit.dbfs", value=t.number(rms)),
        waiting=unknown
        if health is None
        else _waiting(t, health.events_waiting, health.tracks_waiting, health.bytes_waiting),
        disk=unknown if health is None else t.size(health.disk_free_bytes),
        uptime=unknown if health is None else t.seconds(int(health.uptime_s)),
        version=row.version or unknown,
        seen=t.moment(seen_ns) if seen_ns else unknown,
        missing=row.missing,
        gaps=_gap_views(gaps),
        devices=tuple(Device(name, present) for name, present in sorted((health.devices if health else {}).items())),
        faults=_active_faults(t, health.faults if health else (), faults),
        update=update,
    )


def quarantine_view(t: Translator, row: QuarantineRow) -> QuarantineView:
    """A refused message in words. Its content is shown as text where it is text, else as hex."""
    shown = row.payload[:_PAYLOAD_SHOWN]
    cut = len(shown) < row.payload_bytes
    try:
        text, binary = (shown[:-3] if cut and len(shown) > 3 else shown).decode("utf-8"), False
        binary = any(not char.isprintable() and char not in "\r\n\t" for char in text)
    except UnicodeDecodeError:
        text, binary = "", True
    return QuarantineView(
        kind=row.kind,
        reason=row.reason,
        topic=row.topic,
        times=row.times,
        iso=t.iso(row.last_ns),
        moment=t.moment(row.last_ns),
        size=t.size(row.payload_bytes),
        cut=t("quarantine.payload_cut", shown=t.size(len(shown)), size=t.size(row.payload_bytes)) if cut else "",
        binary=binary,
        payload=shown[:512].hex(" ") if binary else text,
    )


def _ear_text(t: Translator, ear: EarHealth | None) -> str:
    if ear is None:
        return t("boxes.ear_none")
    if not ear.running:
        return t("boxes.ear_stopped")
    return t("boxes.ear_simulated" if ear.simulated else "boxes.ear_running")


def _waiting(t: Translator, events: int, tracks: int, size_bytes: int) -> str:
    if not events and not tracks:
        return t("boxes.waiting_nothing")
    return t(
        "boxes.waiting_value",
        events=t.count("boxes.events", events),
        tracks=t.count("boxes.tracks", tracks),
        size=t.size(size_bytes),
    )


def _gap_views(gaps: Iterable[SeqGap]) -> tuple[SeriesGaps, ...]:
    by_series: dict[str, list[str]] = {}
    for gap in gaps:
        text = str(gap.first) if gap.first == gap.last else f"{gap.first}\N{EN DASH}{gap.last}"
        by_series.setdefault(gap.series, []).append(text)
    return tuple(
        SeriesGaps(series[:8], ", ".join(ranges[:_RANGES_SHOWN]), len(ranges) > _RANGES_SHOWN)
        for series, ranges in by_series.items()
    )


def _active_faults(t: Translator, named: Iterable[str], reports: Iterable[FaultRow]) -> tuple[str, ...]:
    """What is broken now: the last report of each fault that says so; health's names where no report explains them."""
    latest: dict[tuple[str, str], FaultRow] = {}
    for report in reports:
        latest.setdefault((report.name, report.device), report)
    active = [report for report in latest.values() if report.active]
    explained = {report.name for report in active}
    texts = [f"{r.name} ({r.device}): {r.detail}, {t.moment(r.instant.wall_ns)}" for r in active]
    return (*texts, *(name for name in named if name not in explained))
