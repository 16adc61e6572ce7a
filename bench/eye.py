"""The eye: detector, model and a whole frame beside OpenCV's smile cascade; the process at five frames a second."""

from __future__ import annotations

import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import cv2.data
import numpy as np

from bench.figure import Figure, percentile
from bench.idle import cpu_s
from demo.chain import earshot_command, memory_folder, toml
from demo.scene import FPS, frames, write_scene
from drivers.contract import Frame, PixelFormat
from edge.eye.detectors import make_detector
from edge.eye.find import faces_in, whole_view
from edge.eye.loop import point_of, ring_picture
from edge.eye.picture import Picture, as_jpeg, picture_of
from edge.eye.watch import Watch
from edge.faces import PICTURE_BYTES_MAX, FaceReader, pack
from models.face_align import aligned
from models.smile import smile_probability

NS = 1_000_000_000
ROUNDS = 60
SETTLE_S = 6
WATCH_S = 40


def run() -> list[Figure]:
    """CPU milliseconds of each step on the demo's drawn scene; then the process itself."""
    scene = list(frames())
    smiling = scene[round(15 * FPS)]
    detect = make_detector("blazeface")
    picture = Picture(smiling)
    face = faces_in(picture, detect)[0]
    square = picture.square(whole_view(*picture.size))
    crop = aligned(picture.gray, face)
    detector_ms = _cpu_ms(lambda: detect(square, 0.5))
    model_ms = _cpu_ms(lambda: smile_probability(crop[None]))
    alone_ms = detector_ms + model_ms
    haar_face_ms, haar_smile_ms = _haar_face_ms(picture.gray), _haar_smile_ms(picture.gray, face)
    figures = [
        Figure("eye", "detector, one look", detector_ms, "ms", "Haar face cascade, 640x480", haar_face_ms),
        Figure("eye", "model, one face", model_ms, "ms", "Haar smile cascade, the same face", haar_smile_ms),
        Figure("eye", "cutting a face out, upright", _cpu_ms(lambda: aligned(picture.gray, face)), "ms"),
    ]  # fmt: skip
    here = [_yuyv(image) for image in scene[: round(20 * FPS)]]
    gone = [_yuyv(image) for image in scene[round(33 * FPS) :]]
    for name, film, privacy in (
        ("with a client, mode index", here, "index"),
        ("with a client, mode blur", here, "blur"),
        ("with nobody, mode index", gone, "index"),
    ):
        figures.append(
            Figure("eye", f"a frame {name}", _frame_ms(film, detect, privacy), "ms", "detector + model", alone_ms)
        )
    return figures + _process(alone_ms)


def _cpu_ms(work: Callable[[], object]) -> float:
    """Median CPU milliseconds of one call: a busy machine stretches the wall's."""
    work()
    spent = []
    for _ in range(ROUNDS):
        begin = time.process_time_ns()
        work()
        spent.append((time.process_time_ns() - begin) / 1e6)
    return statistics.median(spent)


def _yuyv(image) -> bytes:  # noqa: ANN001 - Pillow's image
    planes = np.asarray(image.convert("YCbCr"))
    packed = np.empty((image.height, image.width, 2), np.uint8)
    packed[:, :, 0] = planes[:, :, 0]
    packed[:, 0::2, 1], packed[:, 1::2, 1] = planes[:, 0::2, 1], planes[:, 0::2, 2]
    return packed.tobytes()


def _frame_ms(film: list[bytes], detect, privacy: str) -> float:  # noqa: ANN001 - a detector
    watch = Watch(detect, smile_probability)
    spent = []
    for number, data in enumerate(film):
        begin = time.process_time_ns()
        picture = picture_of(Frame(number * NS // FPS, 0, 640, 480, PixelFormat.YUYV, data))
        seen = watch.see(picture, number * NS // FPS)
        pack(point_of(seen, picture, number))
        if privacy != "index":
            as_jpeg(ring_picture(picture, seen, hide_others=privacy == "blur"), PICTURE_BYTES_MAX)
        spent.append((time.process_time_ns() - begin) / 1e6)
    return statistics.mean(spent[FPS:])


def _haar_face_ms(gray) -> float:  # noqa: ANN001 - an array
    cv2.setNumThreads(1)
    cascade = _cascade("frontalface_default")
    return _cpu_ms(lambda: cascade.detectMultiScale(gray, 1.1, 5))


def _haar_smile_ms(gray, face) -> float:  # noqa: ANN001 - an array and a detection
    cascade = _cascade("smile")
    x, y, side = round(face.x), round(face.y), round(face.width)
    crop = np.ascontiguousarray(gray[y : y + side, x : x + side])
    return _cpu_ms(lambda: cascade.detectMultiScale(crop, 1.1, 10))


def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(Path(cv2.data.haarcascades, f"haarcascade_{name}.xml")))


def _process(alone_ms: float) -> list[Figure]:
    memory = memory_folder()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "box.toml"
        eye = {"enabled": True, "driver": "video", "file": str(write_scene(folder / "scene")), "fps": FPS}
        eye |= {"ring": str(memory / "face.ring"), "privacy": "snapshot"}
        config.write_text(toml({"box": {"site": "bench", "name": "eye"}, "eye": eye}), "utf-8")
        child = subprocess.Popen([str(earshot_command()), "eye", "--config", str(config)], stderr=subprocess.DEVNULL)
        try:
            time.sleep(SETTLE_S)
            before_s, begin_ns = cpu_s(child.pid), time.monotonic_ns()
            time.sleep(WATCH_S)
            spent_s, end_ns = cpu_s(child.pid) - before_s, time.monotonic_ns()
            rss = _anonymous_mb(child.pid)
            reader = FaceReader(memory / "face.ring")
            points = reader.points(begin_ns, end_ns)
            rng = random.Random(1)
            presses = [rng.randrange(begin_ns + NS, end_ns - NS) for _ in range(500)]
            nearest = [reader.nearest(press, 1000) for press in presses]
            skews = [
                abs(found.point.mono_ns - press) / 1e6 for press, found in zip(presses, nearest, strict=True) if found
            ]
            reader.close()
        finally:
            child.terminate()
            child.wait()
            for file in memory.iterdir():
                file.unlink()
            memory.rmdir()
    wanted = (end_ns - begin_ns) * FPS / NS
    return [
        Figure("eye", "CPU of the process at 5 frames a second", spent_s / WATCH_S * 100, "% of a core",
               "detector + model, 5 times a second", alone_ms * FPS / 10),
        Figure("eye", "RSS of the process without its ring", rss, "MB"),
        Figure("eye", "frames lost of 1000", max(wanted - len(points), 0) / wanted * 1000, ""),
        Figure("eye", "press to nearest frame, p95", percentile(skews, 0.95), "ms", "half a period", 500 / FPS),
        Figure("eye", "presses without a frame within 200 ms, of 500", 500 - sum(skew <= 200 for skew in skews), ""),
    ]  # fmt: skip


def _anonymous_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    values = {line.partition(":")[0]: line.split()[1] for line in status if line.startswith(("RssAnon", "RssFile"))}
    return sum(int(value) for value in values.values()) / 1024
