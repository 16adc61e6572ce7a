"""The dispatcher of the box: one fact after the other to the part that decides about it, all on the main thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

import msgspec

from drivers.contract import DeviceState, Edge, Press
from edge.actions import AcceptPress, BindShift, Refuse, RepeatedPress
from edge.clock import Clock, stamp
from edge.config import Config
from edge.contacts import Contacts
from edge.cutter import CutterDied, CutterFact, PreRollSaved, TrackFailed, TrackFinished
from edge.display import Display
from edge.eyewatch import EyeWatch
from edge.faults import FaultBook
from edge.health import HealthReport
from edge.lamps import Lamps
from edge.link import Link
from edge.mailbox import RimDied
from edge.outbox import DiskFull, Outbox
from edge.recording import Recorder
from edge.requests import DisplayRequest, Done, PressRequest, Refused, Request, ShiftRequest, StateRequest
from edge.ringwatch import RingWatch
from edge.snapshot_keeper import SnapshotKeeper
from edge.snapshot_maker import SnapshotBegun, SnapshotFact, SnapshotMade, SnapshotUnwritten
from edge.timerepair import TimeRepair
from edge.update.downloader import DownloadEnded, DownloaderDied, DownloadFact, DownloadProgress, DownloadWaits
from edge.update.updater import Updater
from edge.uplink import Connected, Disconnected, Message, Published, UplinkFact
from edge.wire import BootData

BoxFact = Edge | Press | DeviceState | CutterFact | SnapshotFact | UplinkFact | DownloadFact | DownloaderDied | Request

_NS = 1_000_000_000
_LOOK_NS = _NS
_ROOM_NS = 30 * _NS
_RECENT = 20
_FULL = "the disk is full: sound is dropped for presses, and presses are refused when even that does not help"

_Answer = TypeVar("_Answer")


class Box:
    """All parts of the box, wired. `handle` and `tick` may raise what ends the process: nothing is swallowed here."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock,
        outbox: Outbox,
        recorder: Recorder,
        snapshots: SnapshotKeeper,
        display: Display,
        link: Link,
        lamps: Lamps,
        faults: FaultBook,
        ringwatch: RingWatch,
        eyewatch: EyeWatch,
        time_repair: TimeRepair,
        health: HealthReport,
        devices: dict[str, bool],
        updater: Updater,
    ) -> None:
        self._config = config
        self._clock = clock
        self._outbox = outbox
        self._recorder = recorder
        self._snapshots = snapshots
        self._display = display
        self._link = link
        self._lamps = lamps
        self._faults = faults
        self._ringwatch = ringwatch
        self._eyewatch = eyewatch
        self._time_repair = time_repair
        self._health = health
        self._devices = devices
        self._updater = updater
        self._look_due_ns = 0
        self._room_due_ns = 0
        self._health_due_ns = 0
        self._boot: BootData | None = None
        self._contacts = Contacts([button.name for button in config.buttons])

    def start(self, *, version: str, config_sha256: str, session: int) -> None:
        """Take up what an earlier process left, and say that a new one has started."""
        self._recorder.make_room(self._config.tracks.disk_reserve_bytes)
        open_tracks = self._recorder.resume()
        self._snapshots.resume()
        at = stamp(self._clock, self._clock.mono_ns())
        self._boot = BootData(
            stamp=at, version=version, config_sha256=config_sha256, session=session, open_tracks=open_tracks
        )
        self._when_room(self._tell_boot, at.mono_ns)

    def handle(self, fact: BoxFact, now_ns: int) -> None:
        """Take one fact. Where there is no room for what it changes, nothing has happened: who sent it sends again."""
        self._when_room(lambda: self._take(fact, now_ns), now_ns)

    def _take(self, fact: BoxFact, now_ns: int) -> None:
        match fact:
            case Edge() | Press():
                self._contacts.note(fact)
                self._recorder.take(fact, now_ns)
            case DeviceState():
                self._device(fact)
            case PressRequest() | ShiftRequest() | StateRequest() | DisplayRequest():
                self._request(fact, now_ns)
            case PreRollSaved():
                self._recorder.pre_roll_saved(fact)
            case TrackFinished():
                self._recorder.track_finished(fact)
            case TrackFailed():
                self._recorder.track_failed(fact, now_ns)
            case SnapshotBegun() | SnapshotMade() | SnapshotUnwritten():
                self._snapshots.take(fact, now_ns)
            case CutterDied():
                raise RimDied(f"the cutter ended by {fact.error!r}") from fact.error
            case DownloadProgress() | DownloadWaits() | DownloadEnded():
                self._updater.handle(fact)
            case DownloaderDied():
                raise RimDied(f"the download of an update ended by {fact.error!r}") from fact.error
            case Connected() | Disconnected() | Published() | Message():
                self._link.handle(fact, now_ns)
                if isinstance(fact, Connected):
                    self._health_due_ns = now_ns

    def tick(self, now_ns: int) -> None:
        """Do what time asks for; to be called after every fact and at `next_deadline_ns`."""
        self._recorder.tick(now_ns)
        self._snapshots.tick(now_ns)
        self._lamps.tick(now_ns)
        if now_ns >= self._look_due_ns:
            self._look_due_ns = now_ns + _LOOK_NS
            self._when_room(self._tell_boot, now_ns)
            self._when_room(self._time_repair.tick, now_ns)
            self._when_room(lambda: self._ringwatch.tick(now_ns), now_ns)
            self._when_room(lambda: self._eyewatch.tick(now_ns), now_ns)
            self._when_room(lambda: self._updater.tick(now_ns), now_ns)
            full = not self._outbox.has_ballast
            self._faults.set("disk_full", "outbox", active=full, detail=_FULL if full else "there is room again")
            if full:
                self._room_due_ns = min(self._room_due_ns, now_ns)
            self._faults.write()
            self._lamps.base(fault=bool(self._faults.active))
        if now_ns >= self._room_due_ns:
            self._room_due_ns = now_ns + _ROOM_NS
            self._updater.give_room(self._config.tracks.disk_reserve_bytes)
            self._recorder.make_room(self._config.tracks.disk_reserve_bytes)
            self._recorder.journal.catch_up()
        if self._link.connected and now_ns >= self._health_due_ns:
            self._health_due_ns = now_ns + round(max(self._config.uplink.health_period_s, 1.0) * _NS)
            self._link.send("health", self._health.take(now_ns), retain=True)
        self._link.pump(now_ns)

    def next_deadline_ns(self) -> int:
        """When `tick` has something to do at the latest."""
        parts = (self._recorder, self._snapshots, self._lamps, self._link)
        deadlines = [deadline for part in parts if (deadline := part.next_deadline_ns()) is not None]
        return min([*deadlines, self._look_due_ns])

    def _when_room(self, work: Callable[[], object], now_ns: int) -> None:
        """Do `work`; where the disk is full it is left, and room is made soon."""
        try:
            work()
        except DiskFull:
            self._room_due_ns = min(self._room_due_ns, now_ns + _LOOK_NS)

    def _tell_boot(self) -> None:
        if self._boot is not None:
            self._outbox.add_event(self._boot, self._boot.stamp.wall_ns)
            self._boot = None

    def _device(self, fact: DeviceState) -> None:
        self._devices[fact.device] = fact.present
        self._faults.set("device_lost", fact.device, active=not fact.present, detail=fact.detail)

    def _request(self, request: Request, now_ns: int) -> None:
        match request:
            case PressRequest():
                self._press(request.fact, request.answer, now_ns)
            case ShiftRequest():
                answer: Refused | None = None
                for action in self._recorder.take(request.fact, now_ns):
                    if isinstance(action, BindShift):
                        answer = self._bind(action)
                    elif isinstance(action, Refuse):
                        answer = Refused(action.reason)
                _give(request.answer, answer)
            case StateRequest():
                _give(request.answer, self._state(now_ns))
            case DisplayRequest():
                _give(request.answer, self._display.state(now_ns))

    def _bind(self, shift: BindShift) -> Refused | None:
        try:
            self._recorder.bind(shift, None)
        except DiskFull as error:
            return Refused(f"the shift is not kept: {error}", is_temporary=True)
        return None

    def _press(self, fact: Press, answer: Future[Done | Refused], now_ns: int) -> None:
        for action in self._recorder.take(fact, now_ns):
            match action:
                case AcceptPress() | RepeatedPress():
                    done = Done(action.id, repeated=isinstance(action, RepeatedPress))
                    # The page tells a person, as the lamp does.
                    self._recorder.when_safe(action.id, partial(_give, answer, done))
                    return
                case Refuse():
                    _give(answer, Refused(action.reason, action.is_temporary))
                    return
                case _:
                    continue
        _give(answer, Refused("the press was not taken"))

    def _state(self, now_ns: int) -> dict[str, Any]:
        presses = []
        recent = self._outbox.recent_presses(_RECENT)
        snapshots = self._outbox.snapshots.known([k.data.snapshot for k in recent if k.data.snapshot is not None])
        for known in recent:
            snapshot = snapshots.get(known.data.snapshot or "")
            track = None if known.data.track is None else self._outbox.track(known.data.track)
            presses.append(
                {
                    "id": known.id,
                    "button": known.data.button,
                    "trigger": known.data.trigger,
                    "employee": known.data.employee,
                    "wall_ns": known.data.stamp.wall_ns,
                    "synced": known.data.stamp.synced,
                    "misuse": known.data.misuse,
                    "bounces": known.bounces,
                    "simulated": known.data.simulated,
                    "delivered": known.delivered,
                    "track": known.data.track,
                    "track_state": None if track is None else track.state,
                    "snapshot": known.data.snapshot,
                    "snapshot_made": None if snapshot is None else snapshot.made,
                    "smile": None if snapshot is None else snapshot.probability,
                }
            )
        receipt_ns = self._link.last_receipt_ns
        return {
            "site": self._config.box.site,
            "box": self._config.box.name,
            "place": self._config.box.place,
            "connected": self._link.connected,
            "bridge_online": self._link.bridge_online,
            "last_failure": self._link.last_failure,
            "last_receipt_s": None if receipt_ns is None else (now_ns - receipt_ns) / 1e9,
            "has_camera": self._config.eye.enabled,
            "contacts": self._contacts.state(now_ns),
            "shifts": self._outbox.shifts(),
            "presses": presses,
            "update": self._updater.state(),
            "health": msgspec.to_builtins(self._health.take(now_ns)),
        }


def _give(answer: Future[_Answer], value: _Answer) -> None:
    # Who asked may have given up meanwhile.
    if answer.set_running_or_notify_cancel():
        answer.set_result(value)
