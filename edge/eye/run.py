"""`earshot eye`: the composition root of the eye process. No network, no decisions; made to run for months."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from drivers.camera_pi import PiCamera
from drivers.camera_v4l2 import V4l2Camera
from drivers.camera_video import VideoCamera
from drivers.contract import Camera
from edge.clock import boot_id
from edge.config import Config
from edge.config_eye import Eye as EyeConfig
from edge.eye.detectors import make_detector
from edge.eye.face_writer import FaceWriter
from edge.eye.loop import RETRY_S, Eye
from edge.eye.watch import Watch
from edge.faces import FaceSource
from edge.sdnotify import Notify, SystemdNotify
from models.smile import smile_model, smile_probability

_log = logging.getLogger(__name__)


def camera_opener(eye: EyeConfig, sleep: Callable[[float], object]) -> Callable[[], Camera]:
    """Return what opens the configured camera; `sleep` paces the simulated one."""
    if eye.driver == "video":
        return partial(VideoCamera, eye.file, fps=eye.fps, loop=eye.loop, sleep=sleep)
    # A camera on its side gives its frames lying.
    width, height = (eye.height, eye.width) if eye.rotate in (90, 270) else (eye.width, eye.height)
    stall_s = eye.stall_ms / 1000
    if eye.driver == "picamera2":
        return partial(PiCamera, int(eye.device), width=width, height=height, fps=eye.fps, stall_s=stall_s)
    return partial(V4l2Camera, eye.device, width=width, height=height, fps=eye.fps, stall_s=stall_s)


def face_source(eye: EyeConfig) -> FaceSource:
    """What the ring says of all its points."""
    model = smile_model()
    return FaceSource(
        source=f"video:{eye.file}" if eye.driver == "video" else f"{eye.driver}:{eye.device}",
        simulated=eye.driver == "video",
        subject=eye.subject,
        privacy=eye.privacy,
        period_ms=round(1000 / eye.fps),
        depth_s=eye.depth_s,
        model=model.version,
        threshold=model.threshold,
        detector=eye.detector,
    )


def run_eye(
    config: Config,
    stop: threading.Event,
    *,
    open_camera: Callable[[], Camera] | None = None,
    notify: Notify | None = None,
    clock_ns: Callable[[], int] = time.monotonic_ns,
    retry_s: float = RETRY_S,
) -> bool:
    """Fill the ring of `config.eye.ring` until `stop` is set; False, at once, where no camera is configured.

    A camera that is absent, at the start or later, is tried every `retry_s`; the ring names its absence meanwhile.
    Raises `DriverError` when it can't do what is configured, `RingError` when there can't be a ring, `WeightsAbsent`
    without a detector. systemd hears READY once the loop knows of a frame or of its absence, and WATCHDOG while frames
    come or an absent camera is tried again.
    """
    eye = config.eye
    notify = notify or SystemdNotify()
    if not eye.enabled:
        _log.info("eye.enabled is false: this box has no camera")
        notify.ready("no camera is configured")
        return False
    detect = make_detector(eye.detector)
    with FaceWriter(eye.ring, face_source(eye), boot_id()) as ring:
        watch = Watch(detect, smile_probability, ring.last_face)
        loop = Eye(eye, ring, watch, notify, clock_ns)
        loop.run(open_camera or camera_opener(eye, stop.wait), stop, retry_s)
        _log.info("%s", loop.counters)
    return True
