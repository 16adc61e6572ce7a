"""After the torture: is everything that was acknowledged there, once, with the right sound at the right moment?"""

import csv
from collections import Counter
from collections.abc import Set as AbstractSet
from pathlib import Path

from demo.chain import BUTTONS
from demo.ledger import Ledger, StoredTrack
from demo.locate import Source, stretches
from edge.wire import PressData, decode_event
from ringbuffer.audio_blocks import BLOCK_PREFIX, KIND_SOUND
from ringbuffer.slot_ring import SlotRingReader

# One frame at 16 kHz: a gap is numbered in whole frames.
_FRAME_MS = 1000 / 16000
_PROOF_FRAMES = 64


def origins_ns(ring: Path, rate_hz: int) -> list[float]:
    """When the file's first frame was played, once for each start of the ear, from the ring's raw stamps.

    Each start is a new stretch of the stream (slots carry its tag) and begins the file anew.
    """
    table = SlotRingReader(ring).table
    newest = table.newest_seq()
    origins: dict[int, float] = {}
    played: Counter[int] = Counter()
    for seq in range(table.oldest_seq(newest), newest + 1):
        slot = table.read(seq)
        if slot is None or slot.kind != KIND_SOUND:
            continue
        _, frames, _, _ = BLOCK_PREFIX.unpack_from(slot.payload)
        played[slot.tag] += frames
        origins.setdefault(slot.tag, slot.mono_ns - played[slot.tag] * 1e9 / rate_hz)
    return list(origins.values())


def problems(
    ledger: Ledger,
    database_events: list[bytes],
    acknowledged: dict[str, str],
    requested: dict[str, str],
    may_be_lost: AbstractSet[str] = frozenset(),
) -> tuple[list[str], list[str]]:
    """(lost, twice) in words: presses, their promises and their tracks' states, not yet the sound.

    The sound of requests in `may_be_lost` may be gone where the bridge was told so.
    """
    presses = ledger.presses()
    tracks = ledger.tracks()
    by_id = {press.id: press for press in presses}
    expected = {button.name: button for button in BUTTONS}
    content = {
        event.id: event.data
        for payload in database_events
        if isinstance((event := decode_event(payload)).data, PressData)
    }
    lost = []
    for request, press in acknowledged.items():
        row = by_id.get(press)
        if row is None:
            lost.append(f"{request}: press {press} was acknowledged and is not there")
            continue
        button = expected[requested[request]]
        data = content[press]
        found = (data.button, str(data.trigger), data.employee, data.rating, data.misuse, data.request_id)
        wanted = (button.name, button.trigger, button.employee, button.rating, False, request)
        if found != wanted:
            lost.append(f"{request}: press {press} says {found}, {wanted} was pressed")
    # Presses that nobody was told about may be there too; then their tracks have to be there as well.
    for press in presses:
        track = tracks.get(press.track or "")
        if press.request_id in may_be_lost and track is not None and track.state == "lost":
            continue
        if press.request_id is not None and (track is None or track.state != "complete" or track.damaged):
            state = "missing" if track is None else track.damaged or track.state
            lost.append(f"{press.request_id}: press {press.id}: its track {press.track} is {state}")
    requests = Counter(press.request_id for press in presses if press.request_id is not None)
    owners = Counter(track.press for track in tracks.values() if not _is_extension(track))
    twice = [f"{key}: {count} times" for key, count in (requests + owners).items() if count > 1]
    return lost, twice


def unkept_extensions(ledger: Ledger, extensions: dict[str, str]) -> list[str]:
    """Tracks that were promised for an extend command (`extensions`: track by command) and are not there."""
    tracks = ledger.tracks()
    found = [
        f"extension {track} for command {command} is {tracks[track].state if track in tracks else 'missing'}"
        for command, track in extensions.items()
        if track not in tracks or tracks[track].state != "complete" or not _is_extension(tracks[track])
    ]
    unasked = {key for key, track in tracks.items() if _is_extension(track)} - set(extensions.values())
    return found + [f"extension {track} was never asked for" for track in unasked]


def journal_problems(folder: Path, ledger: Ledger) -> list[str]:
    """What the box's CSV journal lacks, or has twice, of the presses that the bridge has."""
    lines: Counter[str] = Counter()
    for path in folder.glob("presses-*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines.update(row["id"] for row in csv.DictReader(file, delimiter=";"))
    presses = {press.id for press in ledger.presses()}
    found = [f"press {press} is not in the journal" for press in presses - lines.keys()]
    return found + [f"press {press} is {n} times in the journal" for press, n in lines.items() if n > 1]


def _is_extension(track: StoredTrack) -> bool:
    return track.manifest is not None and track.manifest.extends is not None


def sound_problems(track: StoredTrack, source: Source, origins: list[float]) -> list[str]:
    """What is wrong with a track's sound: foreign samples, or a place that is not the one that the manifest claims."""
    manifest = track.manifest
    if manifest is None:
        return [f"track {track.id} has no manifest"]
    samples = track.samples()
    found = []
    for first, end in stretches(len(samples), [(gap.offset_frames, gap.frames) for gap in manifest.gaps]):
        if end - first < _PROOF_FRAMES:
            continue
        position = source.position(samples[first:end])
        if position is None:
            found.append(f"track {track.id}: frames {first} to {end} are not the source's")
            continue
        shown_ns = manifest.stamp.mono_ns + (first - manifest.press_offset_frames) * 1e9 / manifest.rate_hz
        true_ns = [origin + position * 1e9 / manifest.rate_hz for origin in origins]
        # The file loops: the same sample was at the microphone once in each round.
        round_ns = source.frames * 1e9 / manifest.rate_hz
        off_ms = min(abs((shown_ns - true + round_ns / 2) % round_ns - round_ns / 2) for true in true_ns) / 1e6
        if off_ms > manifest.align_error_ms + _FRAME_MS:
            found.append(
                f"track {track.id}: frames from {first} on are {off_ms:.3f} ms off, {manifest.align_error_ms} claimed"
            )
    return found
