"""After the last power cut: what a person was told is safe has to be there, once, with the sound before it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from demo.ledger import Ledger, StoredTrack
from demo.locate import Samples, Source, stretches
from edge.wire import PressData, decode_event

_PROOF_FRAMES = 64
_NS_PER_MS = 1_000_000


@dataclass
class Witnessed:
    """What the observer in the guest told before each cut."""

    # press id by request of the box's page
    pages: dict[str, str] = field(default_factory=dict)
    # (boot, earliest ns, latest ns) of each touch that the lamp acknowledged
    lamps: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        """How many presses a person was told are safe."""
        return len(self.pages) + len(self.lamps)


@dataclass
class Verdict:
    """What was found; `faults` is empty when nothing was lost, doubled or wrong."""

    presses: int = 0
    tracks: int = 0
    partial: int = 0
    lost: int = 0
    pre_roll_s: float = 0.0
    least_pre_roll_s: float = 0.0
    faults: list[str] = field(default_factory=list)


def presses_of(database: Path) -> dict[str, PressData]:
    """Every press event of a bridge's database by its id."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        rows = connection.execute("SELECT payload FROM event").fetchall()
    events = [decode_event(row[0].encode() if isinstance(row[0], str) else row[0]) for row in rows]
    return {event.id: event.data for event in events if isinstance(event.data, PressData)}


def missing(witnessed: Witnessed, database: Path, ledger: Ledger) -> list[str]:
    """What was acknowledged, by the lamp or by the page, and is not at the bridge yet: the press, a complete track."""
    presses = presses_of(database)
    tracks = ledger.tracks()
    wanted: dict[str, str] = {press: f"request {request}" for request, press in witnessed.pages.items()}
    found = []
    for boot, before_ns, after_ns in witnessed.lamps:
        of_touch = touched(presses, boot, before_ns, after_ns)
        if not of_touch:
            found.append(f"touch at {before_ns} of boot {boot}: the lamp shone, and there is no press")
        wanted |= dict.fromkeys(of_touch, f"touch at {before_ns} of boot {boot}")
    for press, what in wanted.items():
        track = tracks.get(presses[press].track or "") if press in presses else None
        if press not in presses:
            found.append(f"{what}: press {press} was acknowledged and is not there")
        elif track is None or track.state != "complete" or track.damaged:
            state = "missing" if track is None else track.damaged or track.state
            found.append(f"{what}: the track {presses[press].track} of press {press} is {state}")
    return found


def judge(witnessed: Witnessed, database: Path, ledger: Ledger, source: Samples) -> Verdict:
    """Look at everything that the bridge has."""
    presses = presses_of(database)
    verdict = Verdict(presses=len(presses), faults=missing(witnessed, database, ledger))
    requests = Counter(data.request_id for data in presses.values() if data.request_id)
    verdict.faults += [f"request {request}: {n} presses" for request, n in requests.items() if n > 1]
    for boot, before_ns, after_ns in witnessed.lamps:
        if len(found := touched(presses, boot, before_ns, after_ns)) > 1:
            verdict.faults.append(f"touch at {before_ns} of boot {boot}: presses {found}")
    heard = Source(source)
    least = float("inf")
    for track in ledger.tracks().values():
        if track.state == "lost":
            verdict.lost += 1
            continue
        if track.state != "complete":
            verdict.faults.append(f"track {track.id} is {track.state}")
            continue
        verdict.tracks += 1
        faults, pre_roll_s, partial = _sound(track, heard)
        verdict.faults += faults
        verdict.partial += partial
        verdict.pre_roll_s += pre_roll_s
        least = min(least, pre_roll_s)
    verdict.least_pre_roll_s = least if verdict.tracks else 0.0
    verdict.faults += [f"quarantined: {topic}: {reason}" for topic, reason in ledger.quarantined()]
    if seqs := ledger.missing_seqs():
        verdict.faults.append(f"{seqs} numbers of events are missing")
    return verdict


def touched(presses: dict[str, PressData], boot: str, before_ns: int, after_ns: int) -> list[str]:
    """Ids of the line's presses that belong to a touch between two instants."""
    return [
        press
        for press, data in presses.items()
        if data.button == "red"
        and data.stamp.boot_id.replace("-", "") == boot.replace("-", "")
        and before_ns <= data.stamp.mono_ns <= after_ns + data.stamp_uncertainty_ms * _NS_PER_MS
    ]


def _sound(track: StoredTrack, source: Source) -> tuple[list[str], float, bool]:
    """(faults, seconds of sound before the press, whether it is partial)."""
    manifest = track.manifest
    if manifest is None:
        return [f"track {track.id} has no manifest"], 0.0, False
    try:
        samples = track.samples()
    except ValueError as error:
        return [str(error)], 0.0, manifest.partial
    faults = []
    heard_frames = 0
    for first, end in stretches(len(samples), [(gap.offset_frames, gap.frames) for gap in manifest.gaps]):
        heard_frames += max(0, min(end, manifest.press_offset_frames) - first)
        faults += [
            f"track {track.id}: {len(piece)} frames from {first} on are not what was played"
            for piece in _played(samples[first:end])
            if source.position(piece) is None
        ]
    if not heard_frames:
        gaps = ", ".join(f"{gap.reason} {gap.frames}" for gap in manifest.gaps)
        faults.append(f"track {track.id} has no sound before the press (gaps: {gaps})")
    return faults, heard_frames / manifest.rate_hz, manifest.partial


def _played(samples: Samples) -> list[Samples]:
    """Stretches without silence: a player that is late on a busy machine leaves silence, its own sound has no zero."""
    sounding = np.concatenate([[0], (samples != 0).astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(sounding))
    return [samples[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= _PROOF_FRAMES]
