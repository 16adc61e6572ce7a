"""The virtual machine: QEMU's command line, one running process, its sockets."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from lab.accel import Accel
from lab.errors import LabError
from lab.image import Image
from lab.qmp import Qmp, connect

QEMU = "qemu-system-x86_64"
CONTROL, ASK, WITNESS = "lab.control", "lab.ask", "lab.witness"
# What the guest's time is: that of the host, or the number of executed instructions (2 ns each), which stands still
# while the host is busy with something else and leaps over every wait.
Clock = Literal["real", "virtual"]

_KERNEL_ARGUMENTS = (
    "console=ttyS0 root=/dev/vda rw quiet loglevel=3 systemd.show_status=no mitigations=off nokaslr no_timer_check "
    "tsc=reliable random.trust_cpu=on net.ifnames=0 audit=0 8250.nr_uarts=1 panic=-1"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a machine is made of; a snapshot belongs to one such value and one image."""

    image: Image
    accel: Accel
    clock: Clock = "real"
    memory_mb: int = 1536
    processors: int = 2
    kernel_arguments: str = ""

    def __post_init__(self) -> None:
        if self.clock == "virtual" and self.accel == "kvm":
            raise LabError("virtual time counts the instructions of QEMU's translation; take accel 'tcg'")

    @property
    def arguments(self) -> list[str]:
        """QEMU's arguments that a snapshot depends on."""
        kvm = self.accel == "kvm"
        # One thread for all processors is what makes the count of instructions a clock.
        thread = "single" if self.clock == "virtual" else "multi"
        processors = 1 if self.clock == "virtual" else self.processors
        accel = "kvm" if kvm else f"tcg,thread={thread},tb-size=512"
        command = ["-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-accel", accel]
        command += ["-cpu", "host" if kvm else "Nehalem", "-m", str(self.memory_mb), "-smp", str(processors)]
        if self.clock == "virtual":
            command += ["-icount", "shift=1,sleep=off,align=off", "-rtc", "clock=vm"]
        kernel_arguments = f"{_KERNEL_ARGUMENTS} {self.kernel_arguments}".strip()
        command += ["-kernel", str(self.image.kernel), "-initrd", str(self.image.initrd), "-append", kernel_arguments]
        command += ["-device", "virtio-rng-pci", "-device", "vmgenid,guid=auto", "-device", "qemu-xhci,id=xhci"]
        return [*command, "-device", "i6300esb", "-watchdog-action", "reset", "-no-reboot"]


@dataclass
class Machine:
    """One QEMU process. `folder` holds its sockets, console and shares; `disk` are the arguments of its root disk.

    As a context manager it ends the process on the way out, whatever state it is in.
    """

    settings: Settings
    folder: Path
    disk: list[str]
    shares: dict[str, tuple[Path, bool]] = field(default_factory=dict)
    extra: list[str] = field(default_factory=list)
    terminal: bool = False

    def __post_init__(self) -> None:
        # The path of a Unix socket has 108 bytes, so the folder has to be a short one.
        self.folder.mkdir(parents=True, exist_ok=True)
        for stale in self.folder.glob("*.sock"):
            stale.unlink()
        stdin = None if self.terminal else subprocess.DEVNULL
        with (self.folder / "qemu.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command(), stdin=stdin, stdout=None if self.terminal else log, stderr=log
            )
        try:
            self.qmp = Qmp(self.folder / "qmp.sock")
        except LabError as error:
            self.kill()
            raise LabError(f"{error}; QEMU said: {(self.folder / 'qemu.log').read_text()[-1000:]}") from error

    def port(self, name: str) -> socket.socket:
        """The host's end of a virtio-serial port."""
        return connect(self.folder / f"{name}.sock", 5.0)

    def kill(self) -> None:
        """SIGKILL: what a power cut is to the guest."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.qmp.close()

    def _command(self) -> list[str]:
        # Whoever kills us, however, leaves no machine behind.
        command = ["setpriv", "--pdeathsig", "KILL", "--", QEMU, *self.settings.arguments, *self.disk]
        for tag, (folder, writable) in self.shares.items():
            options = "" if writable else ",readonly=on"
            command += ["-fsdev", f"local,id={tag},path={folder},security_model=none,multidevs=remap{options}"]
            command += ["-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
        command += ["-device", "virtio-serial-pci"]
        for name in (CONTROL, ASK, WITNESS):
            command += ["-chardev", f"socket,id={name},path={self.folder / name}.sock,server=on,wait=off"]
            command += ["-device", f"virtserialport,chardev={name},name={name}"]
        console = "stdio,id=console,signal=off" if self.terminal else f"file,id=console,path={self.folder / 'console'}"
        command += ["-chardev", console, "-serial", "chardev:console"]
        command += ["-qmp", f"unix:{self.folder / 'qmp.sock'},server=on,wait=off"]
        return [*command, *self.extra]


def overlay_disk(overlay: Path) -> list[str]:
    """Arguments for a root disk in the qcow2 file `overlay`."""
    drive = f"if=none,id=root,file={overlay},format=qcow2,cache=writeback,discard=unmap"
    return ["-drive", drive, "-device", "virtio-blk-pci,drive=root"]


def make_overlay(base: Path, base_format: str, overlay: Path) -> Path:
    """A qcow2 file that holds what differs from `base`."""
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(base.resolve()), "-F", base_format, str(overlay)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise LabError(f"qemu-img could not make {overlay}: {answer.stderr.strip()}")
    return overlay


def is_running(process_id: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True
