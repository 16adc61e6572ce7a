"""Does what the session decides: presses and tracks into the outbox, work to the cutter, the person told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from drivers.contract import Press
from edge.actions import (
    AcceptPress,
    Action,
    BindShift,
    CountBounces,
    FinishTrack,
    Refuse,
    RepeatedPress,
    SessionFact,
)
from edge.clock import Clock, stamp
from edge.cutter import PreRollSaved, TrackFailed, TrackFinished
from edge.faults import FaultBook, clean
from edge.journal_keeper import JournalKeeper, PressBook
from edge.logs import about
from edge.outbox import DiskFull, Outbox, TrackState
from edge.plan import OpenTrack, PlannedTrack
from edge.self_test import SELF_TEST_BUTTON
from edge.session import Session
from edge.snapshot_plan import OpenSnapshot
from edge.wire import PressData, Reply, SelfTestData, ShiftData, Stamp

_RETRY_NS = 10_000_000_000
# For a track that did not fit; a quarter of an hour of mono FLAC, far above any window.
_TRACK_ROOM_BYTES = 16 * 1024 * 1024
# A crash can only have kept the last press out of the journal; a full disk more of them.
_RESTORED = 1000
_log = logging.getLogger("earshot.recording")


class TrackWork(Protocol):
    """What is needed of the cutter: both return at once, the outcome comes as a fact."""

    def save_pre_roll(self, track: OpenTrack) -> None:
        """Save what the ring has of the window now."""
        ...

    def finish(self, track: OpenTrack) -> None:
        """Make the file of a track whose window is over."""
        ...


class Recorder:
    """The durable side of the session. `acknowledge(button)` is called once a press and the sound before it are safe.

    `refuse(button)` is called for a press that could not be made durable though all sound was dropped for it that may
    be, `snapshot(plan)` for one that gets a snapshot, once it is durable. Only `bind` and `extend` raise `DiskFull`;
    everything else then waits for room.
    """

    def __init__(
        self,
        *,
        session: Session,
        outbox: Outbox,
        cutter: TrackWork,
        journal: PressBook,
        faults: FaultBook,
        clock: Clock,
        acknowledge: Callable[[str], None],
        track_done: Callable[[str], None],
        disk_reserve_bytes: int,
        refuse: Callable[[str], None] = lambda _button: None,
        snapshot: Callable[[OpenSnapshot], None] = lambda _plan: None,
    ) -> None:
        self._session = session
        self._outbox = outbox
        self._cutter = cutter
        self.journal = JournalKeeper(journal, faults, self._recent_presses)
        self._faults = faults
        self._clock = clock
        self._acknowledge = acknowledge
        self._refuse = refuse
        self._snapshot = snapshot
        self._track_done = track_done
        self._disk_reserve_bytes = disk_reserve_bytes
        # By track: the presses that wait for its pre-roll, and who is to be told then.
        self._waiting_presses: dict[str, set[str]] = {}
        self._to_tell: dict[str, list[Callable[[], None]]] = {}
        self._retries: dict[str, int] = {}

    def resume(self) -> int:
        """Take up what an earlier process left: journal lines, open tracks; returns how many of these."""
        self.journal.catch_up()
        tracks = self._outbox.open_tracks()
        for track in tracks:
            if track.pre_roll is None and track.stamp.boot_id == self._clock.boot_id:
                self._cutter.save_pre_roll(track)
        self.act(self._session.resume(tracks, self._clock.boot_id, self._outbox.shifts()))
        return len(tracks)

    def take(self, fact: SessionFact, now_ns: int) -> list[Action]:
        """Decide on a fact and make the decision durable; returns what was done, repeated requests recognised."""
        if isinstance(fact, Press) and fact.request_id is not None:
            press_id = self._outbox.press_of_request(fact.request_id)
            if press_id is not None:
                return [RepeatedPress(press_id, fact.request_id)]
        return self.act(self._session.handle(fact, now_ns))

    def tick(self, now_ns: int) -> None:
        """Do what the passing of time asks for."""
        self.act(self._session.tick(now_ns))
        for track in [track for track, due_ns in self._retries.items() if due_ns <= now_ns]:
            del self._retries[track]
            self._finish(track)

    def next_deadline_ns(self) -> int | None:
        """When `tick` has something to do."""
        deadlines = [*self._retries.values()]
        if (deadline := self._session.next_deadline_ns()) is not None:
            deadlines.append(deadline)
        return min(deadlines, default=None)

    def act(self, actions: Iterable[Action]) -> list[Action]:
        """Make the session's actions durable, in order; returns them, a press that found no room as `Refuse`."""
        return [self._do(action) for action in actions]

    def when_safe(self, press: str, tell: Callable[[], None]) -> None:
        """Call `tell` once the sound before an accepted press is durable too, or known to be missing; perhaps now."""
        for track, presses in self._waiting_presses.items():
            if press in presses:
                self._to_tell[track].append(tell)
                return
        tell()

    def bind(self, shift: BindShift, reply: Reply | None) -> None:
        """Make a shift durable, with the reply to the command that asked for it, if one did."""
        at = stamp(self._clock, shift.mono_ns)
        data = ShiftData(button=shift.button, employee=shift.employee, stamp=at, source=shift.source)
        try:
            self._outbox.set_shift(data, reply)
        except DiskFull:
            self._session.unbind(shift)
            raise

    def extend(self, plan: PlannedTrack, press_stamp: Stamp, reply: Reply) -> None:
        """Promise a further track for a known press, durable with the reply, and begin to save it."""
        self._outbox.add_track(plan, press_stamp, reply)
        self._cutter.save_pre_roll(OpenTrack(plan, press_stamp))
        self._session.watch(plan)

    def pre_roll_saved(self, fact: PreRollSaved) -> None:
        """The sound before a press is durable, or it is known that there is none: the person may be told."""
        if fact.disk_full and self.make_room_for_track():
            known = self._outbox.track(fact.track)
            if known is not None and known.state is TrackState.OPEN:
                self._cutter.save_pre_roll(OpenTrack(known.plan, known.stamp))
                return
        if fact.path is None:
            self._faults.moment("pre_roll_missing", fact.track, fact.reason or "unknown reason")
        self._tell_person(fact.track)

    def track_finished(self, fact: TrackFinished) -> None:
        """The file is durable; now the outbox takes it over."""
        self._end(fact.track, lambda: self._outbox.finish_track(fact.path, fact.manifest, self._clock.wall_ns()))

    def track_failed(self, fact: TrackFailed, now_ns: int) -> None:
        """Without a file: make room and try again where that is the reason, else say that the track is lost."""
        if not fact.disk_full:
            self._end(
                fact.track, lambda: self._outbox.lose_track(fact.track, clean(fact.reason), self._clock.wall_ns())
            )
            return
        dropped = self.make_room_for_track()
        self._retries[fact.track] = now_ns if dropped else now_ns + _RETRY_NS

    def make_room_for_track(self) -> bool:
        """Drop what may go until there is room for one more file; returns whether anything was dropped."""
        return self.make_room(self._disk_reserve_bytes + _TRACK_ROOM_BYTES)

    def make_room(self, free_bytes: int) -> bool:
        """Drop the oldest undelivered sound until so much is free; returns whether anything was dropped."""
        room = self._outbox.make_room(free_bytes, self._clock.wall_ns())
        for track in room.dropped:
            self._track_done(track)
        return bool(room.dropped)

    def _durably(self, write: Callable[[], object]) -> None:
        # A press is worth more than any sound: on a full disk the oldest undelivered sound goes for it.
        try:
            write()
        except DiskFull:
            self.make_room_for_track()
            write()

    def _do(self, action: Action) -> Action:
        match action:
            case AcceptPress():
                return self._record_press(action)
            case CountBounces():
                # How often a contact bounced is worth a line, and no trouble where there is no room for it.
                with suppress(DiskFull):
                    self._outbox.count_bounces(action.id, action.bounces)
            case FinishTrack():
                self._finish(action.track)
            case BindShift() | RepeatedPress() | Refuse():
                # A shift is recorded together with the reply to who asked for it; the others change nothing.
                pass
        return action

    def _end(self, track: str, write: Callable[[], object]) -> None:
        try:
            self._durably(write)
        except DiskFull:
            # The cutter keeps what it has made: asked again, it says the same again.
            self._retries[track] = self._clock.mono_ns() + _RETRY_NS
            return
        self._tell_person(track)
        self._track_done(track)
        known = self._outbox.track(track)
        if known is not None:
            _log.info("track %s is %s", track, known.state, extra=about(press=known.plan.press, track=track))

    def _record_press(self, press: AcceptPress) -> AcceptPress | Refuse:
        at = stamp(self._clock, press.mono_ns)
        if press.button is SELF_TEST_BUTTON:
            return self._record_self_test(press, at)
        data = PressData(
            button=press.button.name,
            trigger=press.button.trigger,
            stamp=at,
            stamp_uncertainty_ms=press.uncertainty_ns / 1e6,
            source=press.source,
            simulated=press.simulated,
            rating=press.button.rating,
            employee=press.employee,
            track=press.track_id,
            misuse=press.misuse,
            request_id=press.request_id,
            snapshot=press.snapshot_id,
        )
        try:
            self._durably(lambda: self._outbox.record_press(press.id, data, press.track))
        except DiskFull as error:
            self._session.forget(press)
            self._refuse(press.button.name)
            return Refuse(press.button.name, press.request_id, f"the press is not kept: {error}", is_temporary=True)
        if press.track is not None:
            self._waiting_presses[press.track.track] = set()
            self._to_tell[press.track.track] = []
        if press.track_id in self._waiting_presses:
            self._waiting_presses[press.track_id].add(press.id)
        if press.track is not None:
            self._cutter.save_pre_roll(OpenTrack(press.track, at))
        self.when_safe(press.id, lambda: self._acknowledge(press.button.name))
        if press.snapshot_id is not None:
            self._snapshot(OpenSnapshot(press.snapshot_id, press.id, at, press.button.name, press.simulated))
        self.journal.append(press.id, data)
        _log.info("press %s of %s", press.id, press.button.name, extra=about(press=press.id, track=press.track_id))
        return press

    def _record_self_test(self, press: AcceptPress, at: Stamp) -> AcceptPress | Refuse:
        # Told to nobody at the counter and written into no journal: nobody has pressed.
        if press.track is None:
            return Refuse(press.button.name, press.request_id, "the last self-test goes on", is_temporary=True)
        data = SelfTestData(test=press.id, track=press.track.track, reason=press.request_id or "", stamp=at)
        try:
            self._outbox.record_self_test(data, press.track)
        except DiskFull as error:
            self._session.forget(press)
            return Refuse(press.button.name, press.request_id, f"no self-test: {error}", is_temporary=True)
        self._cutter.save_pre_roll(OpenTrack(press.track, at))
        return press

    def _recent_presses(self) -> list[tuple[str, PressData]]:
        return [(known.id, known.data) for known in reversed(self._outbox.recent_presses(_RESTORED))]

    def _tell_person(self, track: str) -> None:
        self._waiting_presses.pop(track, None)
        for tell in self._to_tell.pop(track, ()):
            tell()

    def _finish(self, track: str) -> None:
        known = self._outbox.track(track)
        if known is not None and known.state is TrackState.OPEN:
            self._cutter.finish(OpenTrack(known.plan, known.stamp, self._outbox.files.pre_roll(track)))
