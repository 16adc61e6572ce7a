"""Libraries that no index has built for the image: made from locked sources, by the compiler of the image's suite.

Debian has them, too, but in versions that lack what the drivers use.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from image import base, tree
from image.recipe import BASE_EPOCH, SUITE

LOCK = Path(__file__).parents[1] / "requirements" / "box.txt"
NAMES = ("evdev", "pyalsaaudio", "systemd-python")
_TOOLS = (
    "gcc libc6-dev libasound2-dev libsystemd-dev linux-libc-dev pkg-config python3-dev python3-pip python3-setuptools"
)


def locked() -> str:
    """The part of the box's lock that names them, with versions and hashes. Raises ValueError where one is missing."""
    entries = re.split(r"\n(?=\S)", LOCK.read_text("utf-8"))
    found = [entry for entry in entries if entry.partition("==")[0] in NAMES]
    if len(found) != len(NAMES):
        raise ValueError(f"{LOCK} does not name all of {', '.join(NAMES)}; run './run lock'")
    return "\n".join(found) + "\n"


def key(sources: list[str]) -> str:
    """A hash over what `build` builds from."""
    recipe = json.dumps([SUITE, BASE_EPOCH, _TOOLS, locked(), sources])
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def build(sources: list[str], folder: Path) -> None:
    """Write a wheel for each into `folder`. Needs root and ten minutes; raises what a failed step raises."""
    base.register_arm64()
    root = folder / "root"
    command = ["mmdebstrap", "--mode=root", "--format=directory", "--variant=apt", "--architectures=arm64"]
    command += [
        "--skip=check/qemu",
        '--aptopt=Apt::Install-Recommends "false"',
        f"--include={_TOOLS.replace(' ', ',')}",
    ]
    command += ["--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*"]
    subprocess.run(
        [*command, SUITE, str(root), "-"], check=True, input="\n".join(sources) + "\n", text=True, stdout=sys.stderr
    )
    # The folders' names stand in what is compiled, so they are the same each time.
    for archive in _fetch(folder / "sources"):
        with tarfile.open(archive) as tar:
            tar.extractall(root / "build", filter="data")
    (root / "wheels").mkdir()
    for source in sorted((root / "build").iterdir()):
        wheel = ["python3", "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation"]
        tree.chroot(root, [*wheel, "--wheel-dir", "/wheels", f"/build/{source.name}"], BASE_EPOCH)
    for path in sorted((root / "wheels").glob("*.whl")):
        shutil.move(path, folder)
    shutil.rmtree(root)
    shutil.rmtree(folder / "sources")


def _fetch(folder: Path) -> list[Path]:
    folder.mkdir()
    names = folder / "lock.txt"
    names.write_text(locked(), "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--no-binary=:all:", "--no-build-isolation", "--dest", str(folder)]
    subprocess.run([*command, "--requirement", str(names)], check=True, stdout=sys.stderr)
    return sorted(folder.glob("*.tar.gz"))
