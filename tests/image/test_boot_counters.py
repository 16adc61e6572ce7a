"""The boot counters as U-Boot and libubootenv know them."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image import boot_counters
from image.disk import Layout, assemble

NAMES = st.text(st.characters(codec="ascii", categories=("Lu", "Nd"), include_characters="_"), min_size=1, max_size=12)
VALUES = st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1, max_size=12)


@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_what_is_written_is_read(variables):
    assert boot_counters.decode(boot_counters.encode(variables)) == variables


def test_they_are_one_sector_so_that_a_power_cut_leaves_old_or_new():
    assert len(boot_counters.of_a_new_image()) == boot_counters.SIZE_BYTES == 512
    with pytest.raises(ValueError, match="508 is the most"):
        boot_counters.encode({"BOOT_ORDER": "A" * 600})


def test_a_torn_sector_is_refused():
    sector = bytearray(boot_counters.of_a_new_image())
    sector[40] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        boot_counters.decode(bytes(sector))


@pytest.mark.parametrize("name", ["", "A=B", "A\0B"])
def test_an_impossible_name_is_refused(name):
    with pytest.raises(ValueError, match="U-Boot variable"):
        boot_counters.encode({name: "1"})


@pytest.mark.skipif(shutil.which("fw_printenv") is None, reason="libubootenv-tool is not installed")
def test_libubootenv_reads_them_off_the_image(tmp_path):
    image = tmp_path / "card.img"
    assemble(image, Layout(boot_mib=1, slot_mib=1, data_mib=1), {})
    config = tmp_path / "fw_env.config"
    config.write_text(f"{image} {boot_counters.OFFSET_BYTES:#x} {boot_counters.SIZE_BYTES:#x}\n")
    answer = subprocess.run(["fw_printenv", "-c", config], capture_output=True, text=True, check=True).stdout
    assert set(answer.split("\n")) >= {"BOOT_ORDER=A B", "BOOT_A_LEFT=3", "BOOT_B_LEFT=0"}


def test_the_script_of_the_boot_reads_the_same_place():
    from pathlib import Path

    script = (Path(boot_counters.__file__).parent / "boot/boot.cmd").read_text()
    assert f"read ${{kernel_addr_r}} {boot_counters.OFFSET_BYTES // 512:#x} 1" in script
    assert f"env import -c ${{kernel_addr_r}} {boot_counters.SIZE_BYTES:#x} " in script
    config = (Path(boot_counters.__file__).parent / "overlay/etc/fw_env.config").read_text()
    assert f"/dev/disk/earshot {boot_counters.OFFSET_BYTES:#x} {boot_counters.SIZE_BYTES:#x}" in config
