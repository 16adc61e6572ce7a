"""The whole chain with the real capture driver, in real time: a PulseAudio is ALSA's default device.

What is fed to PulseAudio is known frame by frame with its instants, so a track at the bridge tells by its samples
alone when each of them was in the room.
"""

import json
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from pulse import RATE_HZ, SOUND, Feeder, Pulse, require_pulse
from real_run import heard_s

from demo.alignment import align_error_ms
from demo.chain import BUTTONS, Chain, Settings
from demo.ledger import Ledger
from demo.locate import Source
from ringbuffer.gaps import GapReason

ROOT = Path(__file__).parents[2]
BEFORE_S, AFTER_S = 1.5, 1.0


@pytest.fixture
def room(tmp_path, monkeypatch):
    """The sound in the room, heard by ALSA's default device of every process that this test starts."""
    require_pulse()
    with ExitStack() as stack:
        folder = tmp_path / "room"
        folder.mkdir()
        pulse = Pulse(folder)
        feeder = Feeder(pulse.fifo)
        stack.callback(pulse.kill)
        stack.callback(feeder.close)
        pulse.start()
        for name, value in pulse.env.items():
            monkeypatch.setenv(name, value)
        yield feeder


def check_tracks(ledger, feeder):
    """Every track is whole, sound of the room, and its press offset as near to the press as it claims; or names gaps.

    Returns (error, claim) in ms, by press, of the whole tracks, and the presses of the others. One at least is whole.
    """
    presses = {press.id: press for press in ledger.presses()}
    source = Source(SOUND)
    found: dict[str, tuple[float, float]] = {}
    broken: list[str] = []
    for track in ledger.tracks().values():
        press, manifest = presses[track.press], track.manifest
        assert track.state == "complete"
        assert not manifest.simulated
        assert manifest.partial == bool(manifest.gaps)
        if manifest.gaps:
            # A machine too busy to read the device in time loses frames; the track has named them, which the ear's
            # own tests measure. What is left to prove here needs a whole track.
            assert {gap.reason for gap in manifest.gaps} == {GapReason.OVERRUN}
            broken.append(press.id)
            continue
        assert manifest.stamp.mono_ns == press.mono_ns
        # How far the press's own stamp is off excuses nothing here: it is what the offset has to point at.
        claimed_ms = manifest.align_error_ms - press.stamp_uncertainty_ms
        # A device behind a sound server can't be placed better than by two periods, nor have to be much worse.
        assert claimed_ms < 100
        error_ms = align_error_ms(track, source, feeder.t0_ns)
        assert abs(error_ms) <= claimed_ms
        found[press.id] = (error_ms, claimed_ms)
    # What was said so far holds only for one time around.
    assert time.monotonic_ns() < feeder.t0_ns + len(SOUND) * 1_000_000_000 // RATE_HZ
    assert feeder.dropped_chunks == 0
    assert found
    return found, broken


def test_presses_become_tracks_of_their_moments_in_the_room(room, tmp_path, memory_path):
    chain = Chain(tmp_path / "chain", memory_path, Settings(None, BEFORE_S, AFTER_S, depth_s=60))
    ledger = Ledger(chain.database, chain.blobs)
    try:
        chain.prepare()
        chain.start()
        answers = {}
        for n, button in enumerate(BUTTONS):
            due_s = BEFORE_S + 0.5 + 0.7 * n
            chain.wait_for(lambda due_s=due_s: heard_s(chain) > due_s, "the ear hears the room", chain.ear)
            before_ns = time.monotonic_ns()
            press = chain.press(button.name, f"room-{n}")
            answers[press] = (before_ns, time.monotonic_ns())
        chain.wait_for(
            lambda: [track.state for track in ledger.tracks().values()] == ["complete"] * len(BUTTONS),
            "all tracks are complete",
            chain.bridge,
            30,
        )
    finally:
        chain.stop()
    found, broken = check_tracks(ledger, room)
    assert {*found, *broken} == set(answers)
    for press in ledger.presses():
        before_ns, after_ns = answers[press.id]
        assert before_ns <= press.mono_ns <= after_ns
    for track in ledger.tracks().values():
        assert track.manifest.frames == pytest.approx((BEFORE_S + AFTER_S) * RATE_HZ, abs=32)
    for error_ms, claimed_ms in found.values():
        print(f"alignment error {error_ms:.3f} ms, claimed {claimed_ms:.3f} ms")


def test_the_demonstration_with_the_microphone(room):
    command = [sys.executable, "-m", "demo", "--mic", "--presses", "2", "--exit", "--keep"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        out, err = demo.communicate(timeout=120)
    assert demo.returncode == 0, err
    (folder,) = (ROOT / ".demo").glob(f"run-{demo.pid}-*")
    try:
        figures = json.loads(out.splitlines()[-1])
        assert [figures[name] for name in ("presses", "tracks", "receipts", "lost", "duplicates")] == [2, 2, 2, 0, 0]
        # The demonstration can't know what is in the room; this test does.
        assert figures["align_error_ms_p99"] is None
        found, broken = check_tracks(Ledger(folder / "bridge" / "bridge.db", folder / "bridge" / "blobs"), room)
        assert len(found) + len(broken) == 2
    finally:
        shutil.rmtree(folder)
