"""The eye's loop on a scripted camera in virtual time: every frame in its place, every absence named."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from scripted_eye import (
    BROKEN,
    COVERED,
    STALLED,
    UNPLUGGED,
    Person,
    Scene,
    Told,
    number_in,
    play,
)

from edge.faces import FaceReader, FaceState, NoDataReason

NS = 1_000_000_000
SMILE, NEUTRAL = Person(0.95), Person(0.05)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "face.ring"


def states(reader: FaceReader, t0_ns: int, start_s: float, end_s: float) -> set[tuple[str, str | None]]:
    points = reader.points(t0_ns + round(start_s * NS), t0_ns + round(end_s * NS))
    return {(point.state.value, None if point.reason is None else point.reason.value) for point in points}


def test_five_frames_a_second_each_with_its_stamp_its_face_and_its_picture(path: Path) -> None:
    t0_ns = play(path, [Scene(0, (SMILE,)), Scene(10, (NEUTRAL,))], 20)
    reader = FaceReader(path)
    points = reader.points(0, 10**18)
    assert len(points) == 100
    assert {later.mono_ns - earlier.mono_ns for earlier, later in pairwise(points)} == {NS // 5}
    assert {point.state for point in points} == {FaceState.FACE}
    assert {point.face for point in points} == {1}
    for point in points:
        wanted = 0.95 if point.mono_ns < t0_ns + 10 * NS else 0.05
        assert point.probability == pytest.approx(wanted, abs=0.05)
        assert point.box == pytest.approx((60 / 160, 50 / 120, 40 / 160, 40 / 120), abs=0.03)
        frame = reader.nearest(point.mono_ns, 1)
        assert frame is not None
        assert number_in(frame.jpeg) == round((point.mono_ns - t0_ns) * 30 / NS) % 2**16


def test_no_face_is_not_no_data(path: Path) -> None:
    t0_ns = play(path, [Scene(0), Scene(5, (SMILE,)), Scene(10, trouble=COVERED), Scene(30, (SMILE,))], 40)
    reader = FaceReader(path)
    assert states(reader, t0_ns, 0, 4.9) == {("no_face", None)}
    assert states(reader, t0_ns, 10, 29.9) == {("no_data", "covered")}
    assert states(reader, t0_ns, 31, 40) == {("face", None)}
    covered = reader.points(t0_ns + 10 * NS, t0_ns + 30 * NS)
    assert all(point.probability is None and point.box is None and point.face is None for point in covered)
    faces = {point.face for point in reader.points(0, 10**18)} - {None}
    assert faces == {1, 2}, "who comes after twenty dark seconds is somebody else"


def test_a_camera_that_is_unplugged_is_back_within_three_seconds(path: Path) -> None:
    told = Told()
    t0_ns = play(path, [Scene(0, (SMILE,)), Scene(5, trouble=UNPLUGGED), Scene(15, (SMILE,))], 20, told=told)
    reader = FaceReader(path)
    assert states(reader, t0_ns, 5, 14.9) == {("no_data", "disconnect")}
    back = [point for point in reader.points(t0_ns + 15 * NS, 10**18) if point.state is FaceState.FACE]
    assert back[0].mono_ns - t0_ns <= 18 * NS
    points = reader.points(0, 10**18)
    gaps = [later.mono_ns - earlier.mono_ns for earlier, later in pairwise(points)]
    assert max(gaps) <= 0.75 * NS, "an absence is told again and again, so that nothing seems to last"
    assert told.said == ["READY watching scripted", "scripted: unplugged", "watching scripted", "STOPPING"]
    assert told.alive_count >= 15


def test_an_absent_camera_is_named_before_the_first_frame(path: Path) -> None:
    told = Told()
    t0_ns = play(path, [Scene(0, trouble=UNPLUGGED), Scene(4)], 6, told=told)
    assert states(FaceReader(path), t0_ns, 0, 3.9) == {("no_data", "absent")}
    assert told.said[0] == "READY scripted: unplugged"


def test_a_stalled_camera_is_opened_anew_and_feeds_no_watchdog(path: Path) -> None:
    told = Told()
    t0_ns = play(path, [Scene(0, (SMILE,)), Scene(5, trouble=STALLED), Scene(15, (SMILE,))], 20, told=told)
    reader = FaceReader(path)
    assert states(reader, t0_ns, 5, 14.9) == {("no_data", "stalled")}
    assert states(reader, t0_ns, 18, 20) == {("face", None)}
    assert told.alive_count <= 5 + 5 + 2


def test_broken_pictures_are_no_data(path: Path) -> None:
    t0_ns = play(path, [Scene(0, (SMILE,)), Scene(5, trouble=BROKEN), Scene(7, (SMILE,))], 10)
    assert states(FaceReader(path), t0_ns, 5, 6.9) == {("no_data", NoDataReason.STALLED.value)}


def test_one_client_stays_one_while_another_passes_behind(path: Path) -> None:
    passing = [Scene(at, (SMILE, Person(0.05, 10 + at, 60, 18))) for at in range(2, 12)]
    play(path, [Scene(0, (SMILE,)), *passing, Scene(12, (SMILE,))], 15)
    points = FaceReader(path).points(0, 10**18)
    assert {point.face for point in points} == {1}
    assert all(point.probability > 0.8 for point in points)
    assert max(point.faces for point in points) == 2


def test_who_comes_nearer_becomes_the_client_and_keeps_his_own_number(path: Path) -> None:
    behind = Person(0.05, 20, 70, 24)
    nearer = Person(0.95, 80, 30, 70)
    t0_ns = play(path, [Scene(0, (behind,)), Scene(5, (behind, nearer)), Scene(12, (nearer,))], 15)
    reader = FaceReader(path)
    first = {point.face for point in reader.points(t0_ns, t0_ns + 5 * NS)}
    last = {point.face for point in reader.points(t0_ns + 8 * NS, t0_ns + 15 * NS)}
    assert first == {1}
    assert len(last) == 1
    assert last.isdisjoint(first)


def test_only_the_region_is_looked_at_and_pictured(path: Path) -> None:
    outside, inside = Person(0.95, 10, 60, 50), Person(0.05, 110, 60, 30)
    play(path, [Scene(0, (outside, inside))], 5, region_left=0.5)
    reader = FaceReader(path)
    points = reader.points(0, 10**18)
    assert all(point.faces == 1 and point.probability < 0.2 for point in points)
    assert points[-1].box == pytest.approx(((110 - 80) / 80, 60 / 120, 30 / 80, 30 / 120), abs=0.05)
    newest = reader.newest()
    assert (newest.width, newest.height) == (80, 120)


def test_in_mode_index_nothing_of_a_picture_is_in_the_ring(path: Path) -> None:
    play(path, [Scene(0, (SMILE,))], 10, privacy="index")
    reader = FaceReader(path)
    assert all(reader.nearest(point.mono_ns, 1).jpeg is None for point in reader.points(0, 10**18))
    assert b"\xff\xd8\xff" not in path.read_bytes()


def test_numbers_of_faces_go_on_after_a_restart(path: Path) -> None:
    from fake_clock import FakeClock

    clock = FakeClock()
    play(path, [Scene(0, (SMILE,))], 5, clock=clock)
    clock.advance(NS)
    t1_ns = play(path, [Scene(0, (SMILE,))], 5, clock=clock)
    reader = FaceReader(path)
    assert {point.face for point in reader.points(0, t1_ns)} == {1}
    assert {point.face for point in reader.points(t1_ns, 10**18)} == {2}


def test_ten_minutes_lose_no_frame(path: Path) -> None:
    scenes = []
    for at in range(0, 600, 40):
        scenes += [Scene(at), Scene(at + 5, (NEUTRAL,)), Scene(at + 15, (SMILE,)), Scene(at + 30, (NEUTRAL,))]
    scenes += [Scene(300.01, trouble=COVERED), Scene(320, (SMILE,))]
    t0_ns = play(path, sorted(scenes, key=lambda scene: scene.start_s), 600, depth_s=660, privacy="index")
    points = FaceReader(path).points(0, 10**18)
    assert len(points) == 3000
    assert [round((point.mono_ns - t0_ns) * 5 / NS) for point in points] == list(range(3000))
