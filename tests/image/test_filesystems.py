"""File systems out of folders: the same bytes each time, and everything in them."""

import os
import shutil
import stat
import subprocess

import pytest

from image import base, filesystems
from image.recipe import PROFILES

EPOCH_S = 1_767_225_600
needs_mtools = pytest.mark.skipif(
    not (shutil.which("mcopy") and shutil.which("mkfs.vfat")), reason="mtools and dosfstools are not installed"
)


@needs_mtools
def test_a_fat_has_its_files_and_is_the_same_each_time(tmp_path):
    (tmp_path / "a").write_text("alpha")
    (tmp_path / "b").write_bytes(b"b" * 5000)
    made = []
    for name, age_s in (("one", 0), ("two", 1_000_000)):
        for file in ("a", "b"):
            os.utime(tmp_path / file, (EPOCH_S + age_s, EPOCH_S + age_s))
        files = [(tmp_path / "a", "earshot.toml"), (tmp_path / "b", "overlays/deep/b.bin")]
        filesystems.fat(tmp_path / name, files, label="EARSHOT", size_mib=40, epoch_s=EPOCH_S)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    for name, text in (("earshot.toml", b"alpha"), ("overlays/deep/b.bin", b"b" * 5000)):
        shown = subprocess.run(["mtype", "-i", tmp_path / "one", f"::{name}"], capture_output=True, check=True).stdout
        assert shown == text


@needs_mtools
def test_the_first_file_lies_in_one_piece_so_that_it_can_be_overwritten_in_place(tmp_path):
    sheet = tmp_path / "earshot.toml"
    sheet.write_bytes(bytes(range(256)) * 64)
    other = tmp_path / "other"
    other.write_bytes(b"o" * 100_000)
    filesystems.fat(
        tmp_path / "fat", [(sheet, "earshot.toml"), (other, "other")], label="EARSHOT", size_mib=40, epoch_s=EPOCH_S
    )
    assert (tmp_path / "fat").read_bytes().count(sheet.read_bytes()) == 1


def _folder(path, order):
    path.mkdir()
    for n in order:
        (path / f"folder-{n}").mkdir()
        (path / f"folder-{n}" / "file").write_text(f"{n}" * n)
        (path / f"folder-{n}" / "link").symlink_to("../folder-1/file")
    (path / "folder-1" / "file").chmod(0o750)
    filesystems.clamp_times(path, EPOCH_S)
    return path


@pytest.fixture(scope="module")
def suite_root(tmp_path_factory):
    """The mke2fs of the image's suite with its libraries, where a base was built on this machine."""
    # A folder that ends in .part was left by a build that did not end.
    bases = (base.cache_folder() / "base").glob("*/root.tar")
    built = sorted(root for root in bases if root.parent.suffix != ".part")
    if not built or shutil.which("qemu-aarch64-static") is None:
        pytest.skip("no base of an image was built on this machine")
    root = tmp_path_factory.mktemp("suite")
    wanted = ["./lib", "./usr/sbin/mke2fs", "./etc/mke2fs.conf", "./usr/lib/ld-linux-aarch64.so.1"]
    libraries = ("ld-linux-*", *(f"lib{name}.so.*" for name in ("c", "ext2fs", "com_err", "blkid", "uuid", "e2p", "m")))
    wanted += [f"./usr/lib/aarch64-linux-gnu/{library}" for library in libraries]
    command = ["tar", "--extract", "--wildcards", "--file", built[-1], "--directory", root, *wanted]
    subprocess.run(command, check=True, capture_output=True)
    return root


def test_the_mke2fs_of_the_suite_writes_the_same_each_time(tmp_path, suite_root):
    made = []
    for name, order in (("one", range(1, 30)), ("two", range(29, 0, -1))):
        folder = _folder(tmp_path / f"folder-{name}", order)
        filesystems.ext4(tmp_path / name, folder, label="test", size_mib=128, epoch_s=EPOCH_S, suite_root=suite_root)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]


@pytest.mark.skipif(shutil.which("debugfs") is None, reason="e2fsprogs is not installed")
def test_an_ext4_has_what_the_folder_has(tmp_path):
    folder = _folder(tmp_path / "folder", range(1, 9))
    filesystems.ext4(tmp_path / "fs", folder, label="test", size_mib=128, epoch_s=EPOCH_S)
    subprocess.run(["e2fsck", "-fn", tmp_path / "fs"], check=True, capture_output=True)
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump / {out}", tmp_path / "fs"], check=True, capture_output=True)
    assert (out / "folder-7" / "file").read_text() == "7" * 7
    assert str((out / "folder-7" / "link").readlink()) == "../folder-1/file"
    assert stat.S_IMODE((out / "folder-1" / "file").stat().st_mode) == 0o750


def test_nothing_is_younger_than_the_moment_of_the_build(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old").write_text("")
    os.utime(folder / "old", (1_000_000, 1_000_000))
    (folder / "new").write_text("")
    (folder / "link").symlink_to("nowhere")
    filesystems.clamp_times(folder, EPOCH_S)
    found = {name: (folder / name).lstat().st_mtime for name in ("old", "new", "link", ".")}
    assert found == {"old": 1_000_000, "new": EPOCH_S, "link": EPOCH_S, ".": EPOCH_S}


def test_the_key_of_the_base_follows_what_it_is_made_of():
    one = base.key(PROFILES["debian"], ["deb first"])
    assert one == base.key(PROFILES["debian"], ["deb first"])
    assert one != base.key(PROFILES["debian"], ["deb second"])
    assert one != base.key(PROFILES["rpios"], ["deb first"])
