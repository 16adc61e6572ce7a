"""The guest is what docs/LAB.md promises: installed as a box, with a kernel that has the devices."""

import os
import subprocess
from pathlib import Path

import pytest

import edge


def test_project_comes_from_the_installed_wheel():
    assert Path(edge.__file__).is_relative_to("/opt/earshot")
    answer = subprocess.run(["earshot", "--version"], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("earshot, version ")


def test_units_users_and_rules_are_installed():
    for unit in ("earshot-ear", "earshot-box"):
        shown = subprocess.run(
            ["systemctl", "show", "-P", "LoadState", unit], capture_output=True, text=True, check=True
        )
        assert shown.stdout == "loaded\n"
        subprocess.run(["id", unit], check=True)
    assert Path("/run/earshot").stat().st_mode & 0o7777 == 0o2750


def test_system_is_up_without_a_failed_unit():
    failed = subprocess.run(
        ["systemctl", "--failed", "--plain", "--no-legend"], capture_output=True, text=True, check=True
    )
    assert failed.stdout == ""


@pytest.mark.real_clock
def test_host_plugs_a_stick(host):
    image = Path("/job/stick.img")
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.vfat", "-n", "STICK", image], check=True, capture_output=True)
    host.plug_storage("stick", image)
    subprocess.run(["udevadm", "wait", "--timeout=60", "/dev/disk/by-label/STICK"], check=True)
    host.unplug("stick")
    subprocess.run(["udevadm", "wait", "--timeout=60", "--removed", "/dev/disk/by-label/STICK"], check=True)
    assert os.getuid() == 0
