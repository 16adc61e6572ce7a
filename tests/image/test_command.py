"""What `./run image` refuses, and what it takes from this machine."""

import pytest
from click.testing import CliRunner

from image import sources
from image.__main__ import main
from image.recipe import PROFILES


def test_raspberry_pi_s_archive_has_to_be_given():
    answer = CliRunner().invoke(main, ["--profile", "rpios"])
    assert answer.exit_code == 2
    assert "give it with --sources" in answer.output


def test_every_profile_has_a_kernel_and_what_starts_it():
    for profile in PROFILES.values():
        assert [name for name in profile.packages if name.startswith("linux-image-")]
        assert {"raspi-firmware", "u-boot-rpi"} <= set(profile.boot_packages)


def test_the_sources_are_those_of_the_machine_with_the_suite_swapped(monkeypatch):
    found = {"Debian": "http://mirror.example/debian/", "Debian-Security": "http://mirror.example/security/"}
    monkeypatch.setattr(sources, "_addresses", lambda: found)
    lines = sources.debian("trixie")
    assert [line.split("] ")[1] for line in lines] == [
        "http://mirror.example/debian/ trixie main non-free-firmware",
        "http://mirror.example/debian/ trixie-updates main non-free-firmware",
        "http://mirror.example/security/ trixie-security main non-free-firmware",
    ]


def test_no_image_is_built_without_security_updates(monkeypatch):
    monkeypatch.setattr(sources, "_addresses", lambda: {"Debian": "http://mirror.example/debian/"})
    with pytest.raises(RuntimeError, match="'Debian-Security'"):
        sources.debian("trixie")
