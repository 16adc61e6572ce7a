"""Bundles, judged by the real RAUC with the settings of a box."""

import shutil
import subprocess

import pytest

from image import bundle, keys

if shutil.which("rauc") is None:
    pytest.skip("bundles are made and judged by rauc", allow_module_level=True)


@pytest.fixture(scope="module")
def signing(tmp_path_factory):
    return keys.development_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def slot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slot")
    (folder / "root").mkdir()
    (folder / "root/content").write_bytes(bytes(range(256)) * 4096)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", folder / "root", folder / "slot.ext4", "16M"], check=True)
    return folder / "slot.ext4"


@pytest.fixture(scope="module")
def made(signing, slot, tmp_path_factory):
    return bundle.make(slot, "1.2.3", signing, tmp_path_factory.mktemp("out") / "b.raucb")


def refused(path, keyring):
    with pytest.raises(subprocess.CalledProcessError) as error:
        bundle.check(path, keyring)
    return error.value.stderr


def test_it_says_which_release_of_what_it_is(made, signing):
    said = bundle.check(made, signing.keyring)
    assert "RAUC_MF_COMPATIBLE='earshot-pi'" in said
    assert "RAUC_MF_VERSION='1.2.3'" in said


def test_a_keyring_of_somebody_else_refuses_it(made, tmp_path):
    assert "signature verification failed" in refused(made, keys.development_keys(tmp_path / "other").keyring)


def test_one_changed_byte_of_what_is_signed_refuses_it(made, signing, tmp_path):
    changed = tmp_path / "changed.raucb"
    content = bytearray(made.read_bytes())
    at = content.rfind(b"earshot-pi")
    assert at > 0
    content[at] ^= 1
    changed.write_bytes(content)
    assert "signature" in refused(changed, signing.keyring)


def test_a_shortened_one_is_refused(made, signing, tmp_path):
    short = tmp_path / "short.raucb"
    short.write_bytes(made.read_bytes()[:-4096])
    refused(short, signing.keyring)


def test_a_release_that_boxes_could_not_compare_is_not_made(slot, signing, tmp_path):
    for release in ("", "1", "v1.2", "1.2-rc1", "1.2.3.4.5", "1.2\n"):
        with pytest.raises(ValueError, match="numbers and dots"):
            bundle.make(slot, release, signing, tmp_path / "b.raucb")
