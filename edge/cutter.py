"""Takes the sound of open tracks out of the ring and makes it durable, in its own thread."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path

from edge import pre_roll
from edge.clock import Clock
from edge.codec import can_hold
from edge.config import Tracks
from edge.durable import write_durable
from edge.faultpoint import FaultPoint, no_fault
from edge.outbox_files import MANIFEST, PRE_ROLL
from edge.plan import NS, OpenTrack
from edge.self_test import hushed
from edge.tracks import build
from edge.window import NoSound, Sound, first_part, whole
from edge.wire import TrackData, WireError, sha256
from edge.wire import decode as wire_decode
from edge.wire import encode as wire_encode
from ringbuffer import AudioRing, RingError

_RETRY_NS = 100_000_000
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


class _Kind(IntEnum):
    PRE_ROLL = 0
    FINISH = 1


@dataclass(order=True, slots=True)
class _Job:
    kind: _Kind
    number: int
    track: OpenTrack = field(compare=False)
    due_ns: int = field(compare=False)


class Cutter:
    """Cuts in the order: pre-rolls first, then by age; a job that has to wait for sound holds up no other.

    `open_ring` opens the sound ring or raises `RingError`; it is asked again until it succeeds. Files go to `folder`
    (`Outbox.files.folder`). `emit` is called in the cutter's thread, once for each job, and must not block.
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
        self._open_ring = open_ring
        self._ring: AudioRing | None = None
        self._folder = folder
        self._codec = config.codec
        self._grace_ns = round(config.tail_grace_s * NS)
        self._clock = clock
        self._emit = emit
        self._fault = fault
        self._jobs: list[_Job] = []
        self._numbers = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cutter", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def close(self, timeout_s: float = 30.0) -> None:
        """End after the job in hand; jobs left are open tracks of the outbox, for the next start. Idempotent."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._ring is not None and not self._thread.is_alive():
            self._ring.close()
            self._ring = None

    def save_pre_roll(self, track: OpenTrack) -> None:
        """Make what the ring has of the window's first part durable at once; answers `PreRollSaved`."""
        self._add(_Kind.PRE_ROLL, track)

    def finish(self, track: OpenTrack) -> None:
        """Make the whole window a file, after `tail_grace_s` of what there is; answers `TrackFinished`/`TrackFailed`.

        A file that an earlier process had made whole, but not recorded, is taken as it is.
        """
        self._add(_Kind.FINISH, track)

    def step(self, now_ns: int) -> int | None:
        """Do the first job that is due; returns when the next one is (None: there is no job). Used by the thread."""
        with self._changed:
            job = min((job for job in self._jobs if job.due_ns <= now_ns), default=None)
            if job is not None:
                self._jobs.remove(job)
        if job is not None:
            fact = self._save(job.track) if job.kind is _Kind.PRE_ROLL else self._finish(job.track, now_ns)
            if fact is not None:
                self._emit(fact)
            else:
                job.due_ns = now_ns + _RETRY_NS
                with self._changed:
                    self._jobs.append(job)
        with self._changed:
            return self._next_due_ns()

    def _add(self, kind: _Kind, track: OpenTrack) -> None:
        with self._changed:
            self._numbers += 1
            self._jobs.append(_Job(kind, self._numbers, track, due_ns=0))
            self._changed.notify()

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self.step(self._clock.mono_ns())
                with self._changed:
                    due_ns = self._next_due_ns()
                    wait_s = None if due_ns is None else (due_ns - self._clock.mono_ns()) / NS
                    if not self._closing.is_set() and (wait_s is None or wait_s > 0):
                        self._changed.wait(wait_s)
        except BaseException as error:
            self._emit(CutterDied(error))
            raise

    def _next_due_ns(self) -> int | None:
        return min((job.due_ns for job in self._jobs), default=None)

    def _save(self, track: OpenTrack) -> PreRollSaved:
        name = track.plan.track
        path = self._folder / (name + PRE_ROLL)
        if path.exists():
            return PreRollSaved(name, path, None)
        try:
            saved = first_part(self._opened(), track)
            pre_roll.write(path, saved.head, hushed(track.plan, saved.samples), self._fault)
        except (NoSound, RingError) as error:
            return PreRollSaved(name, None, str(error))
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
            return PreRollSaved(name, None, f"the disk is full: {error}", disk_full=True)
        return PreRollSaved(name, path, None)

    def _finish(self, track: OpenTrack, now_ns: int) -> TrackFinished | TrackFailed | None:
        name = track.plan.track
        if (made := self._made_before(name)) is not None:
            return made
        same_boot = track.stamp.boot_id == self._clock.boot_id
        wait = same_boot and now_ns < track.plan.end_ns + self._grace_ns
        try:
            sound = self._sound(track, wait=wait)
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
            manifest = wire_decode((self._folder / (track + MANIFEST)).read_bytes(), TrackData)
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

    def _sound(self, track: OpenTrack, *, wait: bool) -> Sound | None:
        """The window's sound, None while it is worth waiting for more; raises `NoSound`."""
        saved = self._pre_roll(track.plan.track)
        try:
            ring = self._opened()
            # Looking at the ring makes it the one that is there now; only then its boot counts.
            ring.newest_ns()
            if ring.boot_id == track.stamp.boot_id:
                return whole(ring, track, saved, wait=wait)
        except RingError:
            if not wait and saved is None:
                raise
        return None if wait else whole(None, track, saved, wait=False)

    def _opened(self) -> AudioRing:
        if self._ring is None:
            self._ring = self._open_ring()
        return self._ring
