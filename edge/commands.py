"""Commands from the bridge: ping, identify, press, extend, shift, update. Each gets one reply, also when repeated."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from drivers.contract import Press, Source
from edge.actions import AcceptPress, Action, BindShift, Refuse, RepeatedPress, Shift
from edge.clock import Clock, stamp
from edge.faults import clean
from edge.lamps import Lamps
from edge.outbox import DiskFull, Outbox
from edge.plan import NS, PlannedTrack
from edge.recording import Recorder
from edge.requests import NETWORK_UNCERTAINTY_NS
from edge.wire import (
    Command,
    Extend,
    Id,
    Identify,
    Ping,
    PressCommand,
    Reply,
    ShiftCommand,
    Trigger,
    Update,
    WireError,
    decode,
)


class _Identified(msgspec.Struct):
    id: Id


@dataclass(frozen=True, slots=True)
class Reach:
    """What the ring can still give: sound from `oldest_ns` on (None: there is none), `longest_s` of it at most."""

    oldest_ns: int | None
    longest_s: float


class Commands:
    """Answers commands. `reach()` looks at the ring, `offer()` takes an update or says why not.

    `send(reply)` gives the answers that have to wait, those to presses: until the sound before them is durable, too.
    """

    def __init__(
        self,
        *,
        recorder: Recorder,
        outbox: Outbox,
        lamps: Lamps,
        clock: Clock,
        reach: Callable[[], Reach],
        offer: Callable[[Update], Reply],
        send: Callable[[Reply], None],
    ) -> None:
        self._recorder = recorder
        self._outbox = outbox
        self._lamps = lamps
        self._clock = clock
        self._reach = reach
        self._offer = offer
        self._send = send

    def answer(self, payload: bytes, now_ns: int) -> Reply | None:
        """The reply to a command as it came; None where it will be sent later.

        A malformed command whose id can be read gets the reason; raises `WireError` for any other.
        """
        try:
            command: Command = decode(payload, Command)
        except WireError as error:
            return Reply(id=_readable_id(payload, error), ok=False, error=clean(str(error)))
        known = self._outbox.reply_of(command.id)
        if known is not None:
            return known
        try:
            return self._obey(command, now_ns)
        except DiskFull as error:
            return Reply(id=command.id, ok=False, error=clean(str(error)))

    def _obey(self, command: Command, now_ns: int) -> Reply | None:
        match command:
            case Ping():
                at = stamp(self._clock, now_ns)
                return Reply(id=command.id, ok=True, result={"stamp": msgspec.to_builtins(at)})
            case Identify():
                self._lamps.identify(command.seconds, now_ns)
                return Reply(id=command.id, ok=True)
            case PressCommand():
                self._press(command, now_ns)
                return None
            case Extend():
                return self._extend(command)
            case ShiftCommand():
                return self._shift(command, now_ns)
            case Update():
                return self._remember(self._offer(command))

    def _press(self, command: PressCommand, now_ns: int) -> None:
        fact = Press(
            button=command.button,
            mono_ns=now_ns,
            uncertainty_ns=NETWORK_UNCERTAINTY_NS,
            source=Source.MQTT,
            simulated=False,
            employee=command.employee,
            request_id=command.id,
        )
        actions = self._recorder.take(fact, now_ns)
        reply = _reply(command.id, actions)
        made = next((one.id for one in actions if isinstance(one, AcceptPress | RepeatedPress)), "")
        self._recorder.when_safe(made, lambda: self._send(self._remember(reply)))

    def _shift(self, command: ShiftCommand, now_ns: int) -> Reply:
        fact = Shift(command.button, command.employee, now_ns, Source.MQTT, command.id)
        actions = self._recorder.take(fact, now_ns)
        for action in actions:
            if isinstance(action, BindShift):
                reply = Reply(id=command.id, ok=True, result={"button": action.button, "employee": action.employee})
                self._recorder.bind(action, reply)
                return reply
        return self._remember(_reply(command.id, actions))

    def _extend(self, command: Extend) -> Reply:
        known = self._outbox.track(command.track)
        if known is None:
            return self._refuse(command.id, f"track {command.track} is not among the last thousand of this box")
        if known.stamp.boot_id != self._clock.boot_id:
            return self._refuse(
                command.id, f"track {command.track} was made before the box restarted: no sound is left"
            )
        plan = PlannedTrack(
            track=hashlib.sha256(f"extend {command.id}".encode()).hexdigest()[:32],
            press=known.plan.press,
            trigger=Trigger.EXTENSION,
            mono_ns=known.plan.mono_ns,
            uncertainty_ns=known.plan.uncertainty_ns,
            before_s=known.plan.before_s + command.before_s,
            after_s=known.plan.after_s + command.after_s,
            extends=command.track,
        )
        reach = self._reach()
        oldest_ns = reach.oldest_ns
        if oldest_ns is None:
            return self._refuse(command.id, "the ring holds no sound; look at the ear")
        if plan.end_ns <= oldest_ns:
            return self._refuse(command.id, "the ring holds nothing of this window any more")
        # What was missing before the track already is no reason to refuse more after it.
        if command.before_s > 0 and plan.start_ns < oldest_ns:
            left_s = (known.plan.mono_ns - oldest_ns) / NS - known.plan.before_s
            remedy = f"ask for at most {math.floor(left_s)} s" if left_s >= 1 else "nothing before it is left"
            return self._refuse(command.id, f"before_s = {command.before_s:g} is more than the ring holds; {remedy}")
        if plan.before_s + plan.after_s > reach.longest_s:
            left_s = max(0.0, reach.longest_s - known.plan.before_s - known.plan.after_s)
            return self._refuse(
                command.id, f"a track holds {reach.longest_s:.0f} s; ask for at most {math.floor(left_s)} s more"
            )
        reply = Reply(id=command.id, ok=True, result={"track": plan.track})
        self._recorder.extend(plan, known.stamp, reply)
        return reply

    def _refuse(self, command_id: str, reason: str) -> Reply:
        return self._remember(Reply(id=command_id, ok=False, error=reason))

    def _remember(self, reply: Reply) -> Reply:
        # Unremembered on a full disk: a press is known by its request, everything else can be asked for again.
        with suppress(DiskFull):
            self._outbox.remember_reply(reply)
        return reply


def _reply(command_id: str, actions: list[Action]) -> Reply:
    for action in actions:
        match action:
            case AcceptPress() | RepeatedPress():
                return Reply(id=command_id, ok=True, result={"press": action.id})
            case Refuse():
                return Reply(id=command_id, ok=False, error=clean(action.reason))
            case _:
                continue
    raise AssertionError(f"the session answered a request with {actions}")


def _readable_id(payload: bytes, error: WireError) -> str:
    try:
        return msgspec.json.decode(payload, type=_Identified).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise error from None
