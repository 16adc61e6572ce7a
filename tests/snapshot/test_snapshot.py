"""A press and its snapshot: the right frame, the right strip, once, whatever ends in between."""

import random

import pytest
from box_parts import S
from fake_clock import BOOT_B
from snapshot_rig import PERIOD_NS, START_NS, SnapshotRig, calm, covered, nobody, picture_of

from edge.wire import smile_index


@pytest.fixture
def rig(quick_folder):
    rigs = []

    def make(*arguments, **values):
        rigs.append(SnapshotRig(quick_folder, *arguments, **values))
        return rigs[0]

    yield make
    for one in rigs:
        one.close()


def test_a_calm_client(rig):
    box = rig()
    box.advance(40)
    press = box.press()
    box.advance(8)
    (data,) = box.made
    assert (data.snapshot, data.press) == (press.snapshot_id, press.id)
    assert (data.state, data.probability, data.smiled) == ("face", pytest.approx(0.1), False)
    assert abs(data.skew_ms) <= 100
    assert data.face_share == pytest.approx(1.0, abs=0.02)
    assert [point.probability for point in data.strip] == pytest.approx([0.1] * 30)
    assert (data.partial, data.partial_reason, data.reason) == (False, None, None)
    assert (data.index.n, data.index.smiled) == (1, 0)
    assert (data.model, data.threshold, data.camera, data.privacy) == ("smile-v1", 0.5, "scripted camera", "index")
    assert data.model_sha256 is not None


def ten_minutes(mono_ns):
    """Who stands there changes each minute and smiles in some of them; the lens is covered for twenty seconds."""
    at_s = (mono_ns - START_NS) / S
    if 300 <= at_s < 320:
        return covered(mono_ns)
    minute = int(at_s // 60)
    if minute == 3:
        return nobody(mono_ns)
    # Every second has its own value, so that a strip that is off by one is seen.
    probability = 0.9 if minute in (1, 4, 7) and at_s % 60 > 50 else 0.01 * (1 + int(at_s) % 45)
    return calm(mono_ns, round(probability, 3))


def test_every_press_of_ten_minutes_gets_the_right_frame_and_the_right_thirty_seconds(rig):
    box = rig(ten_minutes, privacy="snapshot")
    rng = random.Random(7)
    times_s = sorted([55.03, 119.9, 205.5, 315.0, 340.0, *(rng.uniform(40, 590) for _ in range(30))])
    presses = {}
    for at_s in times_s:
        box.advance(START_NS / S + at_s - box.clock.mono_ns() / S, step_ns=PERIOD_NS)
        press = box.press("green" if at_s % 2 < 1 else "kok")
        if not press.misuse:
            presses[press.snapshot_id] = press
    box.advance(10)
    assert [data.snapshot for data in box.made] == list(presses)
    outcomes = []
    for data in box.made:
        at_ns = presses[data.snapshot].mono_ns
        begin_ns = max(START_NS, at_ns - 31 * S) // PERIOD_NS * PERIOD_NS
        frames = range(begin_ns + PERIOD_NS, at_ns + 6 * S, PERIOD_NS)
        nearest_ns = min(frames, key=lambda frame_ns: abs(frame_ns - at_ns))
        truth = ten_minutes(nearest_ns)
        assert data.state == truth.state
        if truth.state == "no_data":
            assert (data.skew_ms, data.probability, data.reason) == (None, None, "covered")
            assert box.pictures[data.snapshot] == b"no picture"
        else:
            assert data.skew_ms == (nearest_ns - at_ns) / 1e6
            assert data.probability == (None if truth.probability is None else pytest.approx(truth.probability))
            assert box.pictures[data.snapshot] == picture_of(nearest_ns)
        for point in data.strip:
            second = [
                ten_minutes(t) for t in frames if at_ns + point.offset_s * S <= t < at_ns + (point.offset_s + 1) * S
            ]
            found = [p.probability for p in second if p.state == "face"]
            assert point.probability == (pytest.approx(sum(found) / len(found), abs=1e-4) if found else None)
        window = [ten_minutes(t) for t in frames if at_ns - 31 * S <= t <= at_ns + 5 * S]
        assert data.smiled is smile_index.smiled(window, at_ns, 0.5)
        outcomes.append(data.smiled)
        figures = smile_index.smile_index(outcomes)
        assert (data.index.n, data.index.smiled, data.index.percent) == figures[:3]
    assert set(outcomes) == {True, False, None}
    # The lens was covered at these, or nobody was there.
    by_time = {round((presses[data.snapshot].mono_ns - START_NS) / S, 1): data for data in box.made}
    assert by_time[315.0].smiled is None
    assert by_time[205.5].smiled is None
    assert by_time[315.0].face_share < 0.6


def test_the_frame_is_the_nearest_one_never_the_one_of_now(rig):
    box = rig(privacy="snapshot")
    box.advance(40)
    late_ns = 3 * S + 70_000_000
    press = box.press(late_ns=late_ns)
    box.advance(8)
    (data,) = box.made
    assert abs(data.frame_mono_ns - press.mono_ns) <= PERIOD_NS // 2
    assert box.pictures[data.snapshot] == picture_of(data.frame_mono_ns)


@pytest.mark.parametrize("film", [None, covered])
def test_without_a_frame_near_the_press_nothing_is_made_up(rig, film):
    box = rig(film, privacy="snapshot")
    box.advance(40)
    box.press()
    box.advance(9)
    (data,) = box.made
    assert (data.state, data.frame_mono_ns, data.skew_ms, data.probability) == ("no_data", None, None, None)
    assert data.reason == ("absent" if film is None else "covered")
    assert data.smiled is None
    assert (data.index.n, data.index.percent) == (0, None)
    assert {point.state for point in data.strip} == {"no_data"}
    assert data.partial is (film is None)


def test_a_camera_that_stopped_a_second_ago_has_no_frame_of_the_press(rig):
    box = rig(privacy="snapshot")
    box.advance(40)
    box.film = None
    box.advance(1)
    box.press()
    box.advance(9)
    (data,) = box.made
    assert (data.state, data.reason, data.skew_ms) == ("no_data", "no_frame", None)
    assert data.partial
    assert data.partial_reason == "seen only until -1.2 s from the press"
    assert data.smiled is False


def test_the_smile_after_the_press_counts(rig):
    box = rig(lambda t: calm(t, 0.9 if START_NS + 42 * S <= t <= START_NS + 43 * S else 0.1))
    box.advance(40)
    box.press()
    box.advance(8)
    assert box.made[0].smiled is True
    assert box.made[0].probability == pytest.approx(0.1)


def test_hammering_is_one_client(rig):
    box = rig()
    box.advance(40)
    presses = []
    for _ in range(7):
        presses.append(box.press())
        box.advance(0.5)
    box.advance(9)
    assert [press.snapshot_id is None for press in presses] == [press.misuse for press in presses]
    assert len(box.made) == 4
    assert box.made[-1].index.n == 4


def test_simulated_presses_make_an_index_of_their_own(rig):
    box = rig()
    box.advance(40)
    for simulated in (False, True, True):
        box.press(simulated=simulated)
        box.advance(8)
    assert [(data.simulated, data.index.n) for data in box.made] == [(False, 1), (True, 1), (True, 2)]


def test_a_simulated_camera_makes_a_simulated_record(rig):
    box = rig(simulated=True)
    box.advance(40)
    box.press()
    box.advance(8)
    assert box.made[0].simulated


def test_the_index_is_of_the_local_day(rig):
    box = rig(lambda t: calm(t, 0.9))
    box.advance(40)
    box.press()
    box.advance(8)
    box.clock.step_wall(24 * 3600 * S)
    box.press()
    box.advance(8)
    first, second = box.made
    assert (first.index.n, second.index.n) == (1, 1)
    assert second.index.since_ns - first.index.since_ns == 24 * 3600 * S
    assert first.index.since_ns <= first.stamp.wall_ns


@pytest.mark.parametrize("dead_s", [0.05, 1, 4, 20])
def test_a_box_that_was_restarted_within_the_window_makes_the_same_snapshot_once(rig, dead_s):
    box = rig(ten_minutes, privacy="snapshot")
    box.advance(56)
    press = box.press()
    box.advance(0.7 if dead_s > 1 else 0.1)
    box.stop_box()
    seen_ns = box.clock.mono_ns()
    box.clock.advance(round(dead_s * S))
    assert box.clock.mono_ns() > seen_ns
    box._look()
    box.start_box()
    box.advance(10)
    (data,) = box.made
    assert data.snapshot == press.snapshot_id
    assert not data.partial
    assert box.pictures[data.snapshot] == picture_of(data.frame_mono_ns)
    box.stop_box()
    box.start_box()
    box.advance(10)
    assert len(box.made) == 1


def test_after_a_power_cut_what_was_seen_until_the_press_is_delivered(rig):
    box = rig(ten_minutes, privacy="snapshot")
    box.advance(56)
    press = box.press()
    box.advance(1)
    box.reboot(BOOT_B)
    box.advance(1)
    (data,) = box.made
    assert (data.snapshot, data.partial) == (press.snapshot_id, True)
    assert "s from the press" in data.partial_reason
    assert data.stamp == box.made[0].stamp
    assert box.pictures[data.snapshot] == picture_of(data.frame_mono_ns)
    assert [point.state for point in data.strip] == ["face"] * 30
    assert 0.8 < data.face_share < 0.9


def test_after_a_power_cut_at_the_press_itself_the_snapshot_says_that_there_is_nothing(rig):
    box = rig(privacy="snapshot")
    box.advance(56)
    box.press()
    box.reboot(BOOT_B)
    box.advance(1)
    (data,) = box.made
    assert (data.state, data.smiled, data.partial) == ("no_data", None, True)
    assert data.partial_reason == "nothing of the window was seen"


def test_an_eye_that_was_restarted_within_the_window_loses_only_its_own_time(rig):
    box = rig(privacy="snapshot")
    box.advance(40)
    box.press()
    box.advance(1)
    box.eye.close()
    (box.folder / "face.ring").unlink()
    box.start_eye()
    box.advance(8)
    (data,) = box.made
    assert [point.state for point in data.strip] == ["face"] * 30
    assert data.face_share > 0.95
    assert not data.partial
    assert box.pictures[data.snapshot] == picture_of(data.frame_mono_ns)
