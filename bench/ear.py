"""CPU of the ear beside `arecord` on the same device: a PulseAudio of our own behind ALSA's plug-in."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.chain_run import ROOT
from bench.figure import Figure
from bench.idle import cpu_s
from bench.sound import PERIOD_FRAMES, RATE_HZ
from demo.chain import earshot_command, memory_folder, toml

SUPPORT = ROOT / "tests" / "support"
sys.path.insert(0, str(SUPPORT))

from pulse import Feeder, Pulse  # noqa: E402 - the folder is no package

SETTLE_S = 4
WATCH_S = 40


def run() -> list[Figure]:
    """CPU seconds for an hour of sound; both record at the same time, so they hear the same device."""
    memory = memory_folder()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pulse = Pulse(folder)
        pulse.start()
        feeder = Feeder(pulse.fifo)
        config = folder / "box.toml"
        box = {"site": "bench", "name": "ear", "data_dir": str(folder), "ring": str(memory / "audio.ring")}
        config.write_text(toml({"box": box, "ear": {"driver": "alsa", "device": "mic", "depth_s": 600}}), "utf-8")
        periods = ["--period-size", str(PERIOD_FRAMES), "--buffer-size", str(8 * PERIOD_FRAMES)]
        commands = (
            [str(earshot_command()), "ear", "--config", str(config)],
            [
                "arecord",
                "-q",
                "-D",
                "mic",
                "-t",
                "raw",
                "-f",
                "S16_LE",
                "-r",
                str(RATE_HZ),
                "-c",
                "1",
                *periods,
                "/dev/null",
            ],
        )
        children = [subprocess.Popen(command, env=pulse.env, stderr=subprocess.DEVNULL) for command in commands]
        try:
            time.sleep(SETTLE_S)
            before = [cpu_s(child.pid) for child in children]
            time.sleep(WATCH_S)
            if any(child.poll() is not None for child in children):
                raise RuntimeError("the ear or arecord ended early")
            ours, floor = (
                (cpu_s(child.pid) - then) * 3600 / WATCH_S for child, then in zip(children, before, strict=True)
            )
        finally:
            for child in children:
                child.terminate()
                child.wait()
            feeder.close()
            pulse.kill()
            for file in memory.iterdir():
                file.unlink()
            memory.rmdir()
    return [Figure("ear", "CPU per hour of sound, PulseAudio device", ours, "s", "arecord from the same device", floor)]
