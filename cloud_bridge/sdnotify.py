"""Telling systemd that the bridge is ready and alive; nothing happens where systemd did not start the process."""

from __future__ import annotations

import os
import socket

WATCHDOG_PERIOD_S = 5.0


def notify(state: str) -> None:
    """Send one report, such as READY=1, to NOTIFY_SOCKET. A manager that does not listen is no error of ours."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    # A leading @ stands for the zero byte of an abstract socket's name.
    path = f"\0{address[1:]}" if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.connect(path)
            sock.sendall(state.encode())
        except (ConnectionRefusedError, FileNotFoundError):
            return
