"""The guest's kernel: the modules that it needs, and its image without the compressed wrapper."""

from __future__ import annotations

import lzma
import shutil
import subprocess
import zlib
from pathlib import Path

from lab.errors import LabError
from lab.recipe import MODULES

KERNEL_FOLDER = "/kernel"


def version(tree: Path) -> str:
    """The release of the one kernel unpacked in `tree`."""
    return _modules_folder(tree).name


def keep_modules(tree: Path, root: Path) -> list[str]:
    """Copy `MODULES` and what they depend on into `root`, uncompressed; returns those that the kernel has built in.

    Raises `LabError` for a module that the kernel has neither as a file nor built in.
    """
    release = version(tree)
    source = _modules_folder(tree)
    target = root / "usr/lib/modules" / release
    # kmod looks below lib/.
    if not (tree / "lib").exists():
        (tree / "lib").symlink_to("usr/lib")
    _depmod(tree, release)
    built_in = []
    for module in MODULES:
        files = _dependencies(tree, release, module)
        if not files:
            built_in.append(module)
        for path in files:
            _copy_plain(path, target / path.relative_to(source))
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(source / name, target / name)
    _depmod(root, release)
    return built_in


def load_order(root: Path, release: str, modules: tuple[str, ...]) -> list[Path]:
    """Files below `root` to insert, in order, so that `modules` work."""
    ordered: dict[Path, None] = {}
    for module in modules:
        ordered.update(dict.fromkeys(_dependencies(root, release, module)))
    return list(ordered)


def extract(tree: Path, target: Path) -> None:
    """Write the kernel of `tree` as the plain ELF file that QEMU starts without unpacking it in the guest."""
    release = version(tree)
    candidates = [tree / f"boot/vmlinuz-{release}", _modules_folder(tree) / "vmlinuz"]
    data = next(path for path in candidates if path.exists()).read_bytes()
    for magic, unpack in (
        (b"\x28\xb5\x2f\xfd", _unzstd),
        (b"\xfd7zXZ\0", lambda packed: lzma.LZMADecompressor().decompress(packed)),
        (b"\x1f\x8b\x08", lambda packed: zlib.decompressobj(31).decompress(packed)),
    ):
        at = data.find(magic)
        while at >= 0:
            try:
                plain = unpack(data[at:])
            except (lzma.LZMAError, zlib.error):
                plain = b""
            if plain.startswith(b"\x7fELF"):
                target.write_bytes(plain)
                return
            at = data.find(magic, at + 1)
    raise LabError(f"no kernel found in the packed image of {release}; its compression is none of zstd, xz, gzip")


def _unzstd(packed: bytes) -> bytes:
    # What follows the compressed part makes zstd complain at the end; what it has written by then is whole.
    return subprocess.run(["zstd", "-dcq"], input=packed, capture_output=True, check=False).stdout


def _modules_folder(tree: Path) -> Path:
    found = [*(tree / "usr/lib/modules").glob("*")] or [*(tree / "lib/modules").glob("*")]
    if len(found) != 1:
        raise LabError(f"one kernel is wanted in {tree}, found {[path.name for path in found]}")
    return found[0]


def _dependencies(root: Path, release: str, module: str) -> list[Path]:
    command = ["modprobe", "-d", str(root.resolve()), "-S", release, "--show-depends", module]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise LabError(f"the kernel {release} has no module {module}: {answer.stderr.strip()}")
    lines = [line.split() for line in answer.stdout.splitlines()]
    return [Path(words[1]).resolve() for words in lines if words[0] == "insmod"]


def _copy_plain(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".xz":
        target.with_suffix("").write_bytes(lzma.decompress(source.read_bytes()))
    elif source.suffix == ".zst":
        target.with_suffix("").write_bytes(_unzstd(source.read_bytes()))
    else:
        shutil.copy(source, target)


def _depmod(root: Path, release: str) -> None:
    subprocess.run(["depmod", "-b", str(root), release], check=True, capture_output=True)
