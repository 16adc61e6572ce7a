"""An audio badge at its dock: udev gives it one name for each socket, and nobody writes to it."""

from pathlib import Path

import pytest

from lab.device.gadget import Recorder
from lab.device.recorder_image import fat_image, partitioned
from lab.device.waiting import run, wait_until

DOCKS = Path("/dev/earshot")


def docked():
    """The names of all docked badges."""
    return sorted(DOCKS.glob("badge-*")) if DOCKS.exists() else []


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    folder = tmp_path_factory.mktemp("badge")
    return fat_image(folder / "badge.img", folder / "mnt")


def mounted():
    return [line.split()[0] for line in Path("/proc/self/mounts").read_text().splitlines()]


def test_a_docked_badge_has_the_name_of_its_socket(image, tmp_path, say):
    with Recorder(1, "Badge", "DICT0001", image) as badge:
        (name,) = wait_until(docked, "udev names the badge")
        device = name.resolve()
        say(f"{name} -> {device}")
        assert device.is_block_device()
        assert badge.by_id.resolve() == device
        badge.unplug()
        wait_until(lambda: not docked(), "the name goes with the badge")
        badge.plug()
        assert wait_until(docked, "udev names it again") == [name]
        with Recorder(2, "Badge", "DICT0002", partitioned(image, tmp_path / "disk.img")):
            names = wait_until(lambda: docked() if len(docked()) == 2 else None, "udev names the second one")
            say(names)
            (other,) = set(names) - {name}
            assert other.name.endswith("-part1")
            assert other.resolve() != device


def test_nothing_mounts_a_docked_badge_and_the_box_cannot_write_to_it(image, say):
    with Recorder(1, "Badge", "DICT0001", image):
        (name,) = wait_until(docked, "udev names the badge")
        device = name.resolve()
        run("udevadm", "settle")
        said = run("udevadm", "info", "--query=property", f"--name={device}").stdout
        assert "UDISKS_IGNORE=1" in said
        assert not any(source in {str(device), str(name)} for source in mounted())
        tried = run("setpriv", "--reuid=earshot-box", "--regid=earshot-box", "--init-groups", "dd", "if=/dev/zero",
                    f"of={device}", "count=1", check=False)  # fmt: skip
        say(tried.stderr.strip())
        assert "Permission denied" in tried.stderr
        assert not any(source in {str(device), str(name)} for source in mounted())
