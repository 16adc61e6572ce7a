"""Which board this is."""

from __future__ import annotations

from pathlib import Path

DEVICE_TREE = Path("/proc/device-tree")


def serial_number(device_tree: Path = DEVICE_TREE) -> str:
    """The board's serial number in lower case, such as 10000000f1e2d3c4; empty where the board tells none."""
    return _read(device_tree / "serial-number").lower()


def hardware_name(device_tree: Path = DEVICE_TREE) -> str:
    """Model and serial number for people, at most 100 printable ASCII characters; empty where nothing is known."""
    parts = (_read(device_tree / "model"), serial_number(device_tree))
    return ", ".join(part for part in parts if part)[:100]


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError:
        return ""
    return "".join(chr(byte) for byte in raw if 32 <= byte < 127).strip()
