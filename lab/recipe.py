"""What the virtual machine is made of, and one hash over all of it."""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from lab import lockfile
from lab.errors import LabError
from models import weights

ROOT = Path(__file__).resolve().parent.parent

SUITE = "bookworm"
# Debian's own kernels of 12 and 13 are built without gpio-sim; the one of the backports has it.
KERNEL_SUITE = "trixie-backports"
SUITES = (SUITE, f"{SUITE}-updates", f"{SUITE}-security", KERNEL_SUITE)

# Beside what docs/FIELD.md installs on a box.
PACKAGES = (
    *("systemd", "systemd-sysv", "udev", "dbus", "kmod", "procps", "iproute2", "dosfstools"),
    *("mosquitto", "mosquitto-clients", "gpiod", "usbutils", "v4l-utils", "strace", "libcap2-bin", "e2fsprogs"),
)

MODULES = (
    *("virtio_blk", "ext4", "virtio_rng", "virtio_net", "virtio_console", "9p", "9pnet_virtio"),
    *("gpio-sim", "snd-aloop", "snd-dummy", "snd-usb-audio", "uinput", "evdev", "usbhid", "hid-generic", "vivid"),
    *("xhci-pci", "dummy_hcd", "libcomposite", "usb_f_hid", "usb_f_mass_storage", "usb_f_uac2", "usb_f_uvc"),
    *("usb-storage", "uas", "sd_mod", "vfat", "exfat", "nls_cp437", "nls_ascii", "nls_iso8859-1", "nls_utf8"),
    *("loop", "overlay", "squashfs", "dm-flakey", "dm-log-writes", "configfs", "i6300esb", "softdog", "zram", "tun"),
    *("fuse", "autofs4"),
)

# Tools of the checkout that no test in the guest uses.
NOT_IN_GUEST = frozenset({"ast-serialize", "librt", "mypy", "mypy-extensions", "pathspec", "playwright", "ruff", "uv"})

_BUILDERS = ("image.py", "kernel.py", "rootfs.py")
_GUEST_FILES = ("agent.py", "init", "fetch-kernel", "earshot-lab.service")


@dataclass(frozen=True, slots=True)
class FieldInstall:
    """The installation of docs/FIELD.md: Debian packages, then shell lines before and after the project's own wheel."""

    packages: tuple[str, ...]
    before_project: str
    after_project: str


def field_install(page: str) -> FieldInstall:
    """Read the block of `page` that installs a box.

    Raises `LabError` when the page has no such block any more.
    """
    for block in re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        match = re.fullmatch(
            r"apt-get install --no-install-recommends ((?:[^\n]*\\\n)*[^\n]*)\n"
            r"(python3 -m venv /opt/earshot\n.*?)"
            r"/opt/earshot/bin/pip install --no-build-isolation --no-deps \.\n(.*)",
            block,
            re.DOTALL,
        )
        if match:
            packages = tuple(match[1].replace("\\\n", " ").split())
            return FieldInstall(packages, match[2], match[3])
    raise LabError(
        "docs/FIELD.md has no shell block that begins with 'apt-get install --no-install-recommends', makes "
        "/opt/earshot and installs the checkout with 'pip install --no-build-isolation --no-deps .'; "
        "the lab installs the box by that block"
    )


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what the image holds; the project's own code is not part of it."""

    field: FieldInstall
    build_lock: str
    box_lock: str
    lab_lock: str
    programs: dict[str, str]

    @property
    def packages(self) -> list[str]:
        """Debian packages of the guest."""
        return sorted({*PACKAGES, *self.field.packages})

    @property
    def key(self) -> str:
        """Sixteen hex digits that change with anything the image is made of."""
        digest = hashlib.sha256()
        parts = [*SUITES, *self.packages, *MODULES, self.field.before_project]
        parts += [self.build_lock, self.box_lock, self.lab_lock, weights.DETECTOR_SHA256]
        parts += [part for name in sorted(self.programs) for part in (name, self.programs[name])]
        for part in parts:
            digest.update(f"{len(part)}:".encode() + part.encode())
        return digest.hexdigest()[:16]


def load(root: Path = ROOT) -> Recipe:
    """The recipe of this checkout."""
    locks = {name: (root / "requirements" / f"{name}.txt").read_text() for name in ("build", "box", "dev")}
    in_box = lockfile.names(locks["box"])
    return Recipe(
        field_install((root / "docs" / "FIELD.md").read_text()),
        lockfile.for_guest(locks["build"]),
        lockfile.for_guest(locks["box"]),
        lockfile.for_guest(locks["dev"], NOT_IN_GUEST | in_box | lockfile.names(locks["build"])),
        {
            **{name: code_of((root / "lab" / name).read_text()) for name in _BUILDERS},
            **{name: (root / "lab/guest" / name).read_text() for name in _GUEST_FILES},
        },
    )


def code_of(source: str) -> str:
    """What a Python module does: its text without comments, docstrings and layout, so that these build nothing anew."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
