"""The Debian part of an image, from packages alone: unpacked and configured for arm64 under qemu, then kept.

The result depends on nothing of this project but `image/recipe.py`, so it is made once and kept under a name that is
the hash of what it is made from.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from image.recipe import BASE_EPOCH, KEPT, LEFT_OUT, SUITE, Profile

BINFMT = Path("/proc/sys/fs/binfmt_misc")
REGISTRATION = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")


def cache_folder() -> Path:
    """Where built parts are kept: $EARSHOT_IMAGE_CACHE, else ~/.cache/earshot-image."""
    given = os.environ.get("EARSHOT_IMAGE_CACHE")
    folder = Path(given) if given else Path.home() / ".cache" / "earshot-image"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def key(profile: Profile, sources: list[str]) -> str:
    """The name under which the base of `profile` out of `sources` is kept."""
    recipe = [SUITE, BASE_EPOCH, profile.packages, profile.boot_packages, LEFT_OUT, KEPT, sources, _hooks(profile)]
    return f"{profile.name}-{hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]}"


def build(profile: Profile, sources: list[str], folder: Path) -> None:
    """Write `folder`/root.tar (the root file system) and `folder`/boot (boot_packages, unpacked).

    Needs root and a quarter of an hour or more, since every package is configured under emulation. Raises RuntimeError
    where this machine can't run arm64 programs, subprocess.CalledProcessError where a package can't be installed.
    """
    if os.geteuid():
        raise RuntimeError("the image is built as root: its files belong to root, and packages are configured in it")
    register_arm64()
    _mmdebstrap(profile, sources, folder)


def register_arm64() -> None:
    """Let this machine's kernel run arm64 programs through qemu, until its next boot."""
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT)], check=True)
    if (BINFMT / "qemu-aarch64").exists():
        return
    if not REGISTRATION.exists():
        raise RuntimeError(f"{REGISTRATION} is missing; install qemu-user-static")
    (BINFMT / "register").write_bytes(REGISTRATION.read_bytes().strip())


def _hooks(profile: Profile) -> list[str]:
    fetched = " ".join(profile.boot_packages)
    return [
        '--essential-hook=mkdir -p "$1/etc/initramfs-tools"',
        '--essential-hook=echo update_initramfs=no > "$1/etc/initramfs-tools/update-initramfs.conf"',
        f'--customize-hook=cd "$1/var/tmp" && APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get --quiet=2 download {fetched}',
        '--customize-hook=for deb in "$1"/var/tmp/*.deb; do dpkg-deb -x "$deb" "$EARSHOT_BOOT"; rm "$deb"; done',
        # Tools in there that were needed to make it and that a root which is only read has no use for.
        (
            '--customize-hook=rm -rf "$1"/var/log/apt "$1"/var/log/*.log '
            '"$1"/var/cache/debconf/*-old "$1"/var/lib/dpkg/*-old'
        ),
        '--customize-hook=rm -f "$1/etc/machine-id" "$1/var/lib/dbus/machine-id" "$1"/etc/ssh/ssh_host_*',
    ]


def _mmdebstrap(profile: Profile, sources: list[str], folder: Path) -> None:
    boot = folder / "boot"
    boot.mkdir()
    command = [
        "mmdebstrap",
        "--mode=root",
        "--format=tar",
        "--variant=apt",
        "--architectures=arm64",
        # It would ask for one more package; register_arm64 has seen to it.
        "--skip=check/qemu",
        '--aptopt=Apt::Install-Recommends "false"',
        '--aptopt=Acquire::Languages "none"',
        *(f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT),
        *(f"--dpkgopt=path-include={path}" for path in KEPT),
        *_hooks(profile),
        f"--include={','.join(profile.packages)}",
        SUITE,
        str(folder / "root.tar"),
        "-",
    ]
    environment = os.environ | {
        "SOURCE_DATE_EPOCH": str(BASE_EPOCH),
        "EARSHOT_BOOT": str(boot),
        "DEBIAN_FRONTEND": "noninteractive",
    }
    subprocess.run(command, check=True, input="\n".join(sources) + "\n", text=True, env=environment, stdout=sys.stderr)
