"""Aims at every fault point by its name, one after the other, each in the situation that leads to it."""

import itertools
import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPException

import msgspec
from broker import BRIDGE_USER, Listener
from torture_killer import CRASHES_MAX, POLL_S, REACH_S, VARIABLE, Report
from torture_presses import PressStream

import cloud_bridge.faultpoint
import edge.faultpoint
from demo.chain import BOX, BUTTONS, SITE, Chain
from demo.http import RefusedError
from demo.ledger import Ledger
from demo.processes import Child
from edge.wire import topic

RESERVE_BYTES = 64 * 1024 * 1024
_NO_DISK_HAS_BYTES = 2**62
_POKE_S = 1.0
_TIMEOUT_S = 60.0
_BUTTON = BUTTONS[0]

Poke = Callable[[], None]
Situation = AbstractContextManager[Poke]


class EveryPoint:
    """One strike at each name, under the presses of `stream`. Main thread only; `silence_s` is the window's first part.

    `may_be_lost`: requests whose sound a situation took away; their tracks are complete or told as lost. `extensions`:
    track by command id, as the box answered.
    """

    def __init__(self, chain: Chain, stream: PressStream, silence_s: float) -> None:
        self.report = Report()
        self.may_be_lost: set[str] = set()
        self.extensions: dict[str, str] = {}
        self._chain = chain
        self._stream = stream
        self._silence_s = silence_s
        self._ledger = Ledger(chain.database, chain.blobs)
        self._numbers = itertools.count(1)

    def strike_all(self) -> Report:
        """Strike; all processes run without a fault point in the end."""
        parts = ((self._chain.box, edge.faultpoint.NAMES), (self._chain.bridge, cloud_bridge.faultpoint.NAMES))
        for child, points in parts:
            for point in points:
                if len(self.report.crashed) < CRASHES_MAX:
                    self._strike(child, point)
            self._clean(child)
        return self.report

    def _strike(self, child: Child, point: str) -> None:
        with self._situation(child, point) as poke:
            child.start({VARIABLE: f"{point}:1"})
            begin_s = poke_s = time.monotonic()
            while child.running() and time.monotonic() < begin_s + REACH_S:
                if time.monotonic() >= poke_s:
                    poke_s += _POKE_S
                    poke()
                time.sleep(POLL_S)
            if child.running():
                self.report.unreached.add(point)
            elif child.returncode == -signal.SIGKILL:
                self.report.kills[child.name] += 1
                self.report.reached.add(point)
            else:
                self.report.crashed.append(f"{child.name} ended with {child.returncode}:\n{child.log_tail()}")

    def _situation(self, child: Child, point: str) -> Situation:
        """Entered with the processes as they are; `child` is dead inside, and its next start leads to `point`."""
        match point.split("."):
            case ["outbox", "track", _]:
                return self._extending()
            case ["outbox", "lose", _]:
                return self._deaf()
            case ["outbox", "room", _]:
                return self._full()
            case ["journal", step] if "append" not in step:
                return self._without_journal()
            case _:
                return self._pressed(child)

    @contextmanager
    def _pressed(self, child: Child) -> Iterator[Poke]:
        """Presses and shifts come as ever."""
        self._kill(child)
        yield lambda: None

    @contextmanager
    def _without_journal(self) -> Iterator[Poke]:
        """The journal is gone, as with a new month or a person who moved it away: it is written anew."""
        self._kill(self._chain.box)
        for path in self._chain.journal.glob("*.csv"):
            path.unlink()
        yield lambda: None

    @contextmanager
    def _extending(self) -> Iterator[Poke]:
        """The bridge asks for more of a track, and asks on until it is answered."""
        self._clean(self._chain.box)
        self._wait(lambda: self._extendable() is not None, "a track is complete")
        command = f"{next(self._numbers):032x}"
        content = {"command": "extend", "id": command, "track": self._extendable(), "before_s": 0.2}
        with Listener(self._chain.broker, BRIDGE_USER, (topic(SITE, BOX, "reply"),)) as bridge:

            def ask() -> None:
                bridge.publish(topic(SITE, BOX, "command"), json.dumps(content).encode())

            def reply() -> str | None:
                for message in bridge.messages:
                    answer = msgspec.json.decode(message.payload)
                    if answer["id"] == command:
                        return str(answer["result"]["track"])
                return None

            self._kill(self._chain.box)
            yield ask
            self._clean(self._chain.box)
            ask_s = 0.0
            deadline_s = time.monotonic() + _TIMEOUT_S
            while (track := reply()) is None and time.monotonic() < deadline_s:
                if time.monotonic() >= ask_s:
                    ask_s = time.monotonic() + _POKE_S
                    ask()
                time.sleep(POLL_S)
            if track is None:
                raise TimeoutError(f"the box did not answer the extend command {command}")
            self.extensions[command] = track

    @contextmanager
    def _deaf(self) -> Iterator[Poke]:
        """A press in whose window the microphone is dead."""
        self._clean(self._chain.box)
        with self._stream.held():
            self._kill(self._chain.ear)
            silent_s = time.monotonic() + self._silence_s + 0.5
            self._wait(lambda: time.monotonic() >= silent_s, "no sound is left of the time before the press")
            self._press("deaf")
            self._kill(self._chain.box)
            yield lambda: None
            self._chain.ear.start()
            self._clean(self._chain.box)

    @contextmanager
    def _full(self) -> Iterator[Poke]:
        """Undelivered sound on a disk that has too little room."""
        config = self._chain.box_config
        content = config.read_text("utf-8")
        scarce = content.replace(f"disk_reserve_bytes = {RESERVE_BYTES}", f"disk_reserve_bytes = {_NO_DISK_HAS_BYTES}")
        assert scarce != content
        self._clean(self._chain.box)
        with self._stream.held():
            self._wait(lambda: nothing_waits(self._chain) and not self._open(), "all is delivered")
            self._kill(self._chain.bridge)
            self._wait(lambda: not self._chain.state()["bridge_online"], "the box knows that no bridge is there")
            press = self._press("full")
            self._wait(lambda: press in self._pressed_with("finished"), "the track is finished")
            self._kill(self._chain.box)
            config.write_text(scarce, "utf-8")
            try:
                yield lambda: None
            finally:
                config.write_text(content, "utf-8")
            self._chain.bridge.start()
            self._clean(self._chain.box)

    def _press(self, what: str) -> str:
        request = f"{what}-{next(self._numbers)}"
        self.may_be_lost.add(request)
        self._stream.requested[request] = _BUTTON.name
        press = self._chain.press(_BUTTON.name, request)
        self._stream.acknowledged[request] = press
        return press

    def _pressed_with(self, state: str) -> set[str]:
        return {press["id"] for press in self._chain.state()["presses"] if press["track_state"] == state}

    def _open(self) -> set[str]:
        return self._pressed_with("open") | self._pressed_with("finished")

    def _extendable(self) -> str | None:
        """The newest track with sound that is no extension itself."""
        tracks = self._ledger.tracks()
        for press in reversed(self._ledger.presses()):
            track = tracks.get(press.track or "")
            if track is not None and track.state == "complete":
                return track.id
        return None

    def _kill(self, child: Child) -> None:
        if child.running():
            child.kill()
            self.report.kills[child.name] += 1

    def _clean(self, child: Child) -> None:
        """Run `child` without a fault point, and wait until all answer."""
        self._kill(child)
        child.start()
        self._chain.await_ready()

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline_s = time.monotonic() + _TIMEOUT_S
        while not _holds(condition):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"after {_TIMEOUT_S:g} s not yet: {what}")
            time.sleep(POLL_S)


def nothing_waits(chain: Chain) -> bool:
    """Whether the box has the bridge's receipts for all that it had to deliver."""
    try:
        health = chain.state()["health"]
    except (OSError, HTTPException, RefusedError):
        return False
    return not health["events_waiting"] and not health["tracks_waiting"]


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except (OSError, HTTPException, RefusedError):
        return False
