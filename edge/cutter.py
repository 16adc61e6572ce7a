"""Takes the sound of open tracks out of the ring and makes it durable, in two threads of its own.

Pre-rolls have one for themselves: to encode a finished track takes seconds, and somebody may press in them.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from edge import pre_roll
from edge.clock import Clock
from edge.codec import can_hold
from edge.config import Tracks
from edge.durable import write_durable
from edge.faultpoint import FaultPoint, no_fault
from edge.lane import Lane
from edge.outbox_files import MANIFEST, PRE_ROLL
from edge.outbox_stored import stored
from edge.plan import NS, OpenTrack
from edge.self_test import hushed
from edge.tracks import build
from edge.window import NoSound, Sound, first_part, whole
from edge.wire import TrackData, WireError, sha256
from edge.wire import encode as wire_encode
from ringbuffer import AudioRing, RingError

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreRollSaved:
    """The first part of the window is durable at `path`; None: there is none, `reason` says why.

    `disk_full`: `Outbox.make_room` and `save_pre_roll` again may help.
    """

    track: str
    path: Path | None
    reason: str | None
    disk_full: bool = False


@dataclass(frozen=True, slots=True)
class TrackFinished:
    """The file of the track is durable at `path`: record it with `Outbox.finish_track`."""

    track: str
    path: Path
    manifest: TrackData


@dataclass(frozen=True, slots=True)
class TrackFailed:
    """No file could be made. `disk_full`: `Outbox.make_room` and `finish` again; else `Outbox.lose_track(reason)`."""

    track: str
    reason: str
    disk_full: bool


@dataclass(frozen=True, slots=True)
class CutterDied:
    """The thread has ended by `error`; the box has to end too."""

    error: BaseException


CutterFact = PreRollSaved | TrackFinished | TrackFailed | CutterDied


class Cutter:
    """Each pre-roll as soon as it is asked for; finished tracks by age, none held up by one that waits for its sound.

    `open_ring` opens the sound ring or raises `RingError`; it is asked again until it succeeds. Files go to `folder`
    (`Outbox.files.folder`). `emit` is called in the cutter's threads, once for each job, and must not block.
    """

    def __init__(
        self,
        open_ring: Callable[[], AudioRing],
        folder: Path,
        config: Tracks,
        clock: Clock,
        emit: Callable[[CutterFact], None],
        *,
        fault: FaultPoint = no_fault,
    ) -> None:
        self._folder = folder
        self._codec = config.codec
        self._grace_ns = round(config.tail_grace_s * NS)
        self._clock = clock
        self._fault = fault

        def died(error: BaseException) -> None:
            emit(CutterDied(error))

        # A reader of the ring is of one thread.
        self._rings = (_Ring(open_ring), _Ring(open_ring))
        self._pre_rolls: Lane[CutterFact] = Lane("pre-rolls", clock, emit, died)
        self._tracks: Lane[CutterFact] = Lane("tracks", clock, emit, died)

    def start(self) -> None:
        """Begin to work."""
        self._pre_rolls.start()
        self._tracks.start()

    def close(self, timeout_s: float = 30.0) -> None:
        """End after the jobs in hand; jobs left are open tracks of the outbox, for the next start. Idempotent."""
        for lane in (self._pre_rolls, self._tracks):
            lane.stop()
        for lane, ring in zip((self._pre_rolls, self._tracks), self._rings, strict=True):
            if lane.join(timeout_s):
                ring.close()

    def save_pre_roll(self, track: OpenTrack) -> None:
        """Make what the ring has of the window's first part durable at once; answers `PreRollSaved`."""
        self._pre_rolls.add(track.plan.track, lambda _now_ns: self._save(track, self._rings[0]))

    def finish(self, track: OpenTrack) -> None:
        """Make the whole window a file, after `tail_grace_s` of what there is; answers `TrackFinished`/`TrackFailed`.

        A file that an earlier process had made whole, but not recorded, is taken as it is.
        """
        self._tracks.add(track.plan.track, lambda now_ns: self._finish(track, now_ns, self._rings[1]))

    def step(self, now_ns: int) -> int | None:
        """Do the first job that is due, pre-rolls first; returns when the next one is (None: there is no job).

        What the threads do, for who has none.
        """
        due_ns = self._pre_rolls.next_due_ns()
        (self._tracks if due_ns is None or due_ns > now_ns else self._pre_rolls).step(now_ns)
        dues = (self._pre_rolls.next_due_ns(), self._tracks.next_due_ns())
        return min((due for due in dues if due is not None), default=None)

    def _save(self, track: OpenTrack, ring: _Ring) -> PreRollSaved:
        name = track.plan.track
        path = self._folder / (name + PRE_ROLL)
        if path.exists():
            return PreRollSaved(name, path, None)
        try:
            saved = first_part(ring.opened(), track)
            pre_roll.write(path, saved.head, hushed(track.plan, saved.samples), self._fault)
        except (NoSound, RingError) as error:
            return PreRollSaved(name, None, str(error))
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
            return PreRollSaved(name, None, f"the disk is full: {error}", disk_full=True)
        return PreRollSaved(name, path, None)

    def _finish(self, track: OpenTrack, now_ns: int, ring: _Ring) -> TrackFinished | TrackFailed | None:
        name = track.plan.track
        if self._pre_rolls.holds(name):
            # The track is made of it, and nothing of a finished track may be written after it.
            return None
        if (made := self._made_before(name)) is not None:
            return made
        same_boot = track.stamp.boot_id == self._clock.boot_id
        wait = same_boot and now_ns < track.plan.end_ns + self._grace_ns
        try:
            sound = self._sound(track, ring, wait=wait)
            if sound is None:
                return None
            sound = replace(sound, samples=hushed(track.plan, sound.samples))
            # The ear may still write, or the pre-roll may hold, what an earlier configuration asked for.
            codec = self._codec if can_hold(self._codec, sound.rate_hz) else "flac"
            path = self._folder / f"{name}.{codec}"
            data, manifest = build(track, sound, codec)
            # The manifest goes first: with the sound's own rename the track is whole, also after a power cut.
            write_durable(self._folder / (name + MANIFEST), wire_encode(manifest), "manifest", self._fault)
            write_durable(path, data, "track", self._fault)
        except (NoSound, RingError) as error:
            return TrackFailed(name, str(error), disk_full=False)
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
            return TrackFailed(name, f"the disk is full: {error}", disk_full=True)
        return TrackFinished(name, path, manifest)

    def _made_before(self, track: str) -> TrackFinished | None:
        try:
            manifest: TrackData = stored((self._folder / (track + MANIFEST)).read_bytes(), TrackData)
            path = self._folder / f"{track}.{manifest.codec}"
            return TrackFinished(track, path, manifest) if sha256(path.read_bytes()) == manifest.sha256 else None
        except FileNotFoundError:
            return None
        except (OSError, WireError) as error:
            # The disk has lost it: it is made again from what there still is.
            _log.warning("track %s that was made before can't be read: %s", track, error)
            return None

    def _pre_roll(self, track: str) -> pre_roll.SavedPreRoll | None:
        path = self._folder / (track + PRE_ROLL)
        try:
            return pre_roll.read(path, track) if path.exists() else None
        except pre_roll.PreRollDamaged as error:
            # The ring may still have it all; what is missing in the end is named in the track.
            _log.warning("%s", error)
            return None

    def _sound(self, track: OpenTrack, opener: _Ring, *, wait: bool) -> Sound | None:
        """The window's sound, None while it is worth waiting for more; raises `NoSound`."""
        saved = self._pre_roll(track.plan.track)
        try:
            ring = opener.opened()
            # Looking at the ring makes it the one that is there now; only then its boot counts.
            ring.newest_ns()
            if ring.boot_id == track.stamp.boot_id:
                return whole(ring, track, saved, wait=wait)
        except RingError:
            if not wait and saved is None:
                raise
        return None if wait else whole(None, track, saved, wait=False)


class _Ring:
    """The ring as one thread has it open."""

    def __init__(self, open_ring: Callable[[], AudioRing]) -> None:
        self._open = open_ring
        self._ring: AudioRing | None = None

    def opened(self) -> AudioRing:
        """The ring; raises `RingError` while there is none."""
        if self._ring is None:
            self._ring = self._open()
        return self._ring

    def close(self) -> None:
        """Let it go; idempotent."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None
