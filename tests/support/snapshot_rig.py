"""An eye with a script and a box beside it, both under a test's clock: what a press keeps of the camera."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

from box_parts import S, config, counting_ids
from desk import NoBook, Work
from fake_clock import FakeClock

from drivers.contract import Press, Source
from edge.actions import AcceptPress
from edge.display import Display
from edge.eye.face_writer import FaceWriter
from edge.faces import FacePoint, FaceReader, FaceSource
from edge.faultpoint import no_fault
from edge.faults import FaultBook
from edge.outbox import Outbox
from edge.recording import Recorder
from edge.session import Session
from edge.snapshot_keeper import Reaction, SnapshotKeeper
from edge.snapshot_maker import SnapshotMade, SnapshotMaker
from edge.wire import SnapshotData

PERIOD_NS = S // 5
LATENCY_NS = 120_000_000
START_NS = 1000 * S

Film = Callable[[int], FacePoint]
"""What the camera sees at an instant."""


def calm(mono_ns: int, probability: float = 0.1) -> FacePoint:
    """A client who stands there."""
    return FacePoint(mono_ns, "face", probability, 1, (0.4, 0.3, 0.2, 0.3), 1)


def nobody(mono_ns: int) -> FacePoint:
    return FacePoint(mono_ns, "no_face")


def covered(mono_ns: int) -> FacePoint:
    return FacePoint(mono_ns, "no_data", reason="covered")


def picture_of(mono_ns: int) -> bytes:
    """The bytes that stand for the picture of one frame, different for each."""
    return b"\xff\xd8\xff" + f"the picture of frame {mono_ns}".encode()


def keep_picture(data, seen):
    """A renderer that lets a test see which picture it was given."""
    return (seen.frame.jpeg if seen.frame else b"no picture"), 640, 480


class SnapshotRig:
    """`made` are the snapshots in the order of their making, `pictures` what was durable with each, `told` their ids.

    The eye runs while `film` is not None; it looks at a frame `LATENCY_NS` after its exposure.
    """

    def __init__(self, folder: Path, film: Film | None = calm, *, privacy: str = "index", fault=no_fault, **source):
        self.folder = folder
        self.clock = FakeClock(mono_ns=START_NS)
        self.film = film
        self.privacy = privacy
        self.fault = fault
        self.render = keep_picture if privacy != "index" else None
        self.config = config(eye={"enabled": True, "privacy": privacy, "ring": str(folder / "face.ring")})
        self.source = {
            "source": "scripted camera",
            "simulated": False,
            "subject": "client",
            "privacy": privacy,
            "period_ms": 200,
            "depth_s": 120,
            "model": "smile-v1",
            "threshold": 0.5,
            "detector": "blazeface",
            **source,
        }
        self.ids = counting_ids()
        self.made: list[SnapshotData] = []
        self.pictures: dict[str, bytes | None] = {}
        self.told: list[str] = []
        self.reactions: list[Reaction] = []
        self._facts: deque = deque()
        self._seen_ns = START_NS
        self.eye: FaceWriter | None = None
        self.start_eye()
        self.start_box()

    def start_eye(self) -> None:
        self.eye = FaceWriter(self.folder / "face.ring", FaceSource(**self.source), self.clock.boot_id)

    def start_box(self) -> None:
        self.outbox = Outbox(self.folder, "shop", "one", new_id=self.ids, fault=self.fault)
        self.maker = SnapshotMaker(
            lambda: FaceReader(self.folder / "face.ring"),
            self.outbox.files.folder,
            self.clock,
            self.render,
            self._facts.append,
            lambda error: None,
            fault=self.fault,
        )
        self.recorder = Recorder(
            session=Session(self.config, self.ids),
            outbox=self.outbox,
            cutter=Work(),
            journal=NoBook(),
            faults=FaultBook(self.outbox, self.clock),
            clock=self.clock,
            acknowledge=lambda _button: None,
            track_done=lambda _track: None,
            disk_reserve_bytes=0,
            snapshot=self._promise,
        )
        self.display = Display(self.config, self.outbox, self.clock, lambda _now_ns: None, 0.5)
        self.keeper = SnapshotKeeper(
            self.outbox,
            self.maker,
            self.clock,
            make_room=self.recorder.make_room_for_track,
            told=self.told.append,
            reacted=self._react,
        )
        self.keeper.resume()

    def stop_box(self) -> None:
        self.maker.close()
        self.outbox.close()
        self._facts.clear()

    def reboot(self, boot_id: str, gone_s: float = 60) -> None:
        """Power went and came again: memory is lost, the disk is there."""
        self.stop_box()
        self.eye.close()
        (self.folder / "face.ring").unlink()
        wall_ns = self.clock.wall_ns() + round(gone_s * S)
        self.clock = FakeClock(mono_ns=20 * S, wall_ns=wall_ns, boot_id=boot_id)
        self._seen_ns = 20 * S
        self.start_eye()
        self.start_box()

    def press(self, button: str = "green", *, simulated: bool = False, late_ns: int = 0) -> AcceptPress:
        """A press now, or of just before."""
        now_ns = self.clock.mono_ns()
        (action,) = self.recorder.take(Press(button, now_ns - late_ns, 0, Source.LOCAL_WEB, simulated), now_ns)
        self.settle()
        return action

    def advance(self, seconds: float, step_ns: int = 100_000_000) -> None:
        """Let time pass, with the eye looking and the box working."""
        end_ns = self.clock.mono_ns() + round(seconds * S)
        while (left_ns := end_ns - self.clock.mono_ns()) > 0:
            self.clock.advance(min(step_ns, left_ns))
            self._look()
            self.settle()

    def settle(self) -> None:
        """All that is due now."""
        while True:
            now_ns = self.clock.mono_ns()
            self.keeper.tick(now_ns)
            due_ns = self.maker.step(now_ns)
            if not self._facts and (due_ns is None or due_ns > now_ns):
                return
            while self._facts:
                fact = self._facts.popleft()
                if isinstance(fact, SnapshotMade):
                    self.made.append(fact.data)
                    self.pictures[fact.data.snapshot] = fact.path.read_bytes() if fact.path else None
                self.keeper.take(fact, now_ns)

    def close(self) -> None:
        self.stop_box()
        self.eye.close()

    def _react(self, reaction) -> None:
        self.reactions.append(reaction)
        self.display.reacted(reaction)

    def _promise(self, plan) -> None:
        self.keeper.promise(plan)

    def _look(self) -> None:
        while self._seen_ns + PERIOD_NS + LATENCY_NS <= self.clock.mono_ns():
            self._seen_ns += PERIOD_NS
            if self.film is None:
                continue
            point = self.film(self._seen_ns)
            has_picture = self.privacy != "index" and point.state != "no_data"
            picture = (picture_of(self._seen_ns), 640, 480) if has_picture else ()
            self.eye.append(point, *picture)
