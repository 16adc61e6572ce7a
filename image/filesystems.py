"""File systems out of folders, the same bytes each time: FAT by mtools, ext4 by the mke2fs of the image's own suite.

No mount, no loop device. `epoch_s` is the moment that everything in them was made at.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from pathlib import Path

from image.disk import MIB

_NAMESPACE = uuid.UUID("5bd2bbcd-4f5e-4b62-9c1e-0d6a0e2a7e11")


def fat(path: Path, files: list[tuple[Path, str]], *, label: str, size_mib: int, epoch_s: int) -> None:
    """A FAT32 file system in `path` with `files` (source, path in it) in that order; folders are made as needed.

    Raises subprocess.CalledProcessError where they don't fit.
    """
    environment = _environment(epoch_s)
    path.unlink(missing_ok=True)
    with path.open("wb") as image:
        image.truncate(size_mib * MIB)
    serial = f"{epoch_s & 0xFFFFFFFF:08x}"
    _run(["mkfs.vfat", "--invariant", "-F", "32", "-i", serial, "-n", label, str(path)], environment)
    folders: list[str] = []
    for _, name in files:
        for folder in reversed(Path(name).parents[:-1] if "/" in name else []):
            if str(folder) not in folders:
                folders.append(str(folder))
                _run(["mmd", "-i", str(path), f"::{folder}"], environment)
    for source, name in files:
        _run(["mcopy", "-Q", "-i", str(path), str(source), f"::{name}"], environment)


def ext4(path: Path, folder: Path, *, label: str, size_mib: int, epoch_s: int, suite_root: Path | None = None) -> None:
    """An ext4 file system in `path` with everything below `folder`, owners and modes as they are there.

    `suite_root` is an unpacked arm64 root whose mke2fs is taken, through qemu: this machine's may be too old to write
    the same bytes twice. U-Boot reads the result, which rules out two of ext4's younger features.
    Raises subprocess.CalledProcessError where the folder doesn't fit.
    """
    path.unlink(missing_ok=True)
    identity = uuid.uuid5(_NAMESPACE, f"{label} {epoch_s}")
    command = ["mke2fs"]
    if suite_root is not None:
        command = ["qemu-aarch64-static", "-L", str(suite_root), str(suite_root / "usr/sbin/mke2fs")]
    command += ["-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-J", "size=32", "-I", "256"]
    command += ["-L", label, "-U", str(identity), "-O", "^orphan_file,^metadata_csum_seed"]
    command += ["-E", f"hash_seed={identity},lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0"]
    command += ["-d", str(folder), str(path), f"{size_mib}M"]
    _run(command, _environment(epoch_s))


def clamp_times(folder: Path, epoch_s: int) -> None:
    """No file below `folder` is younger than `epoch_s`, and folders are exactly that old."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            found = path.lstat().st_mtime
            if path.is_dir() and not path.is_symlink():
                continue
            if found > epoch_s:
                os.utime(path, (epoch_s, epoch_s), follow_symlinks=False)
            else:
                os.utime(path, (int(found), int(found)), follow_symlinks=False)
    for place, _, _ in os.walk(folder, topdown=False):
        os.utime(place, (epoch_s, epoch_s))


def _environment(epoch_s: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "LC_ALL": "C",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(epoch_s),
        "MTOOLS_SKIP_CHECK": "1",
    }


def _run(command: list[str], environment: dict[str, str]) -> None:
    if shutil.which(command[0]) is None:
        raise RuntimeError(f"{command[0]} is not installed; './run image' installs what it needs")
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
