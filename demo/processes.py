"""Child processes that never outlive us: own process group, killed by the kernel when we die, stopped in order."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_TIMEOUT_S = 10.0
# Nothing withstands SIGKILL, but a disk that is waited for may hold its end up.
REAP_TIMEOUT_S = 120.0


class ProcessFailedError(Exception):
    """A child ended when it should run; the message holds the end of its log."""


class Child:
    """One program with a log file, in its own process group: Ctrl-C reaches only us, who stop it in order."""

    def __init__(
        self, name: str, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        self._command = [str(part) for part in command]
        self._env = dict(env) if env is not None else None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, extra_env: Mapping[str, str] | None = None) -> None:
        """Start it, appending to its log; `extra_env` holds for this start only."""
        if self.running():
            raise ProcessFailedError(f"{self.name} is running already (process {self.pid})")
        env = dict(self._env if self._env is not None else os.environ) | dict(extra_env or {})
        # The kernel kills the child when this thread ends, even by SIGKILL; start children from the main thread.
        guard = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                guard + self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, process_group=0
            )

    @property
    def pid(self) -> int | None:
        """Process id of the last start."""
        return self._process.pid if self._process else None

    def running(self) -> bool:
        """Started and not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """Exit status of the last start, negative for a signal; None while it runs."""
        return self._process.poll() if self._process else None

    def wait(self, timeout_s: float) -> int:
        """Exit status; raises `subprocess.TimeoutExpired`."""
        if self._process is None:
            raise ProcessFailedError(f"{self.name} was never started")
        return self._process.wait(timeout_s)

    def require_running(self) -> None:
        """Raise `ProcessFailedError` with the end of its log unless it runs."""
        if not self.running():
            raise ProcessFailedError(f"{self.name} ended with {self.returncode}; end of {self.log}:\n{self.log_tail()}")

    def kill(self) -> None:
        """SIGKILL to the process and its children, and reap it."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(REAP_TIMEOUT_S)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int | None:
        """SIGTERM, then SIGKILL for whatever of its group is left; idempotent. Returns the exit status."""
        if self._process is None:
            return None
        if self.running():
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
        self.kill()
        return self._process.returncode

    def log_tail(self, lines: int = 25) -> str:
        """The last lines that it wrote."""
        text = self.log.read_text("utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
