"""Fetching what the guest's virtual environments are installed from; the guest itself never sees a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lab.errors import LabError
from lab.recipe import Recipe

_PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in range(36, 16, -1)]
_PLATFORMS += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]


def download(recipe: Recipe, folder: Path) -> None:
    """Put every file of the recipe's locks into `folder`, hashes checked; what is there already is not fetched again.

    Raises `LabError` with pip's own words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "lock.txt"
    lock.write_text(recipe.build_lock + recipe.box_lock + recipe.lab_lock)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    command += ["--no-deps", "--no-build-isolation", "--dest", str(folder), "--find-links", str(folder)]
    command += ["--python-version", "3.11", "--implementation", "cp", "--requirement", str(lock)]
    command += [part for platform in _PLATFORMS for part in ("--platform", platform)]
    command += ["--abi", "cp311", "--abi", "abi3", "--abi", "none"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise LabError(f"pip could not fetch the packages of the guest: {answer.stderr.strip()[-2000:]}")
