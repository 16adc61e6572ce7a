"""What a whole installation costs while nobody presses: memory, CPU, bytes written to disk."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from bench.chain_run import running_chain
from bench.figure import Figure

SETTLE_S = 10
WATCH_S = 60
TICKS = os.sysconf("SC_CLK_TCK")


def run() -> list[Figure]:
    """RSS and CPU a process; bytes that box and bridge handed to the block layer, scaled to an hour."""
    with running_chain(before_s=30, after_s=30, depth_s=1800) as chain:
        time.sleep(SETTLE_S)
        pids = {child.name: child.pid for child in chain.children if child.pid is not None}
        before = {name: (cpu_s(pid), _written_bytes(pid)) for name, pid in pids.items()}
        time.sleep(WATCH_S)
        after = {name: (cpu_s(pid), _written_bytes(pid)) for name, pid in pids.items()}
        memory = {name: rss_bytes(pid) for name, pid in pids.items()}
        python = _rss_of_bare_python()
    hour = 3600 / WATCH_S
    figures = [
        Figure(
            "idle",
            f"RSS of {name}",
            memory[name] / 1e6,
            "MB",
            "python -c 'import numpy'" if name != "mosquitto" else "",
            python if name != "mosquitto" else None,
        )
        for name in pids
    ]
    figures += [
        Figure("idle", f"CPU of {name} per hour", (after[name][0] - before[name][0]) * hour, "s") for name in pids
    ]
    figures += [
        Figure("idle", f"bytes written to disk by {name} per hour", (after[name][1] - before[name][1]) * hour, "B")
        for name in pids
    ]
    return figures


def _stat(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used so far, user and system."""
    fields = _stat(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(_stat(pid, "statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _written_bytes(pid: int) -> int:
    lines = dict(line.split(": ") for line in _stat(pid, "io").splitlines())
    return int(lines["write_bytes"]) - int(lines["cancelled_write_bytes"])


def _rss_of_bare_python() -> float:
    code = "import numpy; print(int(open('/proc/self/statm').read().split()[1]))"
    pages = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
