"""The pure heart of the box: facts and time in, actions out. It has no clock, no randomness and no I/O of its own."""

from __future__ import annotations

import heapq
from bisect import insort
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from drivers.contract import Edge, Press, Source
from edge.actions import (
    AcceptPress,
    Action,
    BindShift,
    CountBounces,
    FinishTrack,
    Refuse,
    RepeatedPress,
    SessionFact,
    Shift,
)
from edge.config import ButtonConfig, Config
from edge.debounce import Contact
from edge.plan import NS, OpenTrack, PlannedTrack
from edge.self_test import SELF_TEST_BUTTON, SELF_TEST_WINDOW
from edge.wire import Trigger

# The ear appends a period at a time: a cut asked for at the very end of the window would be told to wait.
_MARGIN_NS = 100_000_000
_REQUESTS_KEPT = 4096
_SHIFTS_KEPT = 16


class Session:
    """Decides what facts mean: debounce, misuse, employee, window. Deterministic in facts, their order and `now_ns`.

    `new_id` gives 32 hex digits, one for each press and each track. All times are of this boot's monotonic clock.
    """

    def __init__(self, config: Config, new_id: Callable[[], str]) -> None:
        self._windows = {**config.tracks.windows, Trigger.SELF_TEST: SELF_TEST_WINDOW}
        self._new_id = new_id
        self._buttons = {
            button.name: _Button(button, config.presses.debounce_ms * 1_000_000)
            for button in (*config.buttons, SELF_TEST_BUTTON)
        }
        self._seen = frozenset(config.snapshot.triggers if config.eye.enabled else ())
        self._misuse_presses = config.presses.misuse_presses
        self._misuse_window_ns = round(config.presses.misuse_window_s * NS)
        self._requests: OrderedDict[str, str] = OrderedDict()
        self._deadlines: list[tuple[int, str]] = []

    def handle(self, fact: SessionFact, now_ns: int) -> list[Action]:
        """The actions that follow from one fact. A fact that names an unknown button is refused by an action."""
        button = self._buttons.get(fact.button)
        # Nobody outside of the box can make a press that does not count.
        if button is None or (button.config is SELF_TEST_BUTTON) != (fact.source is Source.SELF_TEST):
            known = ", ".join(name for name in self._buttons if name != SELF_TEST_BUTTON.name) or "none"
            request_id = None if isinstance(fact, Edge) else fact.request_id
            return [Refuse(fact.button, request_id, f"button {fact.button!r} is not configured; there are: {known}")]
        if isinstance(fact, Edge):
            return [
                *self._accept_edges(button, button.contact.edge(fact)),
                *_bounced(button, button.contact.rested(now_ns)),
            ]
        if isinstance(fact, Shift):
            return [button.bind(fact)]
        if fact.request_id is not None and fact.request_id in self._requests:
            return [RepeatedPress(self._requests[fact.request_id], fact.request_id)]
        return [self._accept(button, fact)]

    def tick(self, now_ns: int) -> list[Action]:
        """The actions that are due by the passing of time."""
        actions: list[Action] = []
        for button in self._buttons.values():
            actions += self._accept_edges(button, button.contact.tick(now_ns))
            actions += _bounced(button, button.contact.rested(now_ns))
        while self._deadlines and self._deadlines[0][0] <= now_ns:
            actions.append(FinishTrack(heapq.heappop(self._deadlines)[1]))
        return actions

    def next_deadline_ns(self) -> int | None:
        """When `tick` has something to do next, None: only a fact can bring something."""
        times = [t for b in self._buttons.values() if (t := b.contact.deadline_ns()) is not None]
        times += [deadline for deadline, _ in self._deadlines[:1]]
        return min(times, default=None)

    def resume(self, open_tracks: Iterable[OpenTrack], boot_id: str, shifts: Mapping[str, str | None]) -> list[Action]:
        """Take up what an earlier process of this box left: open tracks and the shifts in force.

        Tracks of another boot than `boot_id` are asked to be finished at once: nothing more of their window will come.
        """
        for name, employee in shifts.items():
            if name in self._buttons:
                self._buttons[name].shifts = [(-1, employee)]
        actions: list[Action] = []
        for track in open_tracks:
            if track.stamp.boot_id == boot_id:
                self.watch(track.plan)
            else:
                actions.append(FinishTrack(track.plan.track))
        return actions

    def forget(self, press: AcceptPress) -> None:
        """The press could not be made durable: it has not been."""
        button = self._buttons[press.button.name]
        button.forget(press)
        if press.request_id is not None:
            self._requests.pop(press.request_id, None)
        if press.track is not None:
            self._deadlines = [entry for entry in self._deadlines if entry[1] != press.track.track]
            heapq.heapify(self._deadlines)

    def unbind(self, shift: BindShift) -> None:
        """The shift could not be made durable: it is not in force."""
        with suppress(ValueError):
            self._buttons[shift.button].shifts.remove((shift.mono_ns, shift.employee))

    def watch(self, plan: PlannedTrack) -> None:
        """Ask for `FinishTrack` at the end of a track that was opened elsewhere (an extension)."""
        heapq.heappush(self._deadlines, (plan.end_ns + _MARGIN_NS, plan.track))

    def _accept_edges(self, button: _Button, edges: list[Edge]) -> list[Action]:
        actions: list[Action] = []
        for edge in edges:
            actions += _bounced(button, button.contact.take_bounces())
            actions.append(self._accept(button, edge))
        return actions

    def _accept(self, button: _Button, fact: Edge | Press) -> AcceptPress:
        press_id = self._new_id()
        misuse = button.hammered(fact.mono_ns, self._misuse_presses, self._misuse_window_ns)
        shared = button.last_plan if misuse else None
        plan = None
        # A series that goes on beyond the window of its track gets another one: its sound is evidence, too.
        if shared is None or not shared.start_ns <= fact.mono_ns < shared.end_ns:
            plan = shared = button.last_plan = self._plan(button.config, press_id, fact)
        request_id = None if isinstance(fact, Edge) else fact.request_id
        if request_id is not None:
            self._requests[request_id] = press_id
            if len(self._requests) > _REQUESTS_KEPT:
                self._requests.popitem(last=False)
        if isinstance(fact, Edge):
            button.last_press = press_id
        return AcceptPress(
            id=press_id,
            button=button.config,
            mono_ns=fact.mono_ns,
            uncertainty_ns=fact.uncertainty_ns,
            source=fact.source,
            simulated=fact.simulated,
            employee=button.employee(fact),
            track_id=None if shared is None else shared.track,
            track=plan,
            misuse=misuse,
            request_id=request_id,
            snapshot_id=self._new_id() if button.config.trigger in self._seen and not misuse else None,
        )

    def _plan(self, button: ButtonConfig, press_id: str, fact: Edge | Press) -> PlannedTrack | None:
        window = self._windows.get(button.trigger)
        if window is None:
            return None
        plan = PlannedTrack(
            track=self._new_id(),
            press=press_id,
            trigger=button.trigger,
            mono_ns=fact.mono_ns,
            uncertainty_ns=fact.uncertainty_ns,
            before_s=window.before_s,
            after_s=window.after_s,
        )
        self.watch(plan)
        return plan


class _Button:
    """What the session knows of one button. `last_press` is the last press of its contact, to which bounces belong."""

    def __init__(self, config: ButtonConfig, debounce_ns: int) -> None:
        self.config = config
        self.contact = Contact(debounce_ns)
        self.last_press: str | None = None
        self.last_plan: PlannedTrack | None = None
        self.shifts: list[tuple[int, str | None]] = []
        self._times: deque[int] = deque()

    def hammered(self, mono_ns: int, presses: int, window_ns: int) -> bool:
        """Whether the press at `mono_ns` makes at least `presses` within `window_ns`, itself counted."""
        insort(self._times, mono_ns)
        count = sum(mono_ns - window_ns <= t <= mono_ns for t in self._times)
        while len(self._times) > presses:
            self._times.popleft()
        return count >= presses

    def forget(self, press: AcceptPress) -> None:
        """Take back what `press` has left here."""
        with suppress(ValueError):
            self._times.remove(press.mono_ns)
        if press.track is not None and self.last_plan is press.track:
            self.last_plan = None
        if self.last_press == press.id:
            self.last_press = None

    def bind(self, shift: Shift) -> BindShift | Refuse:
        """The shift in force from its own stamp on; only for a shared button."""
        if not self.config.shared:
            reason = f"button {self.config.name!r} is not shared; set shared = true to bind it to who is on shift"
            return Refuse(self.config.name, shift.request_id, reason)
        insort(self.shifts, (shift.mono_ns, shift.employee), key=lambda entry: entry[0])
        del self.shifts[:-_SHIFTS_KEPT]
        return BindShift(self.config.name, shift.employee, shift.mono_ns, shift.source, shift.request_id)

    def employee(self, fact: Edge | Press) -> str | None:
        """Who pressed: whose button it is; else whom the source names; else who was on shift at the press's time."""
        if self.config.employee is not None:
            return self.config.employee
        if isinstance(fact, Press) and fact.employee is not None:
            return fact.employee
        return next((who for since, who in reversed(self.shifts) if since <= fact.mono_ns), None)


def _bounced(button: _Button, bounces: int) -> list[Action]:
    # The release of a button that was held when the box started bounces for a press that nobody has seen.
    return [CountBounces(button.last_press, bounces)] if bounces and button.last_press is not None else []
