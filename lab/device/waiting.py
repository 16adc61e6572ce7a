"""Waiting for what another process or the kernel does: poll its event, with a deadline that a slow machine keeps."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

# Under emulation a Python process alone takes half a minute to start.
PATIENCE_S = 180.0
_POLL_S = 0.02

Found = TypeVar("Found")


def wait_until(
    condition: Callable[[], Found], what: str, timeout_s: float = PATIENCE_S, poll_s: float = _POLL_S
) -> Found:
    """Return the first true value of `condition`; raises `TimeoutError` that names `what`."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {timeout_s:g} s not yet: {what} (last: {found!r})")
        time.sleep(poll_s)


def run(*arguments: str | Path, check: bool = True, timeout_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
    """Run a program of the guest; raises `RuntimeError` with what it said where it fails and `check` is set."""
    command = [str(argument) for argument in arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_s)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done


def modprobe(*modules: str) -> None:
    """Load one kernel module with its parameters."""
    run("modprobe", *modules)
