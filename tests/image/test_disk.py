"""The disk: its table, its parts, and putting it together."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image import boot_counters, disk
from image.disk import MIB, Layout, assemble, partition_table

SMALL = Layout(boot_mib=2, slot_mib=3, data_mib=1)
OVERLAY = Path(disk.__file__).parent / "overlay"


@given(st.builds(Layout, *[st.integers(1, 4096)] * 3))
def test_parts_lie_one_after_the_other_behind_the_counters(layout):
    end = 0
    for part in layout.parts:
        assert part.start_bytes == max(end, 4 * MIB)
        end = part.start_bytes + part.size_bytes
    assert layout.size_bytes == end
    assert layout.parts[0].start_bytes >= boot_counters.OFFSET_BYTES + boot_counters.SIZE_BYTES


@pytest.mark.skipif(shutil.which("sfdisk") is None, reason="fdisk is not installed")
def test_sfdisk_reads_the_table(tmp_path):
    image = tmp_path / "card.img"
    assemble(image, SMALL, {})
    table = json.loads(subprocess.run(["sfdisk", "--json", image], capture_output=True, check=True).stdout)
    table = table["partitiontable"]
    assert (table["label"], table["id"]) == ("dos", f"{disk.DISK_ID:#x}")
    found = [(part["start"], part["size"], part["type"], part.get("bootable", False)) for part in table["partitions"]]
    assert found == [
        (8192, 4096, "c", True),
        (12288, 6144, "83", False),
        (18432, 6144, "83", False),
        (24576, 2048, "83", False),
    ]


def test_contents_stand_in_their_parts_and_the_rest_is_a_hole(tmp_path):
    slot = tmp_path / "slot"
    slot.write_bytes(b"\0" * MIB + b"s" * MIB + b"\0" * MIB)
    image = tmp_path / "card.img"
    assemble(image, SMALL, {"slot A": slot})
    data = image.read_bytes()
    assert len(data) == SMALL.size_bytes
    start = SMALL.parts[1].start_bytes
    assert data[start : start + 3 * MIB] == slot.read_bytes()
    assert not data[start + 3 * MIB :].strip(b"\0")
    assert image.stat().st_blocks * 512 < 2 * MIB


def test_two_disks_of_the_same_parts_are_the_same(tmp_path):
    slot = tmp_path / "slot"
    slot.write_bytes(b"s" * 3 * MIB)
    for name in ("one", "two"):
        assemble(tmp_path / name, SMALL, {"slot A": slot})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_file_of_another_length_or_an_unknown_part_is_refused(tmp_path):
    slot = tmp_path / "slot"
    slot.write_bytes(b"s")
    with pytest.raises(ValueError, match="has 1 bytes, the part slot A 3145728"):
        assemble(tmp_path / "card.img", SMALL, {"slot A": slot})
    with pytest.raises(ValueError, match="no part is called slot C"):
        assemble(tmp_path / "card.img", SMALL, {"slot C": slot})


def test_a_part_that_the_table_can_not_say_is_refused():
    with pytest.raises(ValueError, match="slot A: 0 MiB"):
        partition_table(Layout(slot_mib=0))
    with pytest.raises(ValueError, match="data: "):
        partition_table(Layout(data_mib=3 * 1024 * 1024))


def test_everything_finds_the_disk_by_the_same_identity():
    identity = f"{disk.DISK_ID:08x}"
    texts = {name: (OVERLAY / "etc" / name).read_text() for name in ("fstab", "rauc/system.conf")}
    assert f"PARTUUID={identity}-01 /boot/firmware" in texts["fstab"]
    assert f"PARTUUID={identity}-04 /data" in texts["fstab"]
    for bootname, part in (("A", SMALL.parts[1]), ("B", SMALL.parts[2])):
        assert f"by-partuuid/{identity}-{part.number:02}\ntype=ext4\nbootname={bootname}" in texts["rauc/system.conf"]
    assert f'"{identity}"' in (OVERLAY / "etc/udev/rules.d/70-earshot-disk.rules").read_text()
