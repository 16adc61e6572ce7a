"""The support archive holds no sound, secret or name; log lines carry fields, and are found by them."""

import json
import logging
import os
import stat
import sys
import tarfile

import pytest
from click.testing import CliRunner
from field_parts import Place, fill_outbox, state
from watermark import search, watermarked

from demo.broker import free_port
from edge import logs
from edge.cli import cli
from edge.field.bundle import scrubbed, secrets_of, write_bundle
from edge.field.examination import examine
from edge.field.findings import finding
from edge.field.journalctl import arguments
from edge.logs import about

PASSWORD, TOKEN, KEY, NAME = "hunter2-is-secret", 'to"ken\\with quotes', "MIIEvQIBADANBgkqhkiG9w0", "Anna Personova"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "key.pem").write_text(f"-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----\n")
    uplink = {"host": "127.0.0.1", "port": free_port(), "tls": False, "password_file": str(tmp_path / "password")}
    buttons = [{"name": "kok", "driver": "virtual", "trigger": "appeal", "employee": NAME}]
    made = Place(
        tmp_path / "place",
        uplink={**uplink, "key_file": str(tmp_path / "key.pem")},
        web={"token": TOKEN},
        buttons=buttons,
    )
    made.play(watermarked(20))
    fill_outbox(tmp_path / "place/data", made.clock, tracks=3, sound=watermarked(3).tobytes())
    return made


@pytest.fixture
def talkative_journal(tmp_path, monkeypatch):
    """A journalctl that tells all secrets."""
    program = tmp_path / "bin/journalctl"
    program.parent.mkdir()
    lines = [PASSWORD, TOKEN, KEY, NAME, json.dumps({"token": TOKEN}), "an honest line"]
    program.write_text(f"#!{sys.executable}\nimport sys\nprint({chr(10).join(lines)!r})\nprint(sys.argv[1:])\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def members(path):
    with tarfile.open(path) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}


def test_the_planted_secrets_the_names_and_the_watermark_are_not_in_the_bundle(place, tmp_path, talkative_journal):
    leaky = state(health={"faults": [f"broker says {PASSWORD}"]})
    leaky["shifts"] = {"kok": "Boris Shiftman"}
    leaky["presses"][0]["employee"] = "Clara Pressova"
    around = place.around(state=leaky)
    found = [*examine(around), finding("broker_login", "refused", user="x", error=f"{PASSWORD} {TOKEN}")]
    target = tmp_path / "bundle.tar.gz"
    names = write_bundle(target, around, found)
    inside = members(target)
    assert {name.removeprefix("earshot-bundle/") for name in inside} == set(names)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    everything = b"\n".join(inside.values()).decode()
    for secret in (PASSWORD, TOKEN, json.dumps(TOKEN)[1:-1], KEY, NAME, "Boris Shiftman", "Clara Pressova"):
        assert secret not in everything, secret
    for content in (target.read_bytes(), *inside.values()):
        assert search(content, "bundle") == []
    # The search would see the sound: it does in what the bundle was made beside.
    assert search((place.folder / "run/ring").read_bytes(), "ring")
    assert "an honest line" in everything
    assert "********" in everything


def test_what_helps_is_in_the_bundle(place, tmp_path, talkative_journal):
    around = place.around()
    write_bundle(tmp_path / "b.tgz", around, examine(around))
    inside = {name.removeprefix("earshot-bundle/"): data.decode() for name, data in members(tmp_path / "b.tgz").items()}
    checks = {one["check"] for one in json.loads(inside["doctor.json"])}
    assert {"data", "ear", "buttons", "broker_reach", "backlog"} <= checks
    assert json.loads(inside["outbox.json"])["tracks"] == 3
    assert json.loads(inside["state.json"])["health"]["version"]
    assert 'site = "shop"' in inside["config.toml"]
    assert "mountinfo" in inside["machine.json"]
    assert "--unit=earshot-ear.service" in inside["logs.txt"]


def test_an_existing_file_is_not_written_over(place, tmp_path):
    (tmp_path / "b.tgz").write_text("mine")
    with pytest.raises(FileExistsError):
        write_bundle(tmp_path / "b.tgz", place.around(), [])
    assert (tmp_path / "b.tgz").read_text() == "mine"


def test_the_command_works_while_nothing_else_does(tmp_path):
    config = tmp_path / "box.toml"
    config.write_text(
        f'[box]\nsite = "s"\nname = "b"\ndata_dir = "{tmp_path}/d"\nring = "{tmp_path}/r"\n'
        f'[ear]\ndriver = "wav"\nfile = "a.wav"\n[web]\nport = {free_port()}\n'
        f'[uplink]\nhost = "127.0.0.1"\nport = {free_port()}\ntls = false\n'
    )
    target = tmp_path / "b.tar.gz"
    said = CliRunner().invoke(cli, ["bundle", str(target), "--config", str(config)])
    assert said.exit_code == 0, said.output
    assert "earshot-bundle/doctor.json" in members(target)
    again = CliRunner().invoke(cli, ["bundle", str(target), "--config", str(config)])
    assert again.exit_code == 1
    assert "choose another name" in again.output


def test_longer_secrets_go_first_and_short_words_stay(place):
    assert scrubbed("abcd abcdef", ["abcdef", "abcd"]) == "******** ********"
    secrets = secrets_of(place.config)
    assert secrets == sorted(secrets, key=len, reverse=True)
    assert PASSWORD in secrets
    assert KEY in secrets
    assert not any(secret.startswith("-----BEGIN") and "\n" not in secret for secret in secrets)


# Logs


def test_the_journal_is_asked_for_our_units_and_fields():
    assert arguments(press="ab" * 16, lines=5, follow=True, since="today") == [
        "journalctl",
        "--no-pager",
        "--unit=earshot-ear.service",
        "--unit=earshot-eye.service",
        "--unit=earshot-box.service",
        "--unit=earshot-bridge.service",
        "--since=today",
        "--lines=5",
        "--follow",
        f"EARSHOT_PRESS={'ab' * 16}",
    ]
    assert arguments(units=["ear"], track="x")[2:] == ["--unit=earshot-ear.service", "EARSHOT_TRACK=x"]


def test_logs_shows_what_journalctl_says_and_ends_as_it_does(tmp_path, monkeypatch, capfd):
    program = tmp_path / "journalctl"
    program.write_text('#!/bin/sh\necho "$@"\nexit 3\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    said = CliRunner().invoke(cli, ["logs", "--unit", "box", "-n", "7", "--track", "t1"])
    assert said.exit_code == 3
    assert capfd.readouterr().out == "--no-pager --unit=earshot-box.service --lines=7 EARSHOT_TRACK=t1\n"
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    said = CliRunner().invoke(cli, ["logs"])
    assert said.exit_code == 1
    assert "does not run systemd" in said.output


def test_the_journal_is_used_only_where_stderr_ends_in_it(tmp_path):
    with (tmp_path / "log").open("w") as file:
        status = os.fstat(file.fileno())
        own = f"{status.st_dev}:{status.st_ino}"
        assert logs.below_journald({"JOURNAL_STREAM": own}, file.fileno())
        assert not logs.below_journald({"JOURNAL_STREAM": "1:2"}, file.fileno())
        assert not logs.below_journald({}, file.fileno())


def test_lines_reach_the_journal_with_fields(monkeypatch):
    """What the journal's handler sends, seen where it hands it over."""
    from systemd import journal

    sent = []
    monkeypatch.setattr(journal, "sendv", lambda *fields: sent.append(fields))
    monkeypatch.setattr(logs, "below_journald", lambda *_: True)
    root = logging.getLogger()
    before = root.handlers[:]
    root.handlers.clear()
    try:
        logs.set_up("box", "shop/one")
        logging.getLogger("earshot.recording").warning("press %s", "p1", extra=about(press="p1", track="t1"))
        logging.getLogger("earshot.recording").warning("nothing about")
    finally:
        root.handlers[:] = before
    first, second = sent
    assert {"MESSAGE=press p1", "EARSHOT_BOX=shop/one", "EARSHOT_PRESS=p1", "EARSHOT_TRACK=t1"} <= set(first)
    assert "SYSLOG_IDENTIFIER=earshot-box" in first
    assert not any(field.startswith("EARSHOT_PRESS") for field in second)


def test_without_the_journal_lines_go_to_stderr(monkeypatch, capsys):
    monkeypatch.setattr(logs, "below_journald", lambda *_: False)
    root = logging.getLogger()
    before = root.handlers[:]
    root.handlers.clear()
    try:
        logs.set_up("ear", "shop/one")
        logging.getLogger("x").warning("hello")
    finally:
        root.handlers[:] = before
    assert "WARNING x: hello" in capsys.readouterr().err


def test_about_names_only_what_is_known():
    assert about(press="p") == {"EARSHOT_PRESS": "p"}
    assert about() == {}
