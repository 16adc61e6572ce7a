"""How the machine is run: by the processor where that works, by translation everywhere else."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

Accel = Literal["kvm", "tcg"]

_KVM = Path("/dev/kvm")
_PROBE_TIMEOUT_S = 10.0
# isa-debug-exit ends QEMU with (value << 1) | 1.
_SUCCESS = (0x2A << 1) | 1


def probe(qemu: str = "qemu-system-x86_64", device: Path = _KVM) -> Accel:
    """'kvm' if a machine really runs with it: the device may be there and refuse, or hang. Else 'tcg'."""
    if not os.access(device, os.R_OK | os.W_OK):
        return "tcg"
    with tempfile.TemporaryDirectory(prefix="earshot-lab-") as folder:
        boot_sector = Path(folder) / "boot"
        boot_sector.write_bytes(boot_code())
        command = [qemu, "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-accel", "kvm"]
        command += ["-cpu", "host", "-m", "64", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-no-reboot"]
        command += ["-drive", f"file={boot_sector},format=raw,if=ide,snapshot=on"]
        try:
            answer = subprocess.run(command, capture_output=True, timeout=_PROBE_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            return "tcg"
    return "kvm" if answer.returncode == _SUCCESS else "tcg"


def boot_code() -> bytes:
    """A boot sector whose only act is to write 0x2A to port 0xF4."""
    code = bytes([0xB0, 0x2A, 0xE6, 0xF4, 0xF4, 0xEB, 0xFD])
    return code.ljust(510, b"\0") + b"\x55\xaa"
