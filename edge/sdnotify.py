"""Telling systemd that the process is ready and alive."""

from __future__ import annotations

import os
from typing import Protocol


class Notify(Protocol):
    """Where a process reports; `SystemdNotify` in production."""

    def ready(self, status: str) -> None:
        """Report that the process does its work from now on; `status` is one line for `systemctl status`."""

    def alive(self) -> None:
        """Feed the watchdog. To be called only when work has really gone on."""

    def status(self, status: str) -> None:
        """Report one line for `systemctl status`."""

    def stopping(self) -> None:
        """Report that the process is shutting down in order."""


class SystemdNotify:
    """Reports over NOTIFY_SOCKET through systemd-python; does nothing where systemd did not start this process."""

    def ready(self, status: str) -> None:
        """Report readiness."""
        self._send(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, status: str) -> None:
        """Report one line."""
        self._send(f"STATUS={status}")

    def stopping(self) -> None:
        """Report the end."""
        self._send("STOPPING=1")

    def _send(self, state: str) -> None:
        if not os.environ.get("NOTIFY_SOCKET"):
            return
        from systemd.daemon import notify  # noqa: PLC0415 - only needed below systemd

        notify(state)
