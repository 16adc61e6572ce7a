"""A private Mosquitto on a loopback port: own folder, passwords, and the access rules that real installations use."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from demo.processes import Child, ProcessFailedError

ACL = Path(__file__).parent.parent / "docs" / "broker" / "earshot.acl"
# The limit that our largest chunk (96 KiB) has to pass, for payloads; packets carry a topic and a header besides.
MESSAGE_BYTES_MAX = 128 * 1024
PACKET_BYTES_MAX = 132 * 1024
START_TIMEOUT_S = 10.0

BRIDGE_USER = "bridge"
OBSERVER_USER = "observer"


def box_user(site: str, box: str) -> str:
    """The account of a box, which the access rules' patterns expect."""
    return f"{site}/{box}"


class Broker:
    """Mosquitto in `folder`. `accounts` maps each user to a password made here: `bridge`, `observer` and the boxes.

    It may be stopped or killed and started again: port, accounts and persistent data stay.
    """

    host = "127.0.0.1"

    def __init__(self, folder: Path, boxes: Iterable[tuple[str, str]]) -> None:
        self._folder = folder
        self.port = free_port()
        users = [BRIDGE_USER, OBSERVER_USER, *(box_user(site, box) for site, box in boxes)]
        self.accounts = {user: secrets.token_urlsafe(18) for user in users}
        self._write_files()
        self.process = Child("mosquitto", [_mosquitto(), "-c", folder / "mosquitto.conf"], folder / "mosquitto.log")

    def start(self) -> None:
        """Start it and return when it accepts connections; raises `ProcessFailedError`."""
        self.process.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            self.process.require_running()
            try:
                socket.create_connection((self.host, self.port), 1).close()
            except OSError as error:
                if time.monotonic() > deadline:
                    raise ProcessFailedError(f"mosquitto does not answer on port {self.port}: {error}") from error
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """Stop it, letting it write its persistent data; idempotent."""
        self.process.stop()

    def kill(self) -> None:
        """SIGKILL: what it had not written is gone."""
        self.process.kill()

    def _write_files(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "data").mkdir(exist_ok=True)
        passwords = self._folder / "passwords"
        passwords.touch(0o600)
        passwords.write_text("".join(f"{user}:{password}\n" for user, password in self.accounts.items()), "utf-8")
        # Hash in place; on the command line (-b) any user of the machine could read them.
        subprocess.run(["mosquitto_passwd", "-U", passwords], check=True, capture_output=True)
        acl = self._folder / "acl"
        acl.write_text(ACL.read_text("utf-8"), "utf-8")
        acl.chmod(0o600)
        lines = [
            f"listener {self.port} {self.host}",
            "allow_anonymous false",
            f"password_file {passwords}",
            f"acl_file {acl}",
            "persistence true",
            f"persistence_location {self._folder / 'data'}/",
            f"message_size_limit {MESSAGE_BYTES_MAX}",
            f"max_packet_size {PACKET_BYTES_MAX}",
            # Started by root it would become 'mosquitto', who may not read our folder.
            f"user {pwd.getpwuid(os.geteuid()).pw_name}",
        ]
        (self._folder / "mosquitto.conf").write_text("\n".join(lines) + "\n", "utf-8")


def free_port() -> int:
    """A loopback TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _mosquitto() -> str:
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise ProcessFailedError("mosquitto is not installed; './run demo' and './run test' install it")
    return found
