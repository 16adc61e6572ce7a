"""The boot counters: U-Boot variables with a checksum, as U-Boot, `fw_setenv` and RAUC read and write them."""

from __future__ import annotations

import struct
import zlib

OFFSET_BYTES = 0x100000
# One sector, so that a power cut leaves the old counters or the new ones.
SIZE_BYTES = 0x200
TRIES = 3


def encode(variables: dict[str, str]) -> bytes:
    """The sector that holds `variables`; raises ValueError where they don't fit or a name or value can't be written."""
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name + value:
            raise ValueError(f"{name!r}={value!r} can't be a U-Boot variable")
    text = b"".join(f"{name}={value}\0".encode() for name, value in variables.items()) + b"\0"
    if len(text) > SIZE_BYTES - 4:
        raise ValueError(f"the boot variables take {len(text)} bytes, {SIZE_BYTES - 4} is the most")
    data = text.ljust(SIZE_BYTES - 4, b"\0")
    return struct.pack("<I", zlib.crc32(data)) + data


def decode(sector: bytes) -> dict[str, str]:
    """The variables of a sector; raises ValueError where its checksum is wrong."""
    (expected,) = struct.unpack_from("<I", sector)
    data = sector[4:SIZE_BYTES]
    if zlib.crc32(data) != expected:
        raise ValueError(f"the boot counters' checksum is {zlib.crc32(data):08x}, not {expected:08x}")
    pairs = (entry.decode().partition("=") for entry in data.split(b"\0\0")[0].split(b"\0") if entry)
    return {name: value for name, _, value in pairs}


def of_a_new_image() -> bytes:
    """Slot A has its tries, slot B is empty and has none."""
    return encode({"BOOT_ORDER": "A B", "BOOT_A_LEFT": str(TRIES), "BOOT_B_LEFT": "0"})
