"""What the image lays over Debian: its units, its mounts, its libraries."""

import configparser
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from image import environment, tree
from image.recipe import PROFILES
from models import weights

OVERLAY = tree.OVERLAY
ROOT = Path(__file__).parents[2]


def test_libraries_that_are_left_out_are_imported_by_nothing_that_runs_on_a_box():
    program = (
        "import importlib, json, pkgutil, sys\n"
        "sys.modules.update(dict.fromkeys(json.loads(sys.argv[1])))\n"  # None makes an import fail.
        "for package in ('edge', 'drivers', 'ringbuffer', 'models'):\n"
        "    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, package + '.'):\n"
        "        if not any(name in found.name for name in ('models.training', 'models.train', '__main__')):\n"
        "            importlib.import_module(found.name)\n"
        "import gpiozero, litestar, uvicorn\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, json.dumps(environment.UNUSED)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def mounts():
    lines = (OVERLAY / "etc/fstab").read_text().splitlines()
    return {fields[1]: fields for line in lines if (fields := line.split()) and not line.startswith("#")}


def test_the_boot_partition_is_read_only_from_the_end_of_provisioning_on():
    unit = (OVERLAY / "etc/systemd/system/earshot-boot-ro.service").read_text()
    assert "After=earshot-provision.service" in unit
    assert "ExecStart=/usr/bin/mount -o remount,ro /boot/firmware" in unit
    # A sandboxed unit can't do that for the others, so it must not be part of provisioning.
    assert "Private" not in unit
    assert "Protect" not in unit


def test_the_rings_have_memory_of_their_own():
    for place in ("/run/earshot", "/run/earshot-eye"):
        assert mounts()[place][2] == "tmpfs"
        assert f"d {place} " in (ROOT / "systemd/tmpfiles.d/earshot.conf").read_text()


def test_what_the_eye_needs_is_in_the_image(tmp_path, monkeypatch):
    """Its detector, the fonts of its pictures, its unit; which waits for its settings as the ear's does."""
    weights_file = tmp_path / "detector"
    weights_file.write_bytes(b"weights")
    monkeypatch.setattr(environment, "_fetch", lambda packages: None)
    monkeypatch.setattr(environment, "fetch", lambda: weights_file)
    environment.install_locked(tmp_path / "root")
    installed = tmp_path / "root/opt/earshot/share/earshot/models" / weights.DETECTOR
    assert installed.read_bytes() == b"weights"
    assert all("fonts-dejavu-core" in profile.packages for profile in PROFILES.values())
    ear, eye = (OVERLAY / f"etc/systemd/system/earshot-{name}.service.d/image.conf" for name in ("ear", "eye"))
    assert eye.read_text() == ear.read_text()


def test_what_provisioning_replaces_is_mounted_after_it():
    for place in ("/etc/earshot", "/etc/credstore", "/var/lib/earshot", "/var/lib/iwd"):
        source, _, kind, options, *_ = mounts()[place]
        assert source == f"/data{place}"
        assert kind == "none"
        assert {"bind", "nofail", "x-systemd.after=earshot-provision.service"} <= set(options.split(","))


def test_every_folder_that_is_mounted_from_data_is_made_there():
    made = {line.split()[1] for line in (OVERLAY / "etc/tmpfiles.d/earshot-data.conf").read_text().splitlines()}
    wanted = {fields[0] for fields in mounts().values() if fields[0].startswith("/data/")}
    assert wanted <= made


def test_every_program_of_a_unit_is_there_and_can_be_run():
    for unit in OVERLAY.rglob("*.service"):
        for line in unit.read_text().splitlines():
            if "/usr/lib/earshot/" in line:
                program = OVERLAY / line.partition("=")[2].lstrip("-+").split()[0].lstrip("/")
                assert program.stat().st_mode & 0o100, program


@pytest.mark.parametrize(
    "script", [path for path in OVERLAY.rglob("*") if path.is_file() and path.read_bytes().startswith(b"#!/bin/sh")]
)
def test_scripts_are_valid(script):
    subprocess.run(["sh", "-n", script], check=True)


def test_rauc_asks_for_a_signature_that_may_sign_code_and_keeps_what_it_knows_on_the_data_partition():
    config = configparser.ConfigParser()
    config.read(OVERLAY / "etc/rauc/system.conf")
    assert config["keyring"]["check-purpose"] == "codesign"
    assert config["system"]["bundle-formats"] == "verity"
    assert config["system"]["data-directory"].startswith("/data/")


def test_the_signing_keys_of_development_are_made_once_and_verify(tmp_path):
    from image import keys

    made = keys.development_keys(tmp_path / "keys")
    before = made.key.read_bytes()
    assert keys.development_keys(tmp_path / "keys").key.read_bytes() == before
    assert made.key.stat().st_mode & 0o077 == 0
    if shutil.which("openssl"):
        subprocess.run(
            ["openssl", "verify", "-purpose", "any", "-CAfile", made.keyring, made.certificate],
            check=True,
            capture_output=True,
        )


def test_the_overlay_gives_no_password_and_no_console():
    sshd = (OVERLAY / "etc/ssh/sshd_config.d/earshot.conf").read_text()
    assert "PasswordAuthentication no" in sshd
    assert "PermitRootLogin prohibit-password" in sshd
    assert "getty.target" in tree._MASKED


def test_what_no_index_has_built_is_made_from_locked_sources():
    from image import extensions

    text = extensions.locked()
    entries = [line for line in text.splitlines() if not line.startswith(" ")]
    assert {entry.partition("==")[0] for entry in entries} == set(extensions.NAMES)
    assert text.count("--hash=sha256:") >= len(extensions.NAMES)
    image_lock = (ROOT / "requirements/image.txt").read_text()
    assert not any(f"\n{name}==" in image_lock for name in extensions.NAMES)
