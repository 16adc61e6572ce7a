"""A box that is not there: an image started in QEMU by U-Boot, as a Pi starts a card, on a disk with room to grow."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lab.machine import make_overlay
from lab.qmp import Qmp

QEMU = "qemu-system-aarch64"
U_BOOT = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")
# The address of this machine as the guest sees it.
HOST = "10.0.2.2"
_DISK_GIB = 6
_SSH_TIMEOUT_S = 600


class BootError(RuntimeError):
    """The machine did not do what it should; the message ends with the last lines of its console."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of this machine that lead to the guest's SSH server and to the box's page."""

    ssh: int
    web: int


class BoxMachine:
    """One QEMU process on the disk `folder`/disk.qcow2, made over `image` if it is not there yet.

    `memory_mib` is small on purpose. The keyboard is a real USB device to the guest. As a context manager it ends the
    process on the way out. Starting it again on the same folder is the next boot of the same box.
    """

    def __init__(
        self, image: Path, folder: Path, ports: Ports, *, memory_mib: int = 512, restarts: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ports = ports
        self.console = folder / "console"
        disk = folder / "disk.qcow2"
        if not disk.exists():
            make_overlay(image, "raw", disk)
            subprocess.run(["qemu-img", "resize", "-q", str(disk), f"{_DISK_GIB}G"], check=True)
        monitor = folder / "qmp.sock"
        monitor.unlink(missing_ok=True)
        forward = f"hostfwd=tcp:127.0.0.1:{ports.ssh}-:22,hostfwd=tcp:127.0.0.1:{ports.web}-:8080"
        command = [QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-M", "virt", "-cpu", "cortex-a72"]
        command += ["-smp", "2", "-m", str(memory_mib), "-accel", "tcg,thread=multi,tb-size=256", "-bios", str(U_BOOT)]
        command += ["-drive", f"if=none,id=card,file={disk},format=qcow2,cache=writeback,discard=unmap"]
        command += ["-device", "virtio-blk-pci,drive=card", "-device", "virtio-rng-pci"]
        command += ["-netdev", f"user,id=net,{forward}", "-device", "virtio-net-pci,netdev=net,romfile="]
        command += ["-device", "qemu-xhci", "-device", "usb-kbd", "-device", "i6300esb", "-action", "watchdog=reset"]
        command += ["-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console"]
        command += ["-qmp", f"unix:{monitor},server=on,wait=off", *([] if restarts else ["-no-reboot"])]
        with (folder / "qemu.log").open("ab") as log:
            # Whoever ends this process, however, leaves no machine behind.
            command[:0] = ["setpriv", "--pdeathsig", "KILL", "--"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.qmp = Qmp(monitor)
        except BaseException:
            self.power_cut()
            raise

    def power_cut(self) -> None:
        """Gone at once: what the guest had not made durable is lost."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def key(self, name: str) -> None:
        """Press and release a key of the USB keyboard, by QEMU's name for it ('ret')."""
        self.qmp("send-key", keys=[{"type": "qcode", "data": name}])

    def ssh(self, identity: Path, command: str, *, check: bool = True) -> str:
        """What `command` prints, run as root over SSH; raises `BootError` where it can't be run or fails."""
        options = ["-q", "-i", str(identity), "-p", str(self.ports.ssh), "-o", "StrictHostKeyChecking=no"]
        options += ["-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=20"]
        try:
            ended = subprocess.run(
                ["ssh", *options, "root@127.0.0.1", command],
                capture_output=True,
                text=True,
                timeout=_SSH_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BootError(f"{command!r} did not end within {_SSH_TIMEOUT_S} s\n{self.console_tail()}") from error
        if check and ended.returncode:
            raise BootError(f"{command!r} ended with {ended.returncode}: {ended.stdout}{ended.stderr}")
        return ended.stdout

    def wait_for_ssh(self, identity: Path, timeout_s: float) -> None:
        """Return when a root shell is to be had; raises `BootError` after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while True:
            self.require_running()
            with contextlib.suppress(BootError):
                self.ssh(identity, "true")
                return
            if time.monotonic() > deadline:
                raise BootError(f"no SSH within {timeout_s:.0f} s\n{self.console_tail()}")
            time.sleep(2)

    def wait_for_console(self, text: str, timeout_s: float) -> None:
        """Return when the console has shown `text`; raises `BootError` after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while text not in self.console_text():
            self.require_running()
            if time.monotonic() > deadline:
                raise BootError(f"the console did not show {text!r} within {timeout_s:.0f} s\n{self.console_tail()}")
            time.sleep(0.2)

    def require_running(self) -> None:
        """Raise `BootError` if QEMU has ended."""
        if self.process.poll() is not None:
            log = (self.folder / "qemu.log").read_text()[-500:]
            raise BootError(f"QEMU ended with {self.process.returncode}: {log}\n{self.console_tail()}")

    def console_text(self) -> str:
        """Everything that firmware and kernel have written."""
        return self.console.read_text("utf-8", "replace") if self.console.exists() else ""

    def console_tail(self, lines: int = 30) -> str:
        """The end of it."""
        return "\n".join(self.console_text().splitlines()[-lines:])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.power_cut()
        self.qmp.close()
