"""The sheet onto a card from a laptop: nothing else is touched, wrong disks are refused, none gets half a sheet."""

import hashlib
import os
import shutil
import subprocess

import pytest
from card import CODE, PSK, SHEET
from click.testing import CliRunner

from edge.cli import cli
from edge.provision.flash import FAULTS, FlashError, flash
from edge.provision.problem import SheetError
from edge.provision.sheet import parse
from edge.provision.sheet_text import FILE_BYTES, NAME, blank, padded

MIB = 1024 * 1024
BEGIN = 1 * MIB

pytestmark = pytest.mark.skipif(shutil.which("mcopy") is None, reason="makes its cards with mtools and dosfstools")


def run(*arguments):
    return subprocess.run(list(map(str, arguments)), check=True, capture_output=True).stdout


def make_image(folder, kind="32", label="EARSHOT", sheet=None, cluttered=True):
    """A disk with a FAT partition at 1 MiB that mtools and mkfs.vfat made, and random bytes behind it."""
    size_mib = 40 if kind == "32" else 16
    fat = folder / "boot.fat"
    fat.write_bytes(bytes(size_mib * MIB))
    clusters = ["-s", "1"] if kind == "32" else ["-s", "4"]
    run("mkfs.vfat", "-F", kind, *clusters, "-n", label, fat)
    content = folder / "content"
    if cluttered:
        # So that the file lies in pieces: small files, every other one taken away again.
        for n in range(12):
            content.write_bytes(os.urandom(1000))
            run("mcopy", "-i", fat, content, f"::a long name of a file {n}.bin")
        run("mdel", "-i", fat, *[f"::a long name of a file {n}.bin" for n in range(0, 12, 2)])
    content.write_bytes(padded(blank()) if sheet is None else sheet)
    run("mcopy", "-i", fat, content, f"::{NAME}")
    table = bytearray(512)
    table[446 + 4] = 0x0C if kind == "32" else 0x06
    table[446 + 8 : 446 + 12] = (BEGIN // 512).to_bytes(4, "little")
    table[510:] = b"\x55\xaa"
    image = folder / "disk.img"
    image.write_bytes(bytes(table).ljust(BEGIN, b"\0") + fat.read_bytes() + os.urandom(4096))
    return image


def sheet_in(image):
    return run("mtype", "-i", f"{image}@@{BEGIN}", f"::{NAME}")


@pytest.mark.parametrize("kind", ["32", "16"])
def test_the_file_is_filled_in_and_nothing_else_is_touched(tmp_path, kind):
    image = make_image(tmp_path, kind)
    before = image.read_bytes()
    said = flash(image, SHEET)

    assert NAME in said
    assert sheet_in(image) == padded(SHEET)
    after = image.read_bytes()
    assert len(after) == len(before)
    different = {at // 512 for at in range(0, len(before), 512) if before[at : at + 512] != after[at : at + 512]}
    assert len(different) <= FILE_BYTES // 512
    (tmp_path / "after.fat").write_bytes(after[BEGIN:-4096])
    run("fsck.vfat", "-n", tmp_path / "after.fat")
    flash(image, SHEET.replace("north", "south"))
    assert b"south" in sheet_in(image)


def test_a_power_cut_leaves_a_sheet_that_is_old_refused_or_new(tmp_path):
    class PowerCut(BaseException):
        pass

    for wanted in FAULTS:
        image = make_image(tmp_path, "16", sheet=padded(SHEET.replace("north", "south")), cluttered=False)

        def cut(name, wanted=wanted):
            if name == wanted:
                raise PowerCut

        with pytest.raises(PowerCut):
            flash(image, SHEET, cut)
        content = sheet_in(image).decode()
        if wanted == FAULTS[-1]:
            assert parse(content).box.site == "north"
        else:
            with pytest.raises(SheetError) as caught:
                parse(content)
            assert caught.value.line == 1
            assert "write it again" in content
        flash(image, SHEET)
        assert parse(sheet_in(image).decode()).box.site == "north"


def test_a_sheet_that_a_box_would_refuse_is_not_written(tmp_path):
    image = make_image(tmp_path, cluttered=False)
    before = hashlib.sha256(image.read_bytes()).digest()
    with pytest.raises(SheetError):
        flash(image, SHEET.replace("north", "North!"))
    assert hashlib.sha256(image.read_bytes()).digest() == before


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: make_image(folder, label="WINDOWS", cluttered=False), "no boot partition 'EARSHOT'"),
        (lambda folder: write(folder / "x.img", os.urandom(4096)), "no partition table"),
        (lambda folder: write(folder / "x.img", b""), "no whole image"),
        (lambda folder: write(folder / "x.img", bytes(510) + b"\x55\xaa" + bytes(4096)), "no FAT partition"),
        (lambda folder: truncated(make_image(folder, cluttered=False)), "no whole image"),
        (lambda folder: make_image(folder, sheet=b"# small\n", cluttered=False), "has room for 8 bytes"),
        (lambda folder: make_image(folder, sheet=os.urandom(FILE_BYTES), cluttered=False), "holds something else"),
        (lambda folder: folder, "not the boot partition"),
        (lambda folder: "/dev/null", "neither a folder"),
    ],
)
def test_the_wrong_disk_is_refused_untouched(tmp_path, make, said):
    from pathlib import Path

    target = Path(make(tmp_path))
    before = target.read_bytes() if target.is_file() else None
    with pytest.raises(FlashError, match=said):
        flash(target, SHEET)
    if before is not None:
        assert target.read_bytes() == before


def write(path, data):
    path.write_bytes(data)
    return path


def truncated(image):
    os.truncate(image, BEGIN + 100_000)
    return image


def test_a_mounted_boot_folder_is_written_atomically(tmp_path):
    (tmp_path / NAME).write_bytes(padded(blank()))
    flash(tmp_path, SHEET)
    assert (tmp_path / NAME).read_bytes() == padded(SHEET)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_the_command_fills_the_template(tmp_path):
    (tmp_path / NAME).write_bytes(padded(blank()))
    (tmp_path / "psk").write_text(PSK + "\n")
    (tmp_path / "key.pub").write_text("ssh-ed25519 AAAA anna\n")
    options = {
        "--site": "north", "--box": "counter-1", "--place": "Касса 1", "--language": "ru", "--time-zone": "Europe/Riga",
        "--bridge": "https://b.example", "--code": CODE.lower(), "--wifi-ssid": "office", "--wifi-country": "LV",
        "--wifi-psk-file": tmp_path / "psk", "--ssh-key": tmp_path / "key.pub", "--sound-device": "plughw:CARD=Device",
    }  # fmt: skip
    arguments = ["flash-config", str(tmp_path), *[str(part) for pair in options.items() for part in pair]]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    sheet = parse((tmp_path / NAME).read_text())
    assert (sheet.box.place, sheet.wifi.psk, sheet.ssh.keys) == ("Касса 1", PSK, ("ssh-ed25519 AAAA anna",))
    assert PSK not in done.output
    done = CliRunner().invoke(cli, [*arguments, "--file", str(tmp_path / "psk")])
    assert done.exit_code == 2
    done = CliRunner().invoke(cli, ["flash-config", str(tmp_path), "--site", "north"])
    assert done.exit_code == 1
    assert "[bridge]" in done.output


def test_what_the_command_wrote_makes_a_box(card):
    (card.boot / NAME).write_bytes(padded(blank()))
    (card.folder / "sheet").write_text(SHEET)
    done = CliRunner().invoke(cli, ["flash-config", str(card.boot), "--file", str(card.folder / "sheet")])
    assert done.exit_code == 0, done.output
    assert card.start().plan.order.code == CODE
