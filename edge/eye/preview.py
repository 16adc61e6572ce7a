"""`earshot eye --show`: the camera's picture with what is found in it, on a page for whoever sets the camera up.

Nothing goes into a ring or a file: the pictures are in this process's memory and, behind a password, on that page.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable

import uvicorn
from PIL import Image, ImageDraw

from drivers.contract import Camera, DeviceLost, EndOfStream, Loss
from edge.config import Config, ConfigError
from edge.eye.detectors import make_detector
from edge.eye.loop import PICTURE_SIDE_MAX, RETRY_S, region_of
from edge.eye.picture import BadPicture, Picture, Rect, as_jpeg, picture_of
from edge.eye.run import camera_opener
from edge.eye.watch import Seen, Watch
from edge.web.eye import create_preview_app
from models.smile import smile_probability

_JPEG_BYTES_MAX = 200_000
_POLL_S = 0.05
_CLIENT, _OTHER = (255, 190, 0), (255, 255, 255)


class Latest:
    """The newest picture, from the eye's thread to the web's. Setting and getting one reference needs no lock."""

    def __init__(self) -> None:
        self._jpeg = b""
        self._is_over = False

    def set(self, jpeg: bytes) -> None:
        """Put another picture in its place."""
        self._jpeg = jpeg

    def end(self) -> None:
        """Send everybody home."""
        self._is_over = True

    async def pictures(self) -> AsyncIterator[bytes]:
        """Each picture that is new, as long as somebody looks and the eye does."""
        shown = b""
        while not self._is_over:
            if (jpeg := self._jpeg) is not shown:
                shown = jpeg
                yield jpeg
            await asyncio.sleep(_POLL_S)


def run_preview(
    config: Config,
    stop: threading.Event,
    *,
    host: str,
    port: int,
    tell: Callable[[str], object],
    open_camera: Callable[[], Camera] | None = None,
) -> None:
    """Serve the page until `stop` is set; `tell` gets its address and the password of this run.

    Raises `ConfigError` where the address can't be listened on, and what `run_eye` raises.
    """
    latest = Latest()
    password = secrets.token_urlsafe(9)
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError(f"--host {host} --port {port}: can't listen: {error.strerror}; choose another") from error
    application = create_preview_app(host, password, latest.pictures)
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
            limit_concurrency=20,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="preview", daemon=True)
    try:
        thread.start()
        tell(f"http://{host}:{listening.getsockname()[1]}/  password: {password}")
        _show(config, stop, latest, open_camera or camera_opener(config.eye, stop.wait))
    finally:
        latest.end()
        server.should_exit = True
        thread.join(5)
        listening.close()


def _show(config: Config, stop: threading.Event, latest: Latest, open_camera: Callable[[], Camera]) -> None:
    eye = config.eye
    watch = Watch(make_detector(eye.detector), smile_probability)
    period_ns = round(1e9 / eye.fps)
    while not stop.is_set():
        try:
            camera = open_camera()
        except DeviceLost as error:
            latest.set(_notice(str(error)))
            stop.wait(RETRY_S)
            continue
        try:
            next_ns = time.monotonic_ns()
            while not stop.is_set():
                frame = camera.read(next_ns)
                if isinstance(frame, Loss):
                    latest.set(_notice(frame.detail))
                    break
                next_ns = frame.mono_ns + round(period_ns * 0.9)
                picture = picture_of(frame, rotate=eye.rotate, region=region_of(eye))
                latest.set(overlay(picture, watch.see(picture, frame.mono_ns)))
        except (DeviceLost, EndOfStream, BadPicture) as error:
            latest.set(_notice(str(error)))
            stop.wait(RETRY_S)
        finally:
            camera.close()


def overlay(picture: Picture, seen: Seen) -> bytes:
    """The picture as JPEG, faces framed, the client's with its probability."""
    image = picture.small(PICTURE_SIDE_MAX)
    draw = ImageDraw.Draw(image)
    scale = image.width / picture.size[0]
    for other in seen.others:
        draw.rectangle(_corners(other, scale), outline=_OTHER, width=1)
    if seen.client is not None:
        box = _corners((seen.client.x, seen.client.y, seen.client.width, seen.client.height), scale)
        draw.rectangle(box, outline=_CLIENT, width=3)
        draw.text((box[0], max(box[1] - 14, 0)), f"#{seen.number}  {seen.probability:.2f}", fill=_CLIENT)
    return as_jpeg(image, _JPEG_BYTES_MAX)


def _notice(text: str) -> bytes:
    image = Image.new("RGB", (PICTURE_SIDE_MAX, PICTURE_SIDE_MAX * 3 // 4))
    ImageDraw.Draw(image).multiline_text((8, 8), "\n".join(text[at : at + 70] for at in range(0, len(text), 70)))
    return as_jpeg(image, _JPEG_BYTES_MAX)


def _corners(box: Rect, scale: float) -> tuple[float, float, float, float]:
    x, y, width, height = box
    return (x * scale, y * scale, (x + width) * scale, (y + height) * scale)
