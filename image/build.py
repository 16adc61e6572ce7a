"""An image from end to end: base, root, file systems, disk; and what goes with it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from edge.provision import sheet_text
from image import base, environment, extensions, filesystems, tree
from image.disk import Layout, assemble
from image.recipe import SUITE, Profile
from lab.store import built

ROOT = Path(__file__).parents[1]
BOOT = Path(__file__).parent / "boot"
BOOT_LABEL, ROOT_LABEL, DATA_LABEL = "EARSHOT", "earshot-root", "earshot-data"
# What the firmware of a Pi 3 and of a Pi 4 starts from; a Pi 5 has it in its own memory.
_FIRMWARE = ("bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat")
_TREES = ("bcm2710*.dtb", "bcm2711*.dtb", "bcm2712*.dtb", "bcm2837*.dtb")


@dataclass(frozen=True, slots=True)
class Product:
    """The files of one build. `slot` is the root alone, for bundles; `manifest` says what is in it."""

    image: Path
    slot: Path
    compressed: Path
    manifest: Path


def project_version() -> str:
    """The version in pyproject.toml."""
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return version


def source_epoch_s() -> int:
    """The moment that everything is made at: $SOURCE_DATE_EPOCH, else that of the last commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    command = ["git", "-c", f"safe.directory={ROOT}", "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def build(profile: Profile, sources: list[str], release: tree.Release, out: Path, layout: Layout) -> Product:
    """Build everything into `out`; raises what the steps raise. Takes minutes, or half an hour without caches."""
    os.umask(0o022)
    base_key = base.key(profile, sources)
    cache = base.cache_folder()
    kept, _ = built(cache / "base", base_key, lambda folder: base.build(profile, sources, folder))
    base.register_arm64()
    system_key = f"{base_key}-{environment.key()}"
    system, _ = built(cache / "system", system_key, lambda folder: tree.system(kept / "root.tar", folder))
    initramfs, _ = built(
        cache / "initramfs",
        f"{base_key}-{tree.initramfs_key()}",
        lambda folder: tree.initramfs(kept / "root.tar", folder),
    )
    wheels, _ = built(cache / "extensions", extensions.key(sources), lambda folder: extensions.build(sources, folder))
    out.mkdir(parents=True, exist_ok=True)
    stem = out / f"earshot-{release.version}-{profile.name}"
    product = Product(
        stem.with_name(f"{stem.name}.img"),
        stem.with_name(f"{stem.name}.slot.ext4"),
        stem.with_name(f"{stem.name}.img.zst"),
        stem.with_name(f"{stem.name}.json"),
    )
    with TemporaryDirectory(prefix="earshot-image-", dir=cache) as folder:
        work = Path(folder)
        root = work / "root"
        tree.build(tree.Parts(system, initramfs, wheels), root, release)
        epoch_s = release.epoch_s
        filesystems.ext4(
            product.slot, root, label=ROOT_LABEL, size_mib=layout.slot_mib, epoch_s=epoch_s, suite_root=root
        )
        data = work / "data"
        data.mkdir()
        filesystems.clamp_times(data, epoch_s)
        filesystems.ext4(
            work / "data.ext4", data, label=DATA_LABEL, size_mib=layout.data_mib, epoch_s=epoch_s, suite_root=root
        )
        files = boot_files(kept / "boot", root, work)
        filesystems.fat(work / "boot.fat", files, label=BOOT_LABEL, size_mib=layout.boot_mib, epoch_s=epoch_s)
        contents = {"boot": work / "boot.fat", "slot A": product.slot, "data": work / "data.ext4"}
        assemble(product.image, layout, contents)
        packages = _packages(root)
    subprocess.run(
        ["zstd", "--quiet", "--force", "-T2", "-15", "--long=27", str(product.image), "-o", str(product.compressed)],
        check=True,
    )
    product.manifest.write_text(json.dumps(_manifest(product, profile, release, packages), indent=1) + "\n")
    return product


def boot_files(firmware: Path, root: Path, work: Path) -> list[tuple[Path, str]]:
    """What lies on the boot partition, as (source, name in it); earshot.toml first, so that it is in one piece."""
    script = work / "boot.scr"
    # The script carries the time that it was made at; the same each time, since the tool takes it from here.
    subprocess.run(
        [
            "mkimage",
            "-A",
            "arm64",
            "-T",
            "script",
            "-C",
            "none",
            "-n",
            "earshot",
            "-d",
            str(BOOT / "boot.cmd"),
            str(script),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": "0"},
    )
    sheet = work / sheet_text.NAME
    sheet.write_bytes(sheet_text.padded(sheet_text.blank()))
    files = [(sheet, sheet_text.NAME), (script, "boot.scr")]
    files += [(BOOT / name, name) for name in ("config.txt", "extra.env")]
    blobs = next(path for path in firmware.glob("usr/lib/raspi-firmware") if path.is_dir())
    files += [(blobs / name, name) for name in _FIRMWARE]
    files.append((firmware / "usr/lib/u-boot/rpi_arm64/u-boot.bin", "u-boot.bin"))
    for pattern in _TREES:
        files += [(path, path.name) for path in sorted(root.glob(f"usr/lib/linux-image-*/broadcom/{pattern}"))]
    return files


def _packages(root: Path) -> dict[str, str]:
    listing = subprocess.run(
        ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show", "--showformat=${Package} ${Version}\n"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return dict(sorted(line.split(" ", 1) for line in listing.splitlines()))


def _manifest(product: Product, profile: Profile, release: tree.Release, packages: dict[str, str]) -> dict[str, object]:
    return {
        "release": release.version,
        "profile": profile.name,
        "suite": SUITE,
        "source_date_epoch_s": release.epoch_s,
        "files": {
            path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)}
            for path in (product.image, product.slot, product.compressed)
        },
        "packages": packages,
    }


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def free_space(out: Path, layout: Layout) -> None:
    """Raise RuntimeError where `out` has no room for a build."""
    needed = 2 * layout.slot_mib * 1024 * 1024
    free = shutil.disk_usage(out).free
    if free < needed:
        raise RuntimeError(f"{out} has {free >> 20} MiB free and a build needs {needed >> 20}")
