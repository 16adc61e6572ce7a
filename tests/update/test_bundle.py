"""Bundles, judged by the real RAUC with the settings of a box."""

import shutil
import subprocess

import pytest

from image import bundle, keys, update_test

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


def test_a_slot_is_broken_for_the_trial_without_a_mount(tmp_path):
    """What `./run image --update-test` tries: the same file system, sound, with one thing changed."""
    tree = tmp_path / "root"
    for folder in ("usr/lib/systemd", "etc/systemd/system", "opt/earshot/bin"):
        (tree / folder).mkdir(parents=True)
    (tree / "usr/lib/os-release").write_text('NAME="Debian"\nIMAGE_VERSION="0.1"\nIMAGE_ID=earshot\n')
    (tree / "usr/lib/systemd/systemd").write_bytes(b"x" * 9000)
    (tree / "opt/earshot/bin/earshot").write_text("#!/opt/earshot/bin/python\n")
    slot = tmp_path / "slot.ext4"
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, slot, "16M"], check=True)

    def content(image, path):
        command = ["debugfs", "-R", f"cat {path}", image]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    good = update_test.variant(slot, tmp_path / "good.ext4", "9.1")
    assert content(good, "/usr/lib/os-release") == 'NAME="Debian"\nIMAGE_ID=earshot\nIMAGE_VERSION="9.1"\n'
    assert len(content(good, "/usr/lib/systemd/systemd")) == 9000
    dead = update_test.variant(slot, tmp_path / "dead.ext4", "9.2", update_test.FAULTS["no init"])
    assert content(dead, "/usr/lib/systemd/systemd") == ""
    assert "EARSHOT_TRIAL_S=90" in content(dead, "/etc/systemd/system/earshot-trial.service.d/test.conf")
    crash = update_test.variant(slot, tmp_path / "crash.ext4", "9.3", update_test.FAULTS["the box's program crashes"])
    assert content(crash, "/opt/earshot/bin/earshot") == "#!/bin/sh\nexit 1\n"
    said = subprocess.run(
        ["debugfs", "-R", "stat /opt/earshot/bin/earshot", crash], capture_output=True, text=True, check=True
    )
    assert "Mode:  0755" in said.stdout
