"""The camera that is a film or a folder: exact stamps, the newest frame, and an end."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_clock import FakeClock

from drivers.camera_video import Film, VideoCamera, open_strip
from drivers.contract import DriverError, EndOfStream, PixelFormat

MS = 1_000_000
T0 = 10**12


@pytest.fixture
def clock():
    return FakeClock(mono_ns=T0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_bytes(b"picture %d" % number)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def camera(path, clock, **settings):
    return VideoCamera(
        path, fps=5, clock_ns=clock.mono_ns, sleep=lambda seconds: clock.advance(round(seconds * 1e9)), **settings
    )


def test_pictures_come_in_their_order_in_real_time_with_exact_stamps(folder, clock):
    source = camera(folder, clock)
    seen = []
    for _ in range(5):
        frame = source.read(seen[-1].mono_ns + 1 if seen else T0)
        assert frame.mono_ns <= clock.mono_ns()
        seen.append(frame)
    assert [frame.mono_ns for frame in seen] == [T0 + n * 200 * MS for n in range(5)]
    assert [frame.data for frame in seen] == [b"picture %d" % n for n in range(5)]
    assert {frame.pixels for frame in seen} == {PixelFormat.ENCODED}
    assert source.simulated


def test_who_comes_late_gets_the_newest(folder, clock):
    source = camera(folder, clock)
    clock.advance(650 * MS)
    frame = source.read(T0)
    assert (frame.mono_ns, frame.data) == (T0 + 600 * MS, b"picture 3")


def test_frames_before_the_asked_time_are_passed_over(folder, clock):
    source = camera(folder, clock)
    frame = source.read(T0 + 390 * MS)
    assert (frame.mono_ns, frame.data) == (T0 + 400 * MS, b"picture 2")


def test_it_begins_anew_without_a_seam(folder, clock):
    source = camera(folder, clock)
    frame = source.read(T0 + 1200 * MS)
    assert (frame.mono_ns, frame.data) == (T0 + 1200 * MS, b"picture 1")


def test_without_loop_it_ends(folder, clock):
    source = camera(folder, clock, loop=False)
    assert source.read(T0 + 800 * MS).data == b"picture 4"
    with pytest.raises(EndOfStream, match="over after 5 frames"):
        source.read(T0 + 1000 * MS)


def test_a_single_picture_stays(folder, clock):
    source = camera(folder / "2.jpg", clock)
    assert [source.read(T0 + n * 200 * MS).data for n in range(3)] == [b"picture 2"] * 3


@pytest.mark.parametrize(("name", "says"), [("absent.mp4", "does not exist"), ("", "holds no picture")])
def test_what_is_no_source_is_refused(tmp_path, clock, name, says):
    with pytest.raises(DriverError, match=says):
        camera(tmp_path / name, clock)


def test_what_is_no_film_is_refused(tmp_path, clock):
    (tmp_path / "film.mp4").write_bytes(b"nothing of the kind")
    with pytest.raises(DriverError, match="can't be read as a film"):
        camera(tmp_path / "film.mp4", clock)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty frames at ten a second, each with one bright column a step further on."""
    path = tmp_path_factory.mktemp("film") / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (200, 40))
    for number in range(20):
        frame = np.zeros((40, 200, 3), np.uint8)
        frame[:, number * 10 : number * 10 + 10] = (0, 0, 255)
        writer.write(frame)
    writer.release()
    return path


def number_of(frame) -> int:
    rgb = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.width, 3)
    assert rgb[..., 0].max() > 200, "red"
    assert rgb[..., 2].max() < 90, "not blue"
    return int(rgb[20, :, 0].argmax()) // 10


def test_a_film_keeps_its_own_rate(film, clock):
    source = camera(film, clock)
    numbers = [(source.read(T0 + n * 300 * MS).mono_ns, n) for n in range(3)]
    assert numbers == [(T0 + n * 300 * MS, n) for n in range(3)]
    again = camera(film, clock)
    clock.advance(1250 * MS)
    frame = again.read(T0)
    assert number_of(frame) == (frame.mono_ns - again._t0_ns) // (100 * MS)


def test_a_film_is_repeated(film, clock):
    frame = camera(film, clock).read(T0 + 2500 * MS)
    assert number_of(frame) == 5


def test_a_strip_counts_its_frames(film):
    strip = open_strip(film, 5)
    assert isinstance(strip, Film)
    assert strip.fps == pytest.approx(10)
    count = 0
    while strip.next() is not None:
        count += 1
    assert count == 20
    assert not strip.skip()
