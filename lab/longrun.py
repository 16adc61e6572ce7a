"""Runs in the guest in virtual time: hours of the shipped ear on a loopback card, every frame accounted for.

`python -m lab.longrun HOURS RATE_HZ PERIOD_FRAMES`, as root, with the project installed; the result is JSON in
/job/longrun.json, judged by lab/hours.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from ringbuffer import AudioRing

CONFIG = Path("/etc/earshot/box.toml")
RING = Path("/run/earshot/audio.ring")
RESULT = Path("/job/longrun.json")
DEPTH_S = 3600
# So often that each stretch of the ring is looked at before it is overwritten.
LOOK_S = 1800


def main(hours: float, rate_hz: int, period_frames: int) -> None:
    """Run for `hours` and write the account."""
    subprocess.run(["modprobe", "snd-aloop", "pcm_substreams=1"], check=True)
    CONFIG.write_text(
        f'[box]\nsite = "lab"\nname = "long"\nplace = "lab"\n\n[ear]\ndevice = "plughw:CARD=Loopback,DEV=1"\n'
        f"rate_hz = {rate_hz}\nperiod_frames = {period_frames}\ndepth_s = {DEPTH_S}\nstall_ms = 5000\n"
        '\n[uplink]\nhost = "localhost"\ntls = false\n'
    )
    shutil.chown(CONFIG, "root", "earshot")
    subprocess.run(["systemctl", "start", "earshot-ear"], check=True)
    begin = time.monotonic()
    looks: list[dict[str, Any]] = []
    while (left_s := hours * 3600 - (time.monotonic() - begin)) > 0:
        time.sleep(min(LOOK_S, left_s))
        looks.append(look(begin, rate_hz))
        sys.stdout.write(json.dumps(looks[-1]) + "\n")
        sys.stdout.flush()
    restarts = subprocess.run(
        ["systemctl", "show", "-P", "NRestarts", "earshot-ear"], capture_output=True, text=True, check=True
    ).stdout.strip()
    last = looks[-1]
    result = {
        "hours": (time.monotonic() - begin) / 3600,
        "rate_hz": rate_hz,
        "period_frames": period_frames,
        "captured_frames": last["captured_frames"],
        "lost_frames": last["lost_frames"],
        "unexplained_frames": sum(one["unexplained_frames"] for one in looks),
        "resolution_frames": max(one["resolution_frames"] for one in looks),
        # How much frames and clock have come apart between the first look and the last.
        "off_frames": last["off_frames"] - looks[0]["off_frames"],
        "restarts": int(restarts),
        "looks": looks,
    }
    RESULT.write_text(json.dumps(result))


def look(begin: float, rate_hz: int) -> dict[str, Any]:
    """What the ring says of itself now; `off_frames`: its frames less those that the guest's clock makes."""
    elapsed_s = time.monotonic() - begin
    with closing(AudioRing(RING)) as ring:
        stats = ring.stats()
    return {
        "hours": elapsed_s / 3600,
        "captured_frames": stats.captured_frames,
        "lost_frames": stats.lost_frames,
        "unexplained_frames": stats.unexplained_frames,
        "resolution_frames": round(stats.resolution_frames, 1),
        "drift_ppm": round(stats.drift_ppm, 3),
        "off_frames": round(stats.captured_frames + stats.lost_frames - elapsed_s * rate_hz),
    }


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
