"""An ear in another process, in a hurry, then killed: what is cut is the right sound."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

import ringbuffer
from ringbuffer import AudioRing, AudioRingWriter, GapReason, NotYet, Overwritten

T0 = 2_000_000_000_000
FRAME_NS = 62_500
SETTINGS = {"boot_id": "boot", "source": "test", "simulated": True, "depth_s": 60}

# Half of the periods end in a short block, and now and then the stream is interrupted.
EAR = """
import sys
import numpy as np
from ringbuffer import AudioRingWriter, GapReason

writer = AudioRingWriter(sys.argv[1], boot_id="boot", source="test", simulated=True, depth_s=60)
frame = int(sys.argv[2])
pattern = (np.arange(2 * 30011) % 30011 + 1).astype(np.int16)
block = 0
while True:
    block += 1
    count = 320 if block % 2 else 111
    if block % 1009 == 0:
        writer.gap(GapReason.OVERRUN, T0 + frame * FRAME_NS, T0 + (frame + 500) * FRAME_NS)
        frame += 500
    start = frame % 30011
    frame += count
    writer.append(pattern[start : start + count], T0 + frame * FRAME_NS, 0)
    if block == 600:
        print("ready", flush=True)
""".replace("T0", str(T0)).replace("FRAME_NS", str(FRAME_NS))


def start_ear(path, first_frame):
    ear = subprocess.Popen(
        [sys.executable, "-c", EAR, str(path), str(first_frame)],
        cwd=Path(ringbuffer.__file__).parents[1],
        stdout=subprocess.PIPE,
    )
    assert ear.stdout.readline() == b"ready\n"
    return ear


def kill(ear):
    ear.send_signal(signal.SIGKILL)
    ear.wait()
    ear.stdout.close()


def check(cut):
    expected = (np.arange(cut.first_frame, cut.first_frame + len(cut.samples)) % 30011 + 1).astype(np.int16)
    for gap in cut.gaps:
        assert gap.reason in (GapReason.OVERRUN, GapReason.RESTART)
        expected[gap.first_frame - cut.first_frame :][: gap.frames] = 0
    assert (cut.samples == expected).all()
    assert abs(cut.start_ns - T0 - cut.first_frame * FRAME_NS) <= cut.align_error_ns + 2


def test_cuts_under_a_hurried_ear_that_is_killed_and_comes_back(tmp_path):
    path, rng = tmp_path / "live.ring", random.Random(1)
    next_frame, good, gaps = 0, 0, 0
    for _ in range(3):
        ear = start_ear(path, next_frame)
        try:
            ring = AudioRing(path)
            wanted = good + 40
            while good < wanted:
                until_ns = ring.newest_ns()
                start_ns = until_ns - rng.randint(1, 50_000) * 1_000_000
                try:
                    cut = ring.cut(start_ns, start_ns + rng.randint(1, 1_000) * 1_000_000)
                except (NotYet, Overwritten):
                    continue
                good += 1
                gaps += len(cut.gaps)
                if cut.first_frame >= 0:
                    check(cut)
        finally:
            kill(ear)
        # Everything up to the last whole block is there.
        end_ns = ring.newest_ns()
        check(ring.cut(end_ns - 20_000_000_000, end_ns))
        next_frame = (end_ns - T0) // FRAME_NS + 777
    with AudioRingWriter(path, **SETTINGS) as writer:
        writer.append(np.full(320, 5, np.int16), T0 + (next_frame + 320) * FRAME_NS, 0)
        cut = ring.cut_frames(next_frame - 1777, 2097)
        assert [(gap.reason, gap.frames) for gap in cut.gaps][-1] == (GapReason.RESTART, 777)
        check(ring.cut_frames(next_frame - 1777, 1000))
        assert (cut.samples[-320:] == 5).all()
    assert gaps > 0
    assert good == 120
