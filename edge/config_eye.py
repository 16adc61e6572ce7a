"""The section `[eye]`: camera, what of its pictures may leave the process, and the face ring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from edge.config_section import Section
from edge.config_section import doc as _doc

# A frame with its picture in the face ring.
PICTURE_SLOT_BYTES = 41 * 1024
_RING_BYTES_MAX = 200_000_000
_Share = Annotated[float, _doc("", ge=0, le=1)]


class Eye(Section, frozen=True):
    """Camera to face ring. Needs the process 'earshot eye'; off by default."""

    enabled: Annotated[bool, _doc("The box has a camera that watches for smiles.")] = False
    driver: Annotated[
        Literal["v4l2", "picamera2", "video"],
        _doc("v4l2: a USB camera. picamera2: the Pi's own. video: plays a file or a folder of pictures (simulated)."),
    ] = "v4l2"
    device: Annotated[
        str, _doc("v4l2: path, best below /dev/v4l/by-id or by-path. picamera2: number of the camera.")
    ] = "/dev/video0"
    file: Annotated[str, _doc("video driver: the file or the folder of pictures to play.")] = ""
    loop: Annotated[bool, _doc("video driver: begin again at the end.")] = True
    subject: Annotated[Literal["client", "staff"], _doc("Whom the camera looks at; stands in each record.")] = "client"
    width: Annotated[int, _doc("Width of the camera's frames in pixels; the nearest that it has.", ge=64, le=1920)] = (
        640
    )
    height: Annotated[int, _doc("Height of the camera's frames in pixels.", ge=64, le=1920)] = 480
    rotate: Annotated[Literal[0, 90, 180, 270], _doc("Degrees clockwise that make the picture upright.")] = 0
    fps: Annotated[float, _doc("Frames a second that are looked at.", ge=1, le=15)] = 5.0
    detector: Annotated[
        Literal["blazeface", "haar"], _doc("blazeface: 'earshot models fetch' brings it. haar: OpenCV's, much weaker.")
    ] = "blazeface"
    region_left: Annotated[_Share, _doc("Left edge of where the client stands, as a share of the width.")] = 0.0
    region_top: Annotated[_Share, _doc("Its upper edge, as a share of the height.")] = 0.0
    region_right: Annotated[_Share, _doc("Its right edge.")] = 1.0
    region_bottom: Annotated[_Share, _doc("Its lower edge.")] = 1.0
    privacy: Annotated[
        Literal["index", "snapshot", "blur"],
        _doc(
            "index: numbers only, no picture leaves the eye's memory. snapshot: the picture of a press."
            " blur: the same, all faces but the client's made unrecognisable."
        ),
    ] = "index"
    ring: Annotated[str, _doc("Path of the face ring; on a memory file system.")] = "/run/earshot-eye/face.ring"
    depth_s: Annotated[int, _doc("Seconds that the face ring holds.", ge=60, le=3600)] = 120
    stall_ms: Annotated[int, _doc("Milliseconds without a frame until the camera counts as stalled.", ge=500)] = 2000


def problems(eye: Eye) -> Iterator[str]:
    """What can't be in the section, a message each."""
    if eye.region_left >= eye.region_right or eye.region_top >= eye.region_bottom:
        yield (
            f"eye: the region from {eye.region_left:g}, {eye.region_top:g} to {eye.region_right:g},"
            f" {eye.region_bottom:g} is empty; left must be below right and top below bottom"
        )
    if eye.privacy != "index" and (needed := eye.depth_s * eye.fps * 1.25 * PICTURE_SLOT_BYTES) > _RING_BYTES_MAX:
        yield (
            f"eye.depth_s = {eye.depth_s} at {eye.fps:g} frames a second needs {needed / 1e6:.0f} MB for pictures, more"
            f" than {_RING_BYTES_MAX / 1e6:.0f} MB; make it shorter, or set eye.privacy = 'index'"
        )
    if eye.driver == "video" and not eye.file:
        yield "eye: driver 'video' needs 'file'"
    if eye.driver == "picamera2" and not eye.device.isdecimal():
        yield f"eye: driver 'picamera2' needs the camera's number as 'device', e.g. \"0\", not {eye.device!r}"
