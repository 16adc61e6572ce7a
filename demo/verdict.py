"""Counts and figures of a run, measured at its ends: what was acknowledged at the box against what the bridge holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from demo.alignment import WrongSoundError, align_error_ms
from demo.ledger import Ledger, StoredPress, StoredTrack
from demo.locate import Source
from demo.observer import Journey


@dataclass(frozen=True, slots=True)
class Truth:
    """The sound that was played, and when its first frame was captured."""

    source: Source
    origin_ns: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The line that a run ends with. Figures are None where nothing could be measured (`--mic` has no known sound)."""

    presses: int
    tracks: int
    receipts: int
    lost: int
    duplicates: int
    align_error_ms_p99: float | None
    press_to_event_ms_p50: float | None
    press_to_track_ms_p50: float | None

    def complete(self) -> bool:
        """Nothing is missing, nothing is there twice."""
        return not self.lost and not self.duplicates and self.presses == self.tracks == self.receipts

    def as_dict(self) -> dict[str, float | int | None]:
        """For JSON, in this order."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The figures, and every fault behind them in words."""

    figures: Figures
    faults: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether the run may end with success."""
        return self.figures.complete() and not self.faults


def judge(
    acknowledged: Mapping[str, str], ledger: Ledger, journeys: Mapping[str, Journey], truth: Truth | None
) -> Verdict:
    """Compare the presses acknowledged at the box (press id by request id) with the bridge's ledger.

    A press is lost when its row, its track or its sound is not there; a duplicate is a second row for one request or
    a second track for one press.
    """
    presses = ledger.presses()
    tracks = ledger.tracks()
    stored = {press.id: press for press in presses}
    faults = [f"refused by the bridge: {topic}: {reason}" for topic, reason in ledger.quarantined()]
    if missing := ledger.missing_seqs():
        faults.append(f"{missing} numbers are missing in the box's series of events")
    lost = 0
    errors_ms = []
    good_tracks = 0
    for request, press in acknowledged.items():
        row = stored.get(press)
        track = tracks.get(row.track) if row is not None and row.track is not None else None
        problem = "never reached the bridge" if row is None else _problem(track)
        if problem is None and row is not None and track is not None and truth is not None:
            try:
                errors_ms.append(_checked_error_ms(row, track, truth))
            except (WrongSoundError, ValueError) as error:
                problem = str(error)
        if problem is None:
            good_tracks += 1
        else:
            lost += 1
            faults.append(f"press {press} (request {request}): {problem}")
    requests = Counter(press.request_id for press in presses if press.request_id is not None)
    owners = Counter(track.press for track in tracks.values() if track.press is not None)
    duplicates = sum(count - 1 for count in (requests + owners).values() if count > 1)
    followed = [journeys[press] for press in acknowledged.values() if press in journeys]
    receipts = [journey for journey in followed if journey.track_receipt_ns is not None]
    figures = Figures(
        presses=len(acknowledged),
        tracks=good_tracks,
        receipts=len(receipts),
        lost=lost,
        duplicates=duplicates,
        align_error_ms_p99=_percentile([abs(error) for error in errors_ms], 99),
        press_to_event_ms_p50=_percentile([(j.event_ns - j.data.stamp.mono_ns) / 1e6 for j in followed], 50),
        press_to_track_ms_p50=_percentile(
            [(j.track_receipt_ns - j.data.stamp.mono_ns) / 1e6 for j in receipts if j.track_receipt_ns is not None], 50
        ),
    )
    return Verdict(figures, tuple(faults))


def _problem(track: StoredTrack | None) -> str | None:
    if track is None:
        return "no track is known"
    if track.state != "complete":
        return f"its track {track.id} is {track.state}"
    if track.damaged is not None:
        return f"its track {track.id} is damaged: {track.damaged}"
    return None


def _checked_error_ms(press: StoredPress, track: StoredTrack, truth: Truth) -> float:
    error_ms = align_error_ms(track, truth.source, truth.origin_ns)
    # The press's own stamp is the truth here, so what it may be off by does not excuse the track.
    claimed_ms = track.manifest.align_error_ms - press.stamp_uncertainty_ms if track.manifest is not None else 0.0
    if abs(error_ms) > claimed_ms:
        raise WrongSoundError(f"track {track.id} is {error_ms:.3f} ms off, but claims at most {claimed_ms:.3f} ms")
    return error_ms


def _percentile(values: list[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent, method="higher")), 3) if values else None
