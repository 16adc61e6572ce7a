"""A machine with two slots for `image/overlay/usr/lib/earshot/slot`: RAUC, U-Boot's counters and systemctl, as files.

`rauc` keeps what the real one keeps in U-Boot's variables: the order of the slots and the tries that each has left.
"""

import json
import os
import subprocess
from pathlib import Path

SLOT = Path(__file__).parents[2] / "image/overlay/usr/lib/earshot/slot"

_RAUC = """#!/usr/bin/python3 -ISE
import json, os, sys
from pathlib import Path
home = Path(os.environ["FAKE_HOME"])
state = json.loads((home / "state").read_text())
booted = state["booted"]
other = {"A": "B", "B": "A"}[booted]
def save():
    (home / "state").write_text(json.dumps(state))
def cut(point):
    if os.environ.get("FAKE_CUT") == point:
        save()
        os.kill(os.getppid(), 9)
        sys.exit(9)
state["calls"].append(" ".join(word for word in sys.argv[1:] if not word.startswith("/")))
command = sys.argv[1:]
if command[0] == "install":
    content = Path(command[1]).read_text()
    if not content.startswith("signed "):
        print("  0% Installing", flush=True)
        print("LastError: signature verification failed: self-signed certificate", file=sys.stderr)
        save()
        sys.exit(1)
    state["order"] = [booted]
    state["left"][other] = 0
    cut("begun")
    state["slots"][other] = content.removeprefix("signed ")
    state["order"] = [other, booted]
    state["left"][other] = 3
    cut("activated")
elif command[:2] == ["status", "mark-good"]:
    state["left"][booted] = 3
elif command == ["status", "mark-active", "booted"]:
    state["order"] = [booted, other]
    state["left"][booted] = 3
elif command == ["status", "mark-bad", "other"]:
    state["order"] = [booted]
    state["left"][other] = 0
else:
    sys.exit(f"unknown: {command}")
save()
"""
_SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$FAKE_HOME/systemctl"
"""


class Machine:
    """`folder` is the disk and the root's side of it; `run` is memory, which a restart forgets."""

    def __init__(self, folder):
        self.home = folder / "machine"
        self.run, self.keep = self.home / "run", self.home / "keep"
        self.bundle = self.home / "bundle.raucb"
        (self.home / "bin").mkdir(parents=True)
        self.keep.mkdir()
        for name, text in (("rauc", _RAUC), ("systemctl", _SYSTEMCTL)):
            (self.home / "bin" / name).write_text(text)
            (self.home / "bin" / name).chmod(0o755)
        self.save({"booted": "A", "order": ["A", "B"], "left": {"A": 2, "B": 0}, "slots": {"A": "1.0"}, "calls": []})
        self.forget()

    @property
    def state(self):
        return json.loads((self.home / "state").read_text())

    def save(self, state):
        (self.home / "state").write_text(json.dumps(state))

    def forget(self):
        subprocess.run(["rm", "-rf", str(self.run)], check=True)
        (self.run / "ask").mkdir(parents=True)
        (self.home / "systemctl").unlink(missing_ok=True)
        (self.home / "cmdline").write_text(f"ro rauc.slot={self.state['booted']} quiet")

    def slot(self, command, *, cut=None, trial_s="0"):
        """Run the script as its unit does."""
        environment = os.environ | {
            "PATH": f"{self.home / 'bin'}:{os.environ['PATH']}",
            "FAKE_HOME": str(self.home),
            "EARSHOT_UPDATE_RUN": str(self.run),
            "EARSHOT_UPDATE_KEEP": str(self.keep),
            "EARSHOT_UPDATE_BUNDLE": str(self.bundle),
            "EARSHOT_UPDATE_CMDLINE": str(self.home / "cmdline"),
            "EARSHOT_TRIAL_S": trial_s,
        }
        if cut:
            environment["FAKE_CUT"] = cut
        return subprocess.run(
            ["sh", str(SLOT), command], env=environment, capture_output=True, text=True, check=False, timeout=30
        )

    def boot(self, *, userspace=True):
        """What U-Boot does: the first slot in order that has tries left; then, if it comes so far, the unit."""
        state = self.state
        if not any(state["left"][name] for name in state["order"]):
            state["left"] = {"A": 3, "B": 3}
        state["booted"] = next(name for name in state["order"] if state["left"][name])
        state["left"][state["booted"]] -= 1
        self.save(state)
        self.forget()
        if userspace:
            done = self.slot("boot")
            assert done.returncode == 0, done.stderr
        return state["booted"]

    @property
    def reboots(self):
        path = self.home / "systemctl"
        return path.read_text().count("reboot") if path.exists() else 0
