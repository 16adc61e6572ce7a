"""The shipped eye on a camera of the kernel: frames by the driver's clock, a name for every absence, no other power."""

import itertools
import os
import pwd
import stat
import time

import pytest

from edge.faces import FaceReader, FaceState, NoDataReason
from edge.wire import SnapshotData
from lab.device.camera import DEVICE, VividCamera
from lab.device.confinement import probed, status_of
from lab.device.installation import BOX, EYE, FACE_RING
from lab.device.waiting import wait_until

FPS = 5
PERIOD_NS = 1_000_000_000 // FPS
# A step lies between two stamps, each a tick of 250 Hz late at most, and what reading a clock takes.
STEP_NS_MAX = 8_200_000
FRAMES = 20
# The guest computes a look in a fifth of a second of its time: less than one frame a second would be a fault.
RATE_MIN = 1.0
BACK_S_MAX = 3.0
# A frame that was under way when the hand came, and the next one.
COVERED_S_MAX = 2.0
SKEW_MS_MAX = 200
SETTINGS = f"""
[eye]
enabled = true
device = "{DEVICE}"
fps = {FPS}
"""
MAY = {
    "read configuration",
    "read camera",
    "write face ring folder",
    "write own temporary folder",
    "make unix socket",
}


@pytest.fixture(scope="module")
def camera():
    return VividCamera()


@pytest.fixture(scope="module")
def watching(camera, installation):
    """The face ring of an eye at work; the box that `counter` starts then knows of it."""
    installation.stop(EYE, BOX)
    FACE_RING.unlink(missing_ok=True)
    installation.reconfigure(SETTINGS)
    installation.start(EYE)
    reader = FaceReader(FACE_RING)
    yield reader
    reader.close()
    installation.stop(EYE, BOX)
    installation.reconfigure("")


@pytest.fixture
def ring(watching, camera):
    """The same, while frames come."""
    if not camera.plugged:
        camera.plug()
    camera.uncover()
    wait_until(lambda: watching.newest().point.state is FaceState.NO_FACE, "frames come", poll_s=0.1)
    return watching


def points_since(ring, begin_ns):
    return ring.points(begin_ns, time.monotonic_ns())


def wait_for_point(ring, since_ns, matches, what):
    """The first such point since a moment."""
    return wait_until(
        lambda: next((point for point in points_since(ring, since_ns) if matches(point)), None), what, poll_s=0.1
    )


def health_says(counter, state, reason):
    def said():
        eye = counter.box.state().get("health", {}).get("eye") or {}
        return eye if (eye.get("state"), eye.get("reason")) == (state, reason) else None

    return wait_until(said, f"the box's health says {state}, {reason}", poll_s=0.2)


def test_frames_come_in_time_with_the_stamps_of_the_driver(ring, say, figure):
    """vivid begins frames on a grid, a tick off at most; a clock read by the busy eye would be anywhere."""
    begin_ns = time.monotonic_ns()
    points = wait_until(
        lambda: found if len(found := points_since(ring, begin_ns)) >= FRAMES else None, "frames come", poll_s=0.5
    )
    stamps = [point.mono_ns for point in points]
    steps = [later - earlier for earlier, later in itertools.pairwise(stamps)]
    rate = len(steps) / (stamps[-1] - stamps[0]) * 1e9
    off_ns = [(step + PERIOD_NS // 2) % PERIOD_NS - PERIOD_NS // 2 for step in steps]
    say(f"{len(points)} points, {rate:.3f} a second; steps are off the grid by {min(off_ns)} to {max(off_ns)} ns")
    figure("frames that the eye looked at", rate, "1/s")
    assert {point.state for point in points} == {FaceState.NO_FACE}
    assert max(map(abs, off_ns)) <= STEP_NS_MAX
    assert RATE_MIN <= rate <= FPS * 1.02
    assert stamps[-1] <= time.monotonic_ns()


def test_the_ring_says_what_it_is_and_has_no_room_for_a_picture(ring, say):
    source = ring.source
    about = FACE_RING.stat()
    say(source, f"{FACE_RING.owner()}:{FACE_RING.group()} {stat.S_IMODE(about.st_mode):04o}, {about.st_size} bytes")
    assert (source.source, source.simulated, source.privacy) == (f"v4l2:{DEVICE}", False, "index")
    assert (FACE_RING.owner(), FACE_RING.group()) == ("earshot-eye", "earshot-box")
    assert stat.S_IMODE(about.st_mode) == 0o640
    assert about.st_size < 640 * 480


def test_it_runs_as_its_own_user_without_any_power(ring, installation, say):
    status = status_of(installation.pid(EYE))
    user = pwd.getpwnam(EYE)
    say({name: status[name] for name in ("Uid", "Groups", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")})
    assert status["Uid"].split() == [str(user.pw_uid)] * 4
    assert user.pw_uid != 0
    assert sorted(map(int, status["Groups"].split())) == sorted(os.getgrouplist(EYE, user.pw_gid))
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_of_all_that_is_tried_it_may_do_its_own_work_alone(ring, counter, say):
    """With the counter around it: what it may not touch is there."""
    said = probed(EYE)
    for door, outcome in said.items():
        say(f"{door}: {outcome}")
    assert {door for door, outcome in said.items() if outcome == "may"} == MAY


def test_a_press_has_a_snapshot_of_its_moment_without_a_picture(ring, counter, say):
    touch = counter.touch_red()
    press = counter.press_of(touch, "red")

    def found():
        snapshots = (event.data for event in counter.bridge.of(SnapshotData))
        return next((data for data in snapshots if data.press == press.id), None)

    snapshot = wait_until(found, "the bridge has the snapshot", poll_s=0.2)
    say(f"{snapshot.state} {snapshot.reason}, frame {snapshot.skew_ms} ms from the press, face {snapshot.face_share}")
    # The slow guest may have looked at no frame near the press, which has to be told as such.
    assert (snapshot.state, snapshot.reason) in {("no_face", None), ("no_data", "no_frame")}
    assert (snapshot.smiled, snapshot.probability) == (None, None)
    assert (snapshot.camera, snapshot.simulated, snapshot.picture) == (f"v4l2:{DEVICE}", False, None)
    assert (snapshot.skew_ms is None) == (snapshot.state == "no_data")
    assert abs(snapshot.skew_ms or 0) <= SKEW_MS_MAX


def test_a_camera_that_is_unplugged_is_named_and_used_again_when_it_is_back(ring, counter, camera, say, figure):
    health_says(counter, "no_face", None)
    pid = counter.box.pid(EYE)
    gone_ns = camera.unplug()
    lost = counter.fault("camera_absent", active=True, since_ns=gone_ns)
    health = health_says(counter, "no_data", "disconnect")
    say(f"told {(lost.stamp.mono_ns - gone_ns) / 1e9:.2f} s after it had gone: {lost.detail}; health: {health}")
    assert not health["running"]
    named = wait_for_point(ring, gone_ns, lambda point: point.state is FaceState.NO_DATA, "the ring says so")
    assert named.reason is NoDataReason.DISCONNECT
    back_ns = camera.plug()
    frame = wait_for_point(ring, back_ns, lambda point: point.state is not FaceState.NO_DATA, "frames come again")
    took_s = (frame.mono_ns - back_ns) / 1e9
    say(f"a frame {took_s:.3f} s after it was back; {counter.box.show(EYE, 'NRestarts')} restarts")
    figure("camera used after it is back", took_s, "s")
    assert took_s <= BACK_S_MAX
    counter.fault("camera_absent", active=False, since_ns=back_ns)
    assert health_says(counter, "no_face", None)["running"]
    between = [point for point in ring.points(gone_ns, back_ns) if point.state is not FaceState.NO_DATA]
    say(f"{len(between)} frames were under way when it went")
    assert all(point.mono_ns - gone_ns < PERIOD_NS for point in between)
    assert counter.box.pid(EYE) == pid, "a camera that comes and goes ends no eye"


def test_a_covered_lens_is_no_data_and_never_an_empty_place(ring, counter, camera, say, figure):
    covered_ns = camera.cover()
    try:
        first = wait_for_point(ring, covered_ns, lambda point: point.state is FaceState.NO_DATA, "the ring says so")
        health = health_says(counter, "no_data", "covered")
        say(f"health: {health}")
        after = wait_until(
            lambda: found if len(found := points_since(ring, first.mono_ns)) >= FPS else None, "it stays so", poll_s=0.2
        )
    finally:
        uncovered_ns = camera.uncover()
    took_s = (first.mono_ns - covered_ns) / 1e9
    figure("covered lens named", took_s, "s")
    assert first.reason is NoDataReason.COVERED
    assert took_s <= COVERED_S_MAX
    assert {point.reason for point in after} == {NoDataReason.COVERED}
    assert not health["running"]
    wait_for_point(ring, uncovered_ns, lambda point: point.state is FaceState.NO_FACE, "it sees again")
