"""`earshot learn --write`: a button is added to a good configuration, or nothing changes."""

import os
import stat

import pytest
from click.testing import CliRunner

import edge.learn
from edge import config_append
from edge.cli import cli
from edge.config import ConfigError, load
from edge.config_append import append_button
from edge.learn import button_toml

BEGIN = """# The counter by the door.
[box]
site = "s"
name = "b"

[[buttons]]
name = "red"
driver = "virtual"
trigger = "incident"

[uplink]
password = "secret"  # of the broker"""
DEVICE = "/dev/input/by-id/usb-Switch-event-kbd"


def piece(name):
    return button_toml(DEVICE, "KEY_KPENTER", name)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "box.toml"
    path.write_text(BEGIN)
    path.chmod(0o640)
    return path


def learned(monkeypatch):
    """Somebody presses at once; returns a list that grows each time that it is asked for."""
    asked = []

    def learn(out, *, name, timeout_s):
        asked.append(timeout_s)
        out.write(piece(name))
        return piece(name)

    monkeypatch.setattr(edge.learn, "learn", learn)
    return asked


def test_a_button_is_added_and_all_else_stays(config):
    append_button(config, piece("green"), "green")
    assert [(button.name, button.driver, button.device, button.key) for button in load(config).buttons] == [
        ("red", "virtual", None, None),
        ("green", "usb", DEVICE, "KEY_KPENTER"),
    ]
    assert config.read_text() == f"{BEGIN}\n\n{piece('green')}"
    append_button(config, piece("blue"), "blue")
    assert [button.name for button in load(config).buttons] == ["red", "green", "blue"]
    assert [path.name for path in config.parent.iterdir()] == ["box.toml"]


def test_not_a_byte_of_what_stands_there_changes(config):
    before = BEGIN.replace("\n", "\r\n").encode()
    config.write_bytes(before)
    append_button(config, piece("green"), "green")
    assert config.read_bytes().startswith(before)
    assert len(load(config).buttons) == 2


def test_nobody_may_read_it_who_could_not_before(config, monkeypatch):
    modes = []
    real = config_append.write_durable

    def write(path, data, what, fault):
        modes.append(stat.S_IMODE(path.with_name("box.toml.tmp").stat().st_mode))
        real(path, data, what, fault)
        modes.append(stat.S_IMODE(path.stat().st_mode))

    monkeypatch.setattr(config_append, "write_durable", write)
    config.with_name("box.toml.tmp").write_text("of a run that was killed")
    append_button(config, piece("green"), "green")
    assert modes == [0o640, 0o640]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_its_owner_stays(config):
    os.chown(config, 12345, 23456)
    append_button(config, piece("green"), "green")
    assert (config.stat().st_uid, config.stat().st_gid) == (12345, 23456)


def test_a_link_stays_a_link(config):
    link = config.with_name("link.toml")
    link.symlink_to(config.name)
    append_button(link, piece("green"), "green")
    assert link.is_symlink()
    assert len(load(config).buttons) == 2


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (BEGIN, "red", r"has a button 'red' already; choose another --name"),
        (BEGIN, "not a name", r"which was not written: .*buttons"),
        (BEGIN.replace("site", "cite"), "green", "cite"),
        ('buttons = []\n[box]\nsite = "s"\nname = "b"\n', "green", r"write the other buttons as \[\[buttons\]\]"),
    ],
    ids=["taken", "no name", "no configuration", "another notation"],
)
def test_what_would_not_be_good_is_not_written(config, text, name, said):
    config.write_text(text)
    with pytest.raises(ConfigError, match=said):
        append_button(config, piece(name), name)
    assert config.read_text() == text
    assert [path.name for path in config.parent.iterdir()] == ["box.toml"]


def test_a_disk_that_is_full_leaves_what_was_there(config, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match=r"can't be written: .*No space left"):
        append_button(config, piece("green"), "green")
    assert config.read_text() == BEGIN
    assert [path.name for path in config.parent.iterdir()] == ["box.toml"]


def test_the_command_writes_and_says_what_to_do(config, monkeypatch):
    asked = learned(monkeypatch)
    done = CliRunner().invoke(cli, ["learn", "--name", "green", "--write", str(config)])
    assert done.exit_code == 0, done.output
    assert done.stdout == piece("green")
    assert f"Written to {config}" in done.stderr
    assert [button.name for button in load(config).buttons] == ["red", "green"]
    assert len(asked) == 1


def test_a_name_that_is_taken_is_said_before_anybody_presses(config, monkeypatch):
    asked = learned(monkeypatch)
    done = CliRunner().invoke(cli, ["learn", "--name", "red", "--write", str(config)])
    assert isinstance(done.exception, ConfigError)
    assert asked == []
    assert config.read_text() == BEGIN


def test_without_write_nothing_is_written(config, monkeypatch):
    learned(monkeypatch)
    done = CliRunner().invoke(cli, ["learn", "--name", "green"])
    assert (done.exit_code, done.stdout) == (0, piece("green"))
    assert config.read_text() == BEGIN
