"""`./run demo`: the whole chain on this machine; a key presses a button, the page plays the moment."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console, ConsoleRenderable
from rich.live import Live

from demo.alignment import origin_ns
from demo.chain import BOX, BUTTONS, SITE, Chain, Settings, memory_folder, remove_stale
from demo.http import RefusedError
from demo.keys import pressed_keys
from demo.ledger import Ledger
from demo.locate import Source
from demo.observer import Observer
from demo.processes import ProcessFailedError
from demo.scene import FPS, write_scene
from demo.speech import RATE_HZ, conversation
from demo.store import InventedStore, Person, Sent
from demo.verdict import Truth, Verdict, judge
from demo.view import accounts, picture
from ringbuffer.errors import RingAbsent

HOME = Path(__file__).parent.parent / ".demo"
_FRAME_S = 0.1
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Scripted presses: windows overlap, and the last one is not far away.
_SPACING_S = 1.5
_SPACING_MIN_S = 0.3
_SCRIPT_MAX_S = 45.0
_RECEIPTS_TIMEOUT_S = 60.0
_ANSWER_TIMEOUT_S = 30.0
# When a sound server's first frame was captured is known only to some tens of milliseconds; the window begins after it.
_FIRST_FRAME_S = 0.2


def main() -> int:
    """Run the demo; 0 when it was quit, or when the scripted presses are all complete at the bridge."""
    options = _options()
    for number in _ENDING:
        signal.signal(number, _interrupted)
    console = Console(stderr=options.exit)
    try:
        return _run(options, console)
    except KeyboardInterrupt:
        return 130
    except ProcessFailedError as error:
        console.print(f"demo: {error}", style="red", markup=False)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__)
    parser.add_argument("--mic", action="store_true", help="record the default ALSA device instead of the conversation")
    parser.add_argument("--camera", action="store_true", help="watch /dev/video0 instead of a drawn client")
    parser.add_argument("--eye", action="store_true", help="with --exit: watch the drawn client, too")
    parser.add_argument("--presses", type=int, default=0, metavar="N", help="press N times without being asked")
    parser.add_argument("--exit", action="store_true", help="end when they are complete; the last line is JSON")
    parser.add_argument("--before", type=float, metavar="S", help="seconds before a press (30; with --exit 6)")
    parser.add_argument("--after", type=float, metavar="S", help="seconds after a press (30; with --exit 4)")
    parser.add_argument("--store", action="store_true", help="an invented store besides, an account for each role")
    parser.add_argument("--counters", type=int, default=6, metavar="N", help="counters of the store (6)")
    parser.add_argument("--days", type=int, default=7, metavar="N", help="days of its history (7)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs, databases and sound")
    options = parser.parse_args()
    if options.exit and options.presses < 1:
        parser.error("--exit needs --presses N with N at least 1")
    if options.before is None:
        options.before = 6.0 if options.exit else 30.0
    if options.after is None:
        options.after = 4.0 if options.exit else 30.0
    if not (1 <= options.counters <= 1000 and 1 <= options.days <= 3660):
        parser.error("--counters is 1 to 1000, --days 1 to 3660")
    if min(options.before, options.after) < 0 or options.before + options.after > 600:
        parser.error("--before and --after are 0 or more, together at most 600")
    return options


def _run(options: argparse.Namespace, console: Console) -> int:
    with ExitStack() as stack:
        folder = stack.enter_context(_run_folder(keep=options.keep, console=console))
        memory = memory_folder()
        stack.callback(shutil.rmtree, memory, ignore_errors=True)
        wav = None if options.mic else conversation(HOME / "speech")
        # Scripted presses come quicker than any client's; they are not what hammering is.
        presses = {"misuse_presses": 1_000_000} if options.presses else {}
        depth_s = round(options.before + options.after) + 300
        eye = _eye(options)
        store = InventedStore(options.counters, options.days) if options.store else None
        boxes = () if store is None else tuple(store.boxes)
        settings = Settings(
            wav, options.before, options.after, depth_s=depth_s, presses=presses, eye=eye, more_boxes=boxes
        )
        chain = Chain(folder, memory, settings)
        stack.callback(chain.stop)
        with console.status("starting broker, bridge, ear and box"):
            chain.prepare()
            people = [] if store is None else store.prepare(chain.database)
            chain.start()
            chain.wait_for(lambda: _heard_s(chain) > 0, "the ear hears something", chain.ear)
        sent = None
        if store is not None:
            if options.exit:
                console.print(accounts(people))
            with console.status(f"{options.days} days of a store with {options.counters} counters go to the bridge"):
                sent = store.send(chain.broker, chain.web_url)
        truth = None if wav is None else Truth(Source.read(wav), origin_ns(chain.ring, RATE_HZ))
        observer = Observer(chain.broker, f"{SITE}/{BOX}")
        observer.start()
        stack.callback(observer.stop)
        demo = _Demo(chain, observer, console, options, people)
        if not options.exit:
            demo.interact()
            return 0
        verdict = demo.script(truth)
        missing = [] if store is None else store.faults(Ledger(chain.database, chain.blobs))
        return _report(verdict, demo.snapshots() if options.eye and not options.camera else None, sent, missing)


def _eye(options: argparse.Namespace) -> dict[str, Any]:
    """The eye's settings; none where a scripted run is to measure nothing but sound."""
    if options.camera:
        return {"driver": "v4l2", "device": "/dev/video0", "privacy": "snapshot"}
    if options.exit and not options.eye:
        return {}
    scene = write_scene(HOME / "scene")
    return {"driver": "video", "file": str(scene.resolve()), "fps": FPS, "privacy": "snapshot"}


class _Demo:
    """Presses and follows. `acknowledged` maps each request to the press that the box acknowledged."""

    def __init__(
        self, chain: Chain, observer: Observer, console: Console, options: argparse.Namespace, people: list[Person]
    ) -> None:
        self._chain = chain
        self._people = people
        self._observer = observer
        self._console = console
        self._before_s = options.before
        self._after_s = options.after
        self._left = options.presses
        self._spacing_s = max(_SPACING_MIN_S, min(_SPACING_S, _SCRIPT_MAX_S / max(options.presses, 1)))
        self._count = 0
        # A camera may be absent, and then there is no picture to wait for; the drawn client always is there.
        self._watches = options.eye and not options.camera
        self.acknowledged: dict[str, str] = {}

    def interact(self) -> None:
        """Show the picture and press what is asked for, until q or Ctrl-C."""
        due_s = time.monotonic() + self._before_s + _FIRST_FRAME_S
        if not self._console.is_terminal:
            # There the picture is drawn only at the end.
            self._console.print(self._picture(keys=False))
        with pressed_keys() as keys, Live(console=self._console, auto_refresh=False, screen=keys.there) as live:
            while True:
                for key in keys.read(_FRAME_S):
                    if key == "q":
                        return
                    if key.isdigit() and 1 <= int(key) <= len(BUTTONS):
                        self._press(BUTTONS[int(key) - 1].name)
                if self._left and time.monotonic() >= due_s:
                    self._left -= 1
                    due_s += self._spacing_s
                    self._press(BUTTONS[self._count % len(BUTTONS)].name)
                self._require_all_running()
                live.update(self._picture(keys=keys.there), refresh=True)

    def script(self, truth: Truth | None) -> Verdict:
        """Make the presses, wait for the receipts, and judge."""
        with self._console.status(f"hearing {self._before_s:g} s before the first press"):
            self._chain.wait_for(
                lambda: _heard_s(self._chain) >= self._before_s + _FIRST_FRAME_S,
                "enough is heard before the first press",
                self._chain.ear,
                self._before_s + 30,
            )
        with Live(console=self._console, auto_refresh=False) as live:
            due_s = time.monotonic()
            while self._left:
                self._left -= 1
                self._press(BUTTONS[self._count % len(BUTTONS)].name)
                due_s += self._spacing_s
                while (wait_s := due_s - time.monotonic()) > 0:
                    time.sleep(min(wait_s, _FRAME_S))
                    live.update(self._picture(keys=False), refresh=True)
            deadline_s = time.monotonic() + self._after_s + _RECEIPTS_TIMEOUT_S
            while not self._delivered() and time.monotonic() < deadline_s:
                self._require_all_running()
                time.sleep(_FRAME_S)
                live.update(self._picture(keys=False), refresh=True)
        if not self._console.is_terminal:
            # Off a terminal rich leaves its last line open; what follows stands on a line of its own.
            self._console.print()
        chain = self._chain
        with self._observer.lock:
            return judge(self.acknowledged, Ledger(chain.database, chain.blobs), self._observer.journeys, truth)

    def _press(self, button: str) -> None:
        self._count += 1
        request = f"demo-{self._count}"
        deadline_s = time.monotonic() + _ANSWER_TIMEOUT_S
        while True:
            try:
                self.acknowledged[request] = self._chain.press(button, request)
            except RefusedError as error:
                # On a machine that is busy it answers late; the same request makes no second press.
                if error.status != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > deadline_s:
                    raise ProcessFailedError(
                        f"the box refused a press: {error}\n{self._chain.box.log_tail()}"
                    ) from error
            else:
                return

    def snapshots(self) -> int:
        """How many of the presses have their snapshot with its picture at the bridge."""
        pictured = Ledger(self._chain.database, self._chain.blobs).pictured()
        return sum(press in pictured for press in self.acknowledged.values())

    def _delivered(self) -> bool:
        with self._observer.lock:
            journeys = [self._observer.journeys.get(press) for press in self.acknowledged.values()]
            if not all(journey is not None and journey.track_receipt_ns is not None for journey in journeys):
                return False
        return not self._watches or self.snapshots() == len(self.acknowledged)

    def _picture(self, *, keys: bool) -> ConsoleRenderable:
        with self._observer.lock:
            journeys = list(self._observer.journeys.values())
        return picture(self._chain, journeys, self._people, time.monotonic_ns(), keys=keys)

    def _require_all_running(self) -> None:
        for child in self._chain.children:
            child.require_running()


def _report(verdict: Verdict, snapshots: int | None, sent: Sent | None, missing: list[str]) -> int:
    faults = [*verdict.faults, *missing]
    figures: dict[str, Any] = verdict.figures.as_dict()
    if sent is not None:
        figures["store"] = sent.as_dict()
    if snapshots is not None:
        figures["snapshots"] = snapshots
        if snapshots < verdict.figures.presses:
            faults.append(f"{verdict.figures.presses - snapshots} presses have no snapshot with a picture")
    for fault in faults:
        sys.stderr.write(f"demo: {fault}\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()
    return 0 if verdict.good and not faults else 1


def _heard_s(chain: Chain) -> float:
    try:
        return (time.monotonic_ns() - origin_ns(chain.ring, RATE_HZ)) / 1e9
    except (LookupError, RingAbsent):
        return 0.0


@contextmanager
def _run_folder(*, keep: bool, console: Console) -> Iterator[Path]:
    HOME.mkdir(exist_ok=True)
    remove_stale(HOME, "run-")
    folder = Path(tempfile.mkdtemp(prefix=f"run-{os.getpid()}-", dir=HOME))
    try:
        yield folder
    finally:
        if keep:
            console.print(f"kept: {folder}")
        else:
            shutil.rmtree(folder)


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    # From now on nothing may interrupt the stopping of the processes.
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
