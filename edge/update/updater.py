"""Decides about updates, on the main thread: takes offers, sees each through, and says of a new release that it works.

offered → downloading → downloaded → installing → installed → (restart) → booted → good; or failed, or rolled_back.
Each step is durable together with the event that tells it. What the record says and what the machine is after a
restart decide together how it goes on, so that a power cut anywhere only repeats a step.
"""

from __future__ import annotations

import msgspec

from edge.clock import Clock, stamp
from edge.faults import clean
from edge.update.download import Wanted
from edge.update.downloader import DownloadEnded, DownloadFact, DownloadProgress, DownloadWaits
from edge.update.helper import Wish
from edge.update.needs import Fetch, Root, Surroundings
from edge.update.record import Book, Record
from edge.update.release import OTHER_SLOT, Running, order
from edge.update.trial import Senses, Trial
from edge.wire import Reply, Update, UpdateData, UpdateState

_NS = 1_000_000_000
_LOOK_NS = _NS
_ASK_AGAIN_NS = 120 * _NS
_PERCENT_STEP = 10
_NO_ANSWER = "the unit earshot-update does not answer; look at earshot-update.path"
_NEVER_RAN = "the new release never came as far as to say what it lacks"


class Updater:
    """One update at a time, looked at once a second. `tick` must be called at least as often.

    Where there is no room for a step `DiskFull` is raised, nothing has changed, and the next look tries it again.
    """

    def __init__(
        self,
        *,
        book: Book,
        machine: Running,
        root: Root,
        fetch: Fetch,
        surroundings: Surroundings,
        senses: Senses,
        clock: Clock,
        enabled: bool,
    ) -> None:
        self._book = book
        self._machine = machine
        self._root = root
        self._fetch = fetch
        self._surroundings = surroundings
        self._senses = senses
        self._clock = clock
        self._enabled = enabled
        self._trial: Trial | None = None
        self._due_ns = 0
        self._ask_due_ns = 0

    @property
    def record(self) -> Record | None:
        """The update under way, or the last one."""
        return self._book.record

    def state(self) -> dict[str, object]:
        """What runs and how the last update gets on, for the local page; without the address of the bundle."""
        names = ("version", "state", "percent", "reason", "missing")
        record = self._book.record
        last = None if record is None else {name: getattr(record, name) for name in names}
        return {"release": self._machine.release, "slot": self._machine.slot, "last": last}

    def offer(self, command: Update) -> Reply:
        """Take an offer or say why not; told by an event either way. Raises `DiskFull`, then nothing has changed."""
        known = self._book.record
        if known is not None and known.offer == command.id:
            return Reply(id=command.id, ok=True, result={"state": str(known.state)})
        refusal = self._refusal(command)
        is_current = refusal is None and command.version == self._machine.release
        if refusal is None and not is_current:
            if known is not None and not known.ended:
                self._fetch.remove()
                self._tell(known, UpdateState.FAILED, reason=f"release {command.version} was offered instead")
            self._tell(self._new(command), UpdateState.OFFERED)
            return Reply(id=command.id, ok=True, result={"state": str(UpdateState.OFFERED)})
        ended = UpdateState.GOOD if is_current else UpdateState.FAILED
        reason = "it runs already" if is_current else refusal
        # An update that goes on must not be forgotten for one that is not taken.
        self._tell(self._new(command), ended, reason=reason, keep=known is None or known.ended)
        if is_current:
            return Reply(id=command.id, ok=True, result={"state": str(UpdateState.GOOD), "reason": reason})
        return Reply(id=command.id, ok=False, error=refusal)

    def handle(self, fact: DownloadFact) -> None:
        """Take what the download tells; facts of an earlier offer mean nothing any more."""
        record = self._book.record
        if record is None or record.offer != fact.offer or record.state is not UpdateState.DOWNLOADING:
            return
        match fact:
            case DownloadProgress():
                percent = fact.bytes * 100 // record.bytes
                if percent // _PERCENT_STEP > record.percent // _PERCENT_STEP:
                    self._tell(record, UpdateState.DOWNLOADING, percent=percent)
            case DownloadWaits():
                if record.reason != clean(fact.reason):
                    self._tell(record, UpdateState.DOWNLOADING, reason=fact.reason)
            case DownloadEnded(error=None):
                self._tell(record, UpdateState.DOWNLOADED, percent=100)
            case DownloadEnded(error=str(error)):
                self._fail(record, error)

    def tick(self, now_ns: int) -> None:
        """Do what is next, once a second. Raises `DiskFull`, then it is done at the next tick."""
        record = self._book.record
        if now_ns < self._due_ns or record is None or record.ended:
            return
        self._due_ns = now_ns + _LOOK_NS
        match record.state:
            case UpdateState.OFFERED:
                self._tell(record, UpdateState.DOWNLOADING)
            case UpdateState.DOWNLOADING:
                if self._fetch.offer != record.offer:
                    self._fetch.start(record.offer, Wanted(record.url, record.bytes, record.sha256))
                self._fetch.allow(allowed=not self._surroundings.evidence_waits())
            case UpdateState.DOWNLOADED:
                self._fetch.stop()
                self._tell(record, UpdateState.INSTALLING, slot=OTHER_SLOT[record.from_slot])
            case UpdateState.INSTALLING:
                self._install(record, now_ns)
            case UpdateState.INSTALLED:
                self._restart(record, now_ns)
            case UpdateState.BOOTED:
                self._try(record, now_ns)

    def give_room(self, free_bytes: int) -> None:
        """A bundle goes before any sound does: it can be had again. Nothing happens while so much is free."""
        record = self._book.record
        if record is not None and record.state is UpdateState.DOWNLOADING and self._fetch.free_bytes() < free_bytes:
            self._fetch.remove()

    def _refusal(self, command: Update) -> str | None:
        known = self._book.record
        if not self._enabled:
            return "update.enabled is false in the configuration of this box"
        if self._machine.slot is None:
            return "this box was not flashed from an image with two slots; install the release as it was installed"
        if known is not None and known.state in {
            UpdateState.INSTALLING,
            UpdateState.INSTALLED,
            UpdateState.BOOTED,
        }:
            return f"release {known.version} is being installed or tried now; offer again when that is over"
        if command.force:
            return None
        if order(command.version) < order(self._machine.release):
            return f"release {command.version} is older than {self._machine.release}, which runs; force it if meant"
        failure = self._book.failure(command.sha256)
        if failure is not None and command.version != self._machine.release:
            return clean(f"this bundle failed before: {failure}; force it if the reason is gone")
        return None

    def _new(self, command: Update) -> Record:
        return Record(
            offer=command.id,
            version=command.version,
            url=command.url,
            bytes=command.bytes,
            sha256=command.sha256,
            before=self._machine.release,
            from_slot=self._machine.slot or "",
        )

    def _install(self, record: Record, now_ns: int) -> None:
        if self._machine.slot == record.slot:
            # The power went when all was installed and only this record was not.
            self._booted(record)
            return
        status = self._root.status()
        if status is not None and status.done == record.offer:
            if status.error is None:
                self._tell(record, UpdateState.INSTALLED, boot_id=self._clock.boot_id)
            else:
                self._fail(record, f"it can't be installed: {status.error}")
        elif self._root.pending:
            if now_ns >= self._ask_due_ns and record.reason != _NO_ANSWER:
                self._tell(record, UpdateState.INSTALLING, reason=_NO_ANSWER)
        elif status is None or status.busy is None:
            self._ask("install", record, now_ns)

    def _restart(self, record: Record, now_ns: int) -> None:
        if record.boot_id != self._clock.boot_id or self._machine.slot == record.slot:
            self._booted(record)
            return
        obstacle = self._surroundings.unready(now_ns)
        if obstacle is None:
            self._ask("reboot", record, now_ns)
        elif record.reason != clean(obstacle):
            self._tell(record, UpdateState.INSTALLED, reason=obstacle)

    def _booted(self, record: Record) -> None:
        if self._machine.slot == record.slot:
            self._tell(record, UpdateState.BOOTED, missing=_NEVER_RAN)
        else:
            self._went_back(record)

    def _try(self, record: Record, now_ns: int) -> None:
        if self._machine.slot != record.slot:
            self._went_back(record)
            return
        status = self._root.status()
        if status is not None and not status.on_trial:
            self._fetch.remove()
            self._tell(record, UpdateState.GOOD, missing=None)
            return
        if self._trial is None:
            self._trial = Trial(self._senses, release_is_right=record.version == self._machine.release)
        missing = self._trial.missing(now_ns)
        if missing != record.missing:
            self._book.set(msgspec.structs.replace(record, missing=missing))
        if missing is None:
            self._ask("confirm", record, now_ns)

    def _went_back(self, record: Record) -> None:
        reason = record.missing or _NEVER_RAN
        self._book.add_failure(record.sha256, reason)
        self._fetch.remove()
        self._tell(record, UpdateState.ROLLED_BACK, reason=reason)

    def _fail(self, record: Record, reason: str) -> None:
        self._book.add_failure(record.sha256, clean(reason))
        self._fetch.remove()
        self._tell(record, UpdateState.FAILED, reason=reason)

    def _ask(self, wish: Wish, record: Record, now_ns: int) -> None:
        if now_ns < self._ask_due_ns:
            return
        self._ask_due_ns = now_ns + _ASK_AGAIN_NS
        try:
            self._root.ask(wish, record.offer)
        except OSError as error:
            reason = clean(f"the unit earshot-update can't be asked: {error}")
            if reason != record.reason:
                self._tell(record, record.state, reason=reason)

    def _tell(
        self,
        record: Record,
        state: UpdateState,
        *,
        reason: str | None = None,
        keep: bool = True,
        **changes: object,
    ) -> None:
        cleaned = None if reason is None else clean(reason)
        if state is not record.state:
            self._ask_due_ns = 0
        changed = msgspec.structs.replace(record, state=state, reason=cleaned, **changes)
        data = UpdateData(
            offer=changed.offer,
            version=changed.version,
            before=changed.before,
            state=state,
            percent=changed.percent,
            stamp=stamp(self._clock, self._clock.mono_ns()),
            reason=cleaned,
            slot=changed.slot,
        )
        if keep:
            self._book.set(changed, (data, data.stamp.wall_ns))
        else:
            self._book.tell(data, data.stamp.wall_ns)
