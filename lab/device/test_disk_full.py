"""A data disk that fills up: sound is given up, the oldest first, and each press is kept and delivered."""

import contextlib
import os
import time

import pytest

from edge.wire import PressData, TrackData, TrackLostData
from lab.device.board import LampWatch
from lab.device.counter import BEFORE_S, RED_LAMP, sound
from lab.device.installation import BOX, DATA
from lab.device.loopback import Playing
from lab.device.waiting import run, wait_until

DISK_BYTES = 64 * 1024 * 1024
RESERVE_BYTES = 8 * 1024 * 1024
PRESSES = 8
# What is missing to the reserve: the sound of some of the presses, not of all.
SHORT_BYTES = 256 * 1024


@pytest.fixture
def small_disk(counter, tmp_path, request):
    """The box on a file system of its own, as its data partition is; the bridge is away."""
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    run("mkfs.ext4", "-q", "-m", "0", image)
    counter.box.stop(BOX)
    counter.box.forget_outbox()
    run("mount", "-o", "loop", image, DATA)
    counter.box.reconfigure(f"\n[tracks]\ndisk_reserve_bytes = {RESERVE_BYTES}\n")
    counter.bridge.online(False)
    counter.box.start(BOX)
    yield
    counter.box.stop(BOX)
    run("umount", DATA)
    counter.box.reconfigure("")
    counter.bridge.online(True)


def free_bytes():
    found = os.statvfs(DATA)
    return found.f_bavail * found.f_frsize


def fill(name, leave_bytes):
    """Let something else take the room; the file system may keep a few blocks of it for its own lists."""
    with (DATA / name).open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while (room_bytes := free_bytes() - leave_bytes) > 0:
            file.write(bytes(min(room_bytes, 1 << 20)))
        os.fsync(file.fileno())


def test_on_a_full_disk_sound_is_given_up_and_no_press(counter, small_disk, say):
    begun_ns = time.monotonic_ns()
    # Silence would need no room.
    with Playing(sound(30, seed=51)) as playing:
        playing.wait_for(BEFORE_S)
        touches = [
            (counter.touch_red(), "red") if n % 2 else (counter.touch_appeal(), "appeal") for n in range(PRESSES)
        ]
        wait_until(
            lambda: sum(p["track_state"] == "finished" for p in counter.box.state()["presses"]) >= PRESSES,
            "the tracks of all presses are finished",
            poll_s=0.2,
        )
    fill("somebody-else", RESERVE_BYTES - SHORT_BYTES)
    wait_until(
        lambda: any(p["track_state"] == "lost" for p in counter.box.state()["presses"]),
        "sound is given up to keep the reserve",
        poll_s=0.2,
    )
    states = [p["track_state"] for p in reversed(counter.box.state()["presses"])]
    say(f"states of the tracks, oldest first: {states}")
    assert states == sorted(states, key=["lost", "finished"].index), "an older track was kept and a newer one given up"
    assert states[-1] == "finished"
    fill("somebody-else-again", 0)
    say(f"{free_bytes()} bytes are free")
    with LampWatch(counter.board, RED_LAMP) as lamp:
        touch = counter.touch_red()
        touches.append((touch, "red"))
        wait_until(lambda: lamp.longest_s(touch.before_ns) > 0.5, "the person is told that the press is kept")
    for path in DATA.glob("somebody-else*"):
        path.unlink()
    counter.bridge.online(True)
    presses = [counter.press_of(touch, name) for touch, name in touches]
    tracks = {press.data.track for press in presses}

    def all_accounted():
        came = {event.data.track for event in counter.bridge.of(TrackData) if counter.bridge.sound(event.data.track)}
        lost = {event.data.track for event in counter.bridge.of(TrackLostData)}
        return (tracks & came, tracks & lost) if tracks <= came | lost else None

    came, lost = wait_until(all_accounted, "every track has come or is told as lost")
    say(f"{len(presses)} presses came, {len(came)} tracks came, {len(lost)} are told as lost")
    since = [event for event in counter.bridge.of(PressData) if event.data.stamp.mono_ns >= begun_ns]
    assert len(since) == len(presses) == PRESSES + 1
    assert lost
    assert not came & lost
