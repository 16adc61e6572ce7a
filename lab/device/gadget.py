"""USB devices that can be plugged and unplugged, made of the kernel's own gadgets on its own host controller."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Self

from lab.device.board import Touch
from lab.device.waiting import modprobe, run, wait_until

_GADGETS = Path("/sys/kernel/config/usb_gadget")
_SOCKETS_OF_INPUT = Path("/dev/input/by-path")
_DISKS = Path("/dev/disk/by-id")
_SOCKETS = 3
_LANGUAGE = "0x409"
_VENDOR_ID, _PRODUCT_ID = "0x1209", "0x0001"
# HID usage table 1.4, appendix B.1: the boot keyboard.
_KEYBOARD = bytes.fromhex(
    "05010906a101050719e029e71500250175019508810295017508810395057501050819012905910295017503910395067508150025650507"
    "190029658100c0"
)
_REPORT_BYTES = 8
USAGE_ENTER, USAGE_SPACE = 0x28, 0x2C


class Gadget:
    """One USB device in socket `socket` (0 to 2) of the simulated host controller."""

    function = ""

    def __init__(self, socket: int, product: str, serial: str) -> None:
        self.socket = socket
        self.product = product
        self.serial = serial
        self._folder = _GADGETS / f"earshot{socket}"

    @property
    def _function(self) -> Path:
        return self._folder / "functions" / self.function

    def __enter__(self) -> Self:
        modprobe("libcomposite")
        modprobe("dummy_hcd", f"num={_SOCKETS}")
        for folder in (f"strings/{_LANGUAGE}", "configs/c.1", f"functions/{self.function}"):
            (self._folder / folder).mkdir(parents=True)
        self._set("idVendor", _VENDOR_ID)
        self._set("idProduct", _PRODUCT_ID)
        self._set(f"strings/{_LANGUAGE}/manufacturer", "Earshot-Lab")
        self._set(f"strings/{_LANGUAGE}/product", self.product)
        self._set(f"strings/{_LANGUAGE}/serialnumber", self.serial)
        self._describe()
        (self._folder / "configs/c.1" / self.function).symlink_to(self._function)
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self.unplug()
        (self._folder / "configs/c.1" / self.function).unlink()
        self._function.rmdir()
        for folder in ("configs/c.1", f"strings/{_LANGUAGE}"):
            (self._folder / folder).rmdir()
        self._folder.rmdir()

    def plug(self) -> int:
        """Put it in; returns when udev has named it, CLOCK_MONOTONIC ns."""
        self._set("UDC", f"dummy_udc.{self.socket}")
        wait_until(self._is_there, f"the kernel and udev know {self.product} {self.serial}")
        run("udevadm", "settle")
        return time.monotonic_ns()

    def unplug(self) -> int:
        """Pull it out; returns when that was."""
        now_ns = time.monotonic_ns()
        self._set("UDC", "\n")
        return now_ns

    def _is_there(self) -> bool:
        raise NotImplementedError

    def _describe(self) -> None:
        raise NotImplementedError

    def _set(self, name: str, value: str) -> None:
        (self._folder / name).write_text(value)


class Keypad(Gadget):
    """A USB button: a keyboard, as the kernel sees it."""

    function = "hid.usb0"

    @property
    def by_id(self) -> Path:
        """The name that says what it is."""
        return Path(f"/dev/input/by-id/usb-Earshot-Lab_{self.product}_{self.serial}-event-kbd")

    @property
    def by_socket(self) -> Path:
        """The box's name for the socket that it is in."""
        return Path(f"/dev/input/earshot/platform-dummy_hcd.{self.socket}-usb-0:1:1.0")

    @property
    def event_device(self) -> Path:
        """Its event device now; by the socket, because two that are alike share what they are called."""
        return self.by_socket.resolve()

    def key_down(self, usage: int) -> Touch:
        """A finger goes down."""
        return self._report(bytes([0, 0, usage, 0, 0, 0, 0, 0]))

    def key_up(self) -> Touch:
        """No finger is on any key."""
        return self._report(bytes(_REPORT_BYTES))

    def _report(self, report: bytes) -> Touch:
        major, minor = (int(part) for part in (self._function / "dev").read_text().split(":"))
        device = Path("/sys/dev/char") / f"{major}:{minor}" / "uevent"
        name = next(line.partition("=")[2] for line in device.read_text().splitlines() if line.startswith("DEVNAME="))
        with (Path("/dev") / name).open("wb", buffering=0) as file:
            before_ns = time.monotonic_ns()
            file.write(report)
            return Touch(before_ns, time.monotonic_ns())

    def _is_there(self) -> bool:
        # By the socket: of two that are alike the other one may have the name already.
        socket = f"platform-dummy_hcd.{self.socket}-usb-"
        return any(path.name.startswith(socket) for path in _SOCKETS_OF_INPUT.glob("*-event-kbd"))

    def _describe(self) -> None:
        (self._function / "protocol").write_text("1")
        (self._function / "subclass").write_text("1")
        (self._function / "report_length").write_text(str(_REPORT_BYTES))
        (self._function / "report_desc").write_bytes(_KEYBOARD)


class Recorder(Gadget):
    """An audio badge or dictaphone at its dock: a USB disk of the file `image`."""

    function = "mass_storage.0"

    def __init__(self, socket: int, product: str, serial: str, image: Path) -> None:
        super().__init__(socket, product, serial)
        self._image = image

    @property
    def by_id(self) -> Path:
        """The name of the whole disk that says what it is; raises `FileNotFoundError` while it is unplugged."""
        found = [path for path in _DISKS.glob(f"usb-*{self.serial}*") if "-part" not in path.name]
        if not found:
            raise FileNotFoundError(f"{_DISKS} has no disk with serial number {self.serial}")
        return found[0]

    def _is_there(self) -> bool:
        return any(_DISKS.glob(f"usb-*{self.serial}*"))

    def _describe(self) -> None:
        lun = self._function / "lun.0"
        (lun / "removable").write_text("1")
        (lun / "file").write_text(str(self._image))
