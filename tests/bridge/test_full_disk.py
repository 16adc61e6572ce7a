"""A real file system that is full or read-only under database and sound: no receipt, no loss, and it goes on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

INSIDE = Path(__file__).parents[1] / "support" / "full_disk.py"


def can_mount() -> bool:
    mount = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        return subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not can_mount(), reason="this machine lets nobody mount a file system of their own")
@pytest.mark.parametrize("part", ["database", "blobs"])
@pytest.mark.parametrize("trouble", ["full", "read_only"])
def test_nothing_is_receipted_that_is_not_stored_and_it_goes_on(tmp_path, part, trouble):
    """In a mount name space of its own; the script's assertions are the test."""
    small = tmp_path / "small"
    small.mkdir()
    command = (
        f"mount -t tmpfs -o size=3m none {small} && exec {sys.executable} {INSIDE} {part} {trouble} {small} {tmp_path}"
    )
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", command]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        unshare, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": root}, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("recovered\n")
