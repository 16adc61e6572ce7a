"""What a unit's process may do, seen from outside and tried from inside."""

from __future__ import annotations

import json
from pathlib import Path

from lab.device.waiting import run

UNITS = Path("/etc/systemd/system")
_PROBE = Path(__file__).with_name("probe.py")
_OF_DAEMONS = {"NotifyAccess", "WatchdogSec", "Restart", "RestartSec", "RestartSteps", "RestartMaxDelaySec"}


def status_of(pid: int) -> dict[str, str]:
    """What the kernel says of a process: users, groups, capabilities."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def probed(unit: str) -> dict[str, str]:
    """What the doors of probe.py answer to a program in the place of the unit's own: "may", or an error's name."""
    out = Path("/run/earshot-lab/probed")
    out.unlink(missing_ok=True)
    program = Path("/run/earshot-lab/probe.py")
    program.write_text(_PROBE.read_text())
    program.chmod(0o644)
    program.parent.chmod(0o755)
    lines = []
    for line in (UNITS / f"{unit}.service").read_text().splitlines():
        key = line.partition("=")[0]
        if key == "ExecStart":
            lines.append(f"ExecStart=/opt/earshot/bin/python -I {program}")
            lines.append(f"StandardOutput=file:{out}")
        elif key == "Type":
            lines.append("Type=oneshot")
        elif key not in _OF_DAEMONS:
            lines.append(line)
    probe = Path(f"/run/systemd/system/{unit}-probe.service")
    probe.write_text("\n".join(lines))
    run("systemctl", "daemon-reload")
    try:
        run("systemctl", "start", probe.name)
    finally:
        probe.unlink()
        run("systemctl", "daemon-reload")
    answers: dict[str, str] = json.loads(out.read_text())
    return answers
