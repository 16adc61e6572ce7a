"""The eye's one thread: the newest frame, what is seen in it, one point in the ring; and a name for every absence."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from drivers.contract import Camera, DeviceLost, EndOfStream, Frame, Loss
from edge.config_eye import Eye as EyeConfig
from edge.eye.face_writer import FaceWriter
from edge.eye.picture import BadPicture, Picture, Rect, as_jpeg, blurred, picture_of
from edge.eye.watch import Seen, Watch
from edge.faces import PICTURE_BYTES_MAX, FacePoint, FaceState, NoDataReason
from edge.sdnotify import Notify

RETRY_S = 0.5
WATCHDOG_PERIOD_NS = 1_000_000_000
_NS = 1_000_000_000
PICTURE_SIDE_MAX = 480
# A frame that is due but for this share of the period is taken: the next one would be later by a whole frame.
_EARLY = 0.1

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counters:
    """Since the start: frames looked at, frames the camera dropped, frames whose picture was broken."""

    frames: int = 0
    lost: int = 0
    broken: int = 0


class Eye:
    """Moves what one camera after another sees into the ring."""

    def __init__(
        self, config: EyeConfig, ring: FaceWriter, watch: Watch, notify: Notify, clock_ns: Callable[[], int]
    ) -> None:
        self._config = config
        self._region: Rect = region_of(config)
        self._ring = ring
        self._watch = watch
        self._notify = notify
        self._clock_ns = clock_ns
        self._period_ns = round(_NS / config.fps)
        self._absence = NoDataReason.ABSENT
        self._next_ns = 0
        self._fed_ns = 0
        self._is_ready = False
        self._trouble = ""
        self.counters = Counters()

    def run(self, open_camera: Callable[[], Camera], stop: threading.Event, retry_s: float = RETRY_S) -> None:
        """Watch until `stop` is set, or a recording that is not repeated is over."""
        while not stop.is_set():
            try:
                camera = open_camera()
            except DeviceLost as error:
                self._miss(self._absence, str(error))
                self._feed()
            else:
                try:
                    self._follow(camera, stop)
                except DeviceLost as error:
                    self._miss(self._absence, str(error))
                    self._feed()
                except EndOfStream as error:
                    _log.info("%s", error)
                    break
                finally:
                    camera.close()
            stop.wait(retry_s)
        self._notify.stopping()

    def _follow(self, camera: Camera, stop: threading.Event) -> None:
        """Take frames until the camera stalls, which opening it anew may mend."""
        while not stop.is_set():
            item = camera.read(self._next_ns)
            if isinstance(item, Loss):
                # Not fed: a camera that stalls however often it is opened anew ends in a restart.
                self._miss(NoDataReason.STALLED, item.detail)
                return
            self._absence = NoDataReason.DISCONNECT
            self._next_ns = item.mono_ns + round(self._period_ns * (1 - _EARLY))
            self._take(item, camera.source)

    def _take(self, frame: Frame, source: str) -> None:
        self.counters.lost += frame.lost_frames
        try:
            picture = picture_of(frame, rotate=self._config.rotate, region=self._region)
        except BadPicture as error:
            self.counters.broken += 1
            self._miss(NoDataReason.STALLED, f"{source}: {error}")
            return
        seen = self._watch.see(picture, frame.mono_ns)
        point = point_of(seen, picture, frame.mono_ns)
        if self._config.privacy == "index":
            self._ring.append(point)
        else:
            image = ring_picture(picture, seen, hide_others=self._config.privacy == "blur")
            jpeg = as_jpeg(image, PICTURE_BYTES_MAX)
            self._ring.append(point, jpeg, image.width, image.height)
        self.counters.frames += 1
        self._tell(f"{source}: the lens is covered, or it is dark" if seen.is_covered else "", source)
        self._feed()

    def _miss(self, reason: NoDataReason, detail: str) -> None:
        self._ring.append(FacePoint(self._clock_ns(), FaceState.NO_DATA, reason=reason))
        self._tell(detail, "")

    def _tell(self, trouble: str, source: str) -> None:
        if trouble == self._trouble and self._is_ready:
            return
        self._trouble = trouble
        status = trouble or f"watching {source}"
        _log.log(logging.WARNING if trouble else logging.INFO, "%s", status)
        if self._is_ready:
            self._notify.status(status)
        else:
            self._is_ready = True
            self._notify.ready(status)

    def _feed(self) -> None:
        now_ns = self._clock_ns()
        if now_ns - self._fed_ns >= WATCHDOG_PERIOD_NS:
            self._fed_ns = now_ns
            self._notify.alive()


def region_of(config: EyeConfig) -> Rect:
    """The configured region as shares of the upright picture."""
    return (
        config.region_left,
        config.region_top,
        config.region_right - config.region_left,
        config.region_bottom - config.region_top,
    )


def point_of(seen: Seen, picture: Picture, mono_ns: int) -> FacePoint:
    """What goes into the ring of a frame."""
    if seen.is_covered:
        return FacePoint(mono_ns, FaceState.NO_DATA, reason=NoDataReason.COVERED)
    client, count = seen.client, len(seen.others)
    if client is None:
        return FacePoint(mono_ns, FaceState.NO_FACE, faces=count)
    width, height = picture.size
    box = (client.x / width, client.y / height, client.width / width, client.height / height)
    return FacePoint(mono_ns, FaceState.FACE, seen.probability, seen.number, box, faces=count + 1)


def ring_picture(picture: Picture, seen: Seen, *, hide_others: bool) -> Image.Image:
    """The small picture of a frame."""
    image = picture.small(PICTURE_SIDE_MAX)
    if not hide_others:
        return image
    scale = image.width / picture.size[0]
    client = seen.client
    shown = None if client is None else _scaled((client.x, client.y, client.width, client.height), scale)
    return blurred(image, shown, [_scaled(other, scale) for other in seen.others])


def _scaled(box: Rect, scale: float) -> Rect:
    return (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale)
