"""The V4L2 camera on a kernel made of Python, and its structures against the C compiler's."""

from __future__ import annotations

import ctypes
import errno
import shutil
import subprocess
from pathlib import Path

import pytest
from fake_clock import FakeClock
from fake_v4l2 import STAMPED, FakeCamera

from drivers import v4l2_api as v4l2
from drivers.camera_v4l2 import V4l2Camera
from drivers.contract import DeviceLost, DriverError, Frame, Loss, LossReason, PixelFormat

MS = 1_000_000
S = 1000 * MS
T0 = 1000 * S
SIZE = 8, 4
YUYV = bytes(range(64))


@pytest.fixture
def clock():
    return FakeClock(mono_ns=T0)


def opened(kernel, width=8, height=4, fps=5.0):
    return V4l2Camera(
        "/dev/camera", width=width, height=height, fps=fps, stall_s=2, clock_ns=kernel.clock.mono_ns, calls=kernel
    )


def small(clock, **settings):
    return FakeCamera(clock, {"YUYV": [SIZE]}, **settings)


def test_a_frame_is_what_the_kernel_gave_with_the_kernels_stamp(clock):
    kernel = small(clock)
    camera = opened(kernel)
    kernel.arrive(T0 + 30 * MS, 0, YUYV, stamp_ns=T0 + 10 * MS)
    assert camera.read(T0) == Frame(T0 + 10 * MS, 50 * MS, 8, 4, PixelFormat.YUYV, YUYV)
    assert kernel.streaming
    camera.close()
    camera.close()
    assert (kernel.streaming, kernel.closed) == (False, 1)


def test_the_newest_frame_wins_and_too_early_ones_are_passed_over(clock):
    kernel = small(clock)
    camera = opened(kernel)
    for n in range(1, 31):
        kernel.arrive(T0 + n * 33 * MS, n, bytes([n]) * 64)
    early = camera.read(T0 + 180 * MS)
    assert (early.mono_ns, early.data[0]) == (T0 + 198 * MS, 6)
    clock.advance(150 * MS)
    late = camera.read(T0 + 200 * MS)
    assert late.data[0] == 9, "three buffers were there to be filled meanwhile; the newest of them counts"
    assert late.lost_frames == 0


def test_lost_and_broken_frames_are_counted(clock):
    kernel = small(clock)
    camera = opened(kernel)
    kernel.arrive(T0 + 10 * MS, 5, YUYV)
    assert camera.read(T0).lost_frames == 0
    kernel.arrive(T0 + 20 * MS, 8, YUYV, STAMPED | v4l2.FLAG_ERROR)
    kernel.arrive(T0 + 30 * MS, 9, b"")
    kernel.arrive(T0 + 40 * MS, 10, YUYV)
    frame = camera.read(T0 + 15 * MS)
    assert (frame.mono_ns, frame.lost_frames) == (T0 + 40 * MS, 2 + 1 + 1)


def test_padding_between_rows_is_left_out(clock):
    kernel = small(clock, padding=16)
    camera = opened(kernel)
    rows = [bytes([row]) * 16 for row in range(4)]
    kernel.arrive(T0 + 1, 0, b"".join(row + b"p" * 16 for row in rows))
    assert camera.read(T0).data == b"".join(rows)


def test_half_a_frame_is_none(clock):
    kernel = small(clock)
    camera = opened(kernel)
    kernel.arrive(T0 + 1 * MS, 0, YUYV[:40])
    kernel.arrive(T0 + 2 * MS, 1, YUYV)
    assert camera.read(T0).mono_ns == T0 + 2 * MS


@pytest.mark.parametrize(("flags", "stamp_ns"), [(0, T0 + 5 * MS), (STAMPED, 5 * S), (STAMPED, T0 + 99 * S)])
def test_a_stamp_of_another_clock_is_not_believed(clock, flags, stamp_ns):
    kernel = small(clock)
    camera = opened(kernel)
    kernel.arrive(T0 + 7 * MS, 0, YUYV, flags, stamp_ns)
    frame = camera.read(T0)
    assert (frame.mono_ns, frame.uncertainty_ns) == (T0 + 7 * MS, 250 * MS)


def test_a_camera_without_frames_has_stalled(clock):
    camera = opened(small(clock))
    lost = camera.read(T0)
    assert isinstance(lost, Loss)
    assert lost.reason is LossReason.STALLED
    assert clock.mono_ns() == T0 + 2 * S


def test_an_unplugged_camera_is_lost(clock):
    kernel = small(clock)
    camera = opened(kernel)
    kernel.gone = True
    with pytest.raises(DeviceLost, match="No such device; plug it in"):
        camera.read(T0)
    camera.close()
    assert kernel.closed == 1


@pytest.mark.parametrize(
    ("formats", "wanted", "code", "size", "pixels"),
    [
        ({"YUYV": [(640, 480)], "MJPG": [(640, 480)]}, (640, 480), "YUYV", (640, 480), PixelFormat.YUYV),
        (
            {"YUYV": [(640, 480), (1280, 720)], "MJPG": [(1280, 720)]},
            (1280, 720),
            "MJPG",
            (1280, 720),
            PixelFormat.ENCODED,
        ),
        ({"YUYV": [(320, 240)], "MJPG": [(640, 480)]}, (640, 480), "MJPG", (640, 480), PixelFormat.ENCODED),
        ({"RGB3": [(320, 240)]}, (640, 480), "RGB3", (320, 240), PixelFormat.RGB),
        ({"JPEG": [(352, 288)]}, (320, 240), "JPEG", (352, 288), PixelFormat.ENCODED),
    ],
)
def test_the_format_is_the_nearest_size_plain_where_that_is_small(clock, formats, wanted, code, size, pixels):
    kernel = FakeCamera(clock, formats)
    camera = opened(kernel, *wanted)
    assert (kernel.code, kernel.size, (camera.width, camera.height)) == (code, size, size)
    kernel.arrive(T0 + 1, 0, bytes(size[0] * size[1] * (3 if pixels is PixelFormat.RGB else 2))[: kernel._length])
    assert camera.read(T0).pixels is pixels


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENODEV, errno.EBUSY, errno.EIO])
def test_what_may_come_back_is_lost(clock, number):
    kernel = small(clock)
    kernel.fails["open"] = number
    with pytest.raises(DeviceLost, match="/dev/camera can't be opened"):
        opened(kernel)


def test_a_camera_that_udev_has_not_given_to_its_group_yet_is_tried_again_and_the_remedy_is_told(clock):
    kernel = small(clock)
    kernel.fails["open"] = errno.EACCES
    with pytest.raises(DeviceLost, match="group 'video'"):
        opened(kernel)


@pytest.mark.parametrize("step", ["s_fmt", "s_parm", "reqbufs", "querybuf", "qbuf", "streamon"])
def test_a_camera_that_goes_while_it_is_opened_is_given_back(clock, step):
    kernel = small(clock)
    kernel.fails[step] = errno.ENODEV
    with pytest.raises(DeviceLost):
        opened(kernel)
    assert kernel.closed == 1


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda kernel: kernel.fails.update(querycap=errno.ENOTTY), "no video device"),
        (lambda kernel: setattr(kernel, "capabilities", v4l2.CAP_STREAMING), "index0"),
        (lambda kernel: setattr(kernel, "formats", {"H264": [(640, 480)]}), "neither YUYV nor JPEG nor RGB"),
    ],
)
def test_what_a_person_has_to_change_is_said(clock, prepare, says):
    kernel = small(clock)
    prepare(kernel)
    with pytest.raises(DriverError, match=says) as refused:
        opened(kernel)
    assert not isinstance(refused.value, DeviceLost)
    assert kernel.opens == kernel.closed


def test_a_camera_that_does_not_tell_its_rate_is_used_all_the_same(clock):
    kernel = small(clock)
    kernel.fails["s_parm"] = errno.ENOTTY
    camera = opened(kernel)
    kernel.arrive(T0 + 1, 0, YUYV, flags=0)
    assert camera.read(T0).uncertainty_ns == 250 * MS


def test_the_real_calls_refuse_what_is_no_camera(tmp_path):
    with pytest.raises(DriverError, match="no video device"):
        V4l2Camera("/dev/null", width=640, height=480, fps=5, stall_s=1)
    with pytest.raises(DeviceLost, match="No such file"):
        V4l2Camera(str(tmp_path / "video0"), width=640, height=480, fps=5, stall_s=1)


def test_structures_and_codes_are_the_kernels(tmp_path):
    header = Path("/usr/include/linux/videodev2.h")
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert header.exists(), "linux-libc-dev is among the packages that ./run installs"
    assert compiler
    structures = {
        "v4l2_capability": v4l2.Capability,
        "v4l2_pix_format": v4l2.PixFormat,
        "v4l2_format": v4l2.Format,
        "v4l2_streamparm": v4l2.StreamParm,
        "v4l2_requestbuffers": v4l2.RequestBuffers,
        "v4l2_buffer": v4l2.Buffer,
    }
    members = [
        ("v4l2_buffer", "timestamp"),
        ("v4l2_buffer", "sequence"),
        ("v4l2_buffer", "m"),
        ("v4l2_buffer", "length"),
        ("v4l2_format", "fmt"),
        ("v4l2_streamparm", "parm"),
    ]
    codes = ["QUERYCAP", "S_FMT", "REQBUFS", "QUERYBUF", "QBUF", "DQBUF", "STREAMON", "STREAMOFF", "S_PARM"]
    lines = [f'printf("%zu ", sizeof(struct {name}));' for name in structures]
    lines += [f'printf("%zu ", offsetof(struct {name}, {member}));' for name, member in members]
    lines += [f'printf("%lu ", (unsigned long)VIDIOC_{code});' for code in codes]
    source = tmp_path / "sizes.c"
    body = "\n".join(lines)
    source.write_text(
        f"#include <stddef.h>\n#include <stdio.h>\n#include <linux/videodev2.h>\nint main(void) {{\n{body}\n}}\n"
    )
    subprocess.run([compiler, "-o", tmp_path / "sizes", source], check=True)
    said = subprocess.run([tmp_path / "sizes"], check=True, capture_output=True, text=True).stdout
    ours = [ctypes.sizeof(kind) for kind in structures.values()]
    ours += [getattr(structures[name], member).offset for name, member in members]
    ours += [getattr(v4l2, code) for code in codes]
    assert [int(word) for word in said.split()] == ours
