"""A camera that follows a script in virtual time, and a detector and a model that read what the script has drawn.

A face is a green square; how bright its blue is says how probably it smiles; the frame's number is written in black
and white blocks along the upper edge, so that a picture proves from which frame it is.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fake_clock import FakeClock
from PIL import Image

from drivers.contract import DeviceLost, EndOfStream, Frame, Loss, LossReason, PixelFormat
from edge.config_eye import Eye as EyeConfig
from edge.eye.face_writer import FaceWriter
from edge.eye.loop import Eye
from edge.eye.run import face_source
from edge.eye.watch import Watch
from models.face_detector import Detection

WIDTH, HEIGHT = 160, 120
BITS = 16
_BLOCK = 10
_NS = 1_000_000_000


@dataclass(frozen=True)
class Person:
    """A face `x`, `y`, `side` in pixels of the frame, smiling with `probability`."""

    probability: float
    x: float = 60
    y: float = 50
    side: float = 40


@dataclass(frozen=True)
class Scene:
    """From `start_s` on, until the next scene: people, or what is wrong with the camera."""

    start_s: float
    people: tuple[Person, ...] = ()
    trouble: str = ""


COVERED, UNPLUGGED, STALLED, BROKEN = "covered", "unplugged", "stalled", "broken"


def drawn(people: Sequence[Person], number: int) -> np.ndarray:
    """The frame `number` as RGB (HEIGHT, WIDTH, 3)."""
    rgb = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    rgb[::8] = 120
    for bit in range(BITS):
        rgb[:_BLOCK, bit * _BLOCK : (bit + 1) * _BLOCK] = 255 if number >> bit & 1 else 0
    for person in people:
        x, y, side = round(person.x), round(person.y), round(person.side)
        rgb[y : y + side, x : x + side] = (0, 255, round(person.probability * 255))
    return rgb


def number_in(jpeg: bytes) -> int:
    """The number of the frame of which `jpeg` is the picture, whatever its size."""
    image = Image.open(io.BytesIO(jpeg)).convert("L").resize((WIDTH, HEIGHT))
    blocks = np.asarray(image)[_BLOCK // 2, _BLOCK // 2 : BITS * _BLOCK : _BLOCK]
    return sum(1 << bit for bit, level in enumerate(blocks.tolist()) if level > 127)


def detect(rgb: np.ndarray, least_score: float) -> list[Detection]:
    """The green squares of a detector's square, in the order of their columns. Touching ones are one."""
    del least_score
    green = (rgb[:, :, 1] > 180) & (rgb[:, :, 0] < 70)
    columns = np.flatnonzero(green.any(axis=0))
    if not len(columns):
        return []
    found = []
    for part in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
        rows = np.flatnonzero(green[:, part[0] : part[-1] + 1].any(axis=1))
        if len(part) < 3 or len(rows) < 3:
            continue
        side = len(rgb)
        x, y, width, height = part[0] / side, rows[0] / side, len(part) / side, len(rows) / side
        eyes = [(x + width * 0.3, y + height * 0.4), (x + width * 0.7, y + height * 0.4)]
        points = np.array([*eyes, *([(x + width / 2, y + height / 2)] * 4)], np.float32)
        found.append(Detection(0.9, x, y, width, height, points))
    return found


def probability(gray: np.ndarray) -> np.ndarray:
    """What `drawn` has painted: the brightness of the crop's middle is 0.587 of green and 0.114 of blue."""
    middle = gray[:, 24:40, 24:40].mean(axis=(1, 2))
    return np.clip((middle - 0.587 * 255) / (0.114 * 255), 0, 1).astype(np.float32)


class ScriptedCamera:
    """Fulfils `Camera` in the time of `clock`, which reading moves on; frame n is exposed at t0 + n / fps."""

    simulated = True
    source = "scripted"

    def __init__(self, clock: FakeClock, t0_ns: int, scenes: Sequence[Scene], end_s: float, fps: float = 30.0) -> None:
        self._clock = clock
        self._t0_ns = t0_ns
        self._scenes = scenes
        self._end_s = end_s
        self._fps = fps
        if self.scene().trouble == UNPLUGGED:
            clock.advance(1)
            raise DeviceLost("scripted: unplugged")

    def scene(self) -> Scene:
        at_s = (self._clock.mono_ns() - self._t0_ns) / _NS
        return next(scene for scene in reversed(self._scenes) if scene.start_s <= at_s + 1e-9)

    def read(self, after_ns: int) -> Frame | Loss:
        after_ns = max(after_ns, self._clock.mono_ns())
        number = int(np.ceil((after_ns - self._t0_ns) * self._fps / _NS - 1e-6))
        stamp_ns = self._t0_ns + round(number * _NS / self._fps)
        self._clock.advance(max(stamp_ns - self._clock.mono_ns(), 0))
        if stamp_ns - self._t0_ns >= self._end_s * _NS:
            raise EndOfStream("the script is over")
        scene = self.scene()
        if scene.trouble == UNPLUGGED:
            raise DeviceLost("scripted: unplugged")
        if scene.trouble == STALLED:
            self._clock.advance(2 * _NS)
            return Loss(LossReason.STALLED, "scripted: stalled")
        if scene.trouble == BROKEN:
            return Frame(stamp_ns, 0, WIDTH, HEIGHT, PixelFormat.ENCODED, b"\xff\xd8 no picture")
        rgb = np.full((HEIGHT, WIDTH, 3), 9, np.uint8) if scene.trouble == COVERED else drawn(scene.people, number)
        return Frame(stamp_ns, 0, WIDTH, HEIGHT, PixelFormat.RGB, rgb.tobytes())

    def close(self) -> None:
        """Nothing is held."""


class VirtualStop(threading.Event):
    """An event whose waiting lets virtual time pass."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.advance(round((timeout or 0) * _NS))
        return self.is_set()


class Told:
    """Fulfils `Notify`; keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.alive_count = 0

    def ready(self, status: str) -> None:
        self.said.append(f"READY {status}")

    def alive(self) -> None:
        self.alive_count += 1

    def status(self, status: str) -> None:
        self.said.append(status)

    def stopping(self) -> None:
        self.said.append("STOPPING")


def play(
    ring_path: Path,
    scenes: Sequence[Scene],
    end_s: float,
    *,
    privacy: str = "snapshot",
    clock: FakeClock | None = None,
    told: Told | None = None,
    **settings: object,
) -> int:
    """Let the eye watch the script; returns when it began (t0, monotonic ns). The ring is at `ring_path` afterwards.

    Frame number n of the camera (30 a second) is exposed at t0 + n / 30 s.
    """
    clock = clock or FakeClock()
    t0_ns = clock.mono_ns()
    config = EyeConfig(enabled=True, driver="video", file="scripted", privacy=privacy, ring=str(ring_path), **settings)  # type: ignore[arg-type]
    with FaceWriter(ring_path, face_source(config), clock.boot_id) as ring:
        watch = Watch(detect, probability, ring.last_face)
        eye = Eye(config, ring, watch, told or Told(), clock.mono_ns)
        eye.run(lambda: ScriptedCamera(clock, t0_ns, scenes, end_s), VirtualStop(clock))
    return t0_ns
