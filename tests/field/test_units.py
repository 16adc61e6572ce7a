"""The units as systemd reads them: valid, hardened, run by users that exist, and what they forbid is not needed."""

import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cloud_bridge import config as bridge_config
from cloud_bridge import sdnotify, service
from cloud_bridge.store import migrate
from cloud_bridge.store.engine import open_store
from edge.config import decode

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "systemd").glob("*.service"))
EARSHOT = "/opt/earshot/bin/earshot"
# Tenths of systemd's points: 2.0 is the last "OK".
EXPOSURE_MAX = 20
NEWER_KEYS = ("RestartSteps", "RestartMaxDelaySec")
NEWER_KEYS_SINCE = 254

# They run to their end; what they leave behind are files.
ERRANDS = {"earshot-enrol": "earshot-box", "earshot-provision": "root"}

each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
each_process = pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if unit.stem not in ERRANDS], ids=lambda path: path.stem
)


def run(*arguments):
    return subprocess.run(list(map(str, arguments)), capture_output=True, text=True, check=False, timeout=60)


def settings(unit):
    """Every assignment of a unit: (section, key) → values in order."""
    found = {}
    section = ""
    for line in unit.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and line[0] not in "#;":
            key, _, value = line.partition("=")
            found.setdefault((section, key), []).append(value)
    return found


def systemd_version():
    return int(run("systemd-analyze", "--version").stdout.split()[1])


def test_there_is_a_unit_for_each_process():
    assert [unit.stem for unit in UNITS] == sorted(
        ["earshot-box", "earshot-bridge", "earshot-ear", "earshot-eye", *ERRANDS]
    )


@each_unit
def test_systemd_finds_nothing_wrong(unit, tmp_path):
    text = unit.read_text().replace(EARSHOT, str(Path(sys.executable).parent / "earshot"))
    if systemd_version() < NEWER_KEYS_SINCE:
        text = re.sub(rf"^({'|'.join(NEWER_KEYS)})=.*\n", "", text, flags=re.MULTILINE)
    installed = tmp_path / unit.name
    installed.write_text(text)
    said = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=one", installed)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@each_unit
def test_what_it_may_do_is_little(unit):
    said = run("systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)
    assert said.returncode == 0, said.stdout


def test_the_judge_of_security_does_refuse(tmp_path):
    lax = tmp_path / "lax.service"
    lax.write_text(f"[Service]\nExecStart={EARSHOT} ear\n")
    said = run("systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE_MAX}", lax)
    assert said.returncode != 0


@each_process
def test_it_is_watched_and_started_again_for_ever(unit):
    found = settings(unit)
    assert found["Service", "Type"] == ["notify"]
    assert found["Service", "Restart"] == ["always"]
    assert found["Unit", "StartLimitIntervalSec"] == ["0"]
    assert int(found["Service", "WatchdogSec"][0]) > sdnotify.WATCHDOG_PERIOD_S
    assert ("Service", "MemoryMax") in found


@each_unit
def test_it_runs_a_command_that_exists(unit):
    for line in [*settings(unit)["Service", "ExecStart"], *settings(unit).get(("Service", "ExecStartPre"), [])]:
        program, *arguments = line.split()
        assert program == EARSHOT
        assert run(Path(sys.executable).parent / "earshot", *arguments, "--help").returncode == 0


def sysusers(root):
    (root / "etc").mkdir(parents=True, exist_ok=True)
    said = run("systemd-sysusers", f"--root={root}", ROOT / "systemd/sysusers.d/earshot.conf")
    assert said.returncode == 0, said.stderr
    groups = {line.split(":")[0]: line.split(":") for line in (root / "etc/group").read_text().splitlines()}
    users = {line.split(":")[0]: line.split(":") for line in (root / "etc/passwd").read_text().splitlines()}
    return users, groups


def test_each_unit_has_a_user_of_its_own_in_the_groups_that_it_needs(tmp_path):
    users, groups = sysusers(tmp_path)
    for unit in UNITS:
        found = settings(unit)
        assert found["Service", "User"] == [ERRANDS.get(unit.stem, unit.stem)]
        if unit.stem in ERRANDS:
            continue
        assert unit.stem in users
        assert unit.stem in groups["earshot"][3].split(",")
    assert groups["audio"][3] == "earshot-ear"
    assert groups["video"][3] == "earshot-eye"
    assert groups["input"][3] == "earshot-box"
    assert groups["gpio"][3] == "earshot-box"
    assert {fields[6] for name, fields in users.items() if name.startswith("earshot")} == {"/usr/sbin/nologin"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_ear_writes_the_folder_of_the_ring_and_the_box_reads_it(tmp_path):
    users, groups = sysusers(tmp_path)
    said = run("systemd-tmpfiles", f"--root={tmp_path}", "--create", ROOT / "systemd/tmpfiles.d/earshot.conf")
    assert said.returncode == 0, said.stderr
    ring_folder = (tmp_path / "run/earshot").stat()
    assert ring_folder.st_uid == int(users["earshot-ear"][2])
    assert ring_folder.st_gid == int(groups["earshot-box"][2])
    assert oct(ring_folder.st_mode & 0o7777) == "0o2750"
    settings_folder = (tmp_path / "etc/earshot").stat()
    assert settings_folder.st_gid == int(groups["earshot"][2])
    assert oct(settings_folder.st_mode & 0o7777) == "0o750"
    # Set-group-ID: what anybody makes in it belongs to the box's group, so the box may read the ring.
    made = tmp_path / "run/earshot/audio.ring"
    made.write_bytes(b"")
    assert made.stat().st_gid == int(groups["earshot-box"][2])


def test_the_folders_of_the_units_are_those_of_the_configuration():
    box = decode({"box": {"site": "s", "name": "b"}}, "test").box
    ear, device = (settings(ROOT / f"systemd/earshot-{name}.service") for name in ("ear", "box"))
    assert str(Path(box.ring).parent) in ear["Service", "ReadWritePaths"]
    eye = decode({"box": {"site": "s", "name": "b"}}, "test").eye
    assert settings(ROOT / "systemd/earshot-eye.service")["Service", "ReadWritePaths"] == [str(Path(eye.ring).parent)]
    assert [f"/var/lib/{name}" for name in device["Service", "StateDirectory"]] == [box.data_dir]
    (folder,) = settings(ROOT / "systemd/earshot-bridge.service")["Service", "StateDirectory"]
    database = bridge_config.decode({}, "test").database.url
    assert database.startswith(f"sqlite:////var/lib/{folder}/")


def test_documented_credentials_are_those_that_the_units_load():
    told = (ROOT / "docs/FIELD.md").read_text() + (ROOT / "docs/BRIDGE.md").read_text()
    named = set(re.findall(r"/run/credentials/([\w.-]+)/([\w-]+)", told))
    loaded = {
        (unit.name, value.partition(":")[0])
        for unit in UNITS
        for value in settings(unit).get(("Service", "LoadCredential"), [])
    }
    assert named
    assert named - loaded == set()
    stored = {
        value.partition(":")[2] for unit in UNITS for value in settings(unit).get(("Service", "LoadCredential"), [])
    }
    assert set(re.findall(r"/etc/credstore/([\w.-]+\w)", told)) - stored == set()


def test_udev_rules_are_well_formed_and_name_groups_that_exist(tmp_path):
    _, groups = sysusers(tmp_path)
    token = re.compile(r'[A-Z]+(\{[\w/.-]+\})?(==|!=|=|\+=|-=|:=)"[^"]*"')
    rules = (ROOT / "systemd/udev/71-earshot.rules").read_text().splitlines()
    lines = [line for line in rules if line and not line.startswith("#")]
    assert lines
    for line in lines:
        assert all(token.fullmatch(part) for part in re.split(r",\s*", line)), line
        assert any("==" in part for part in line.split(",")), line
        assert any(not re.search("[=!]=", part) for part in line.split(",")), line
    assert set(re.findall(r'GROUP="(\w+)"', "\n".join(lines))) <= set(groups)


PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1


@pytest.mark.skipif(
    int(os.uname().release.split(".")[0]) < 6 or os.uname().release.startswith(("6.0.", "6.1.", "6.2.")),
    reason="Linux 6.3 and later can forbid writable code to one process",
)
def test_the_ear_does_without_writable_code_which_its_unit_forbids(tmp_path):
    """The other two can't: libffi's closures need it, and the codec calls back."""
    forbidden = [unit.stem for unit in UNITS if settings(unit)["Service", "MemoryDenyWriteExecute"] == ["yes"]]
    assert forbidden == ["earshot-ear", "earshot-eye"]
    config = tmp_path / "box.toml"
    config.write_text(
        f'[box]\nsite = "s"\nname = "b"\nring = "{tmp_path}/ring"\n'
        f'[ear]\ndriver = "wav"\nfile = "{tmp_path}/a.wav"\nloop = false\nspeed = 0\ndepth_s = 300\n'
    )
    from wav_files import noise, write_wav

    write_wav(tmp_path / "a.wav", noise(1600))
    program = (
        "import ctypes, sys\n"
        f"assert ctypes.CDLL(None).prctl({PR_SET_MDWE}, {PR_MDWE_REFUSE_EXEC_GAIN}, 0, 0, 0) == 0\n"
        "import alsaaudio, systemd.daemon, systemd.journal\n"
        "from edge.cli import main\n"
        f"sys.argv = ['earshot', 'ear', '--config', {str(config)!r}]\n"
        "main()\n"
    )
    said = run(sys.executable, "-c", program)
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "ring").exists()


def test_the_bridge_tells_systemd_that_it_is_ready_alive_and_stopping(tmp_path, monkeypatch):
    database = f"sqlite:///{tmp_path}/bridge.db"
    store = open_store(database)
    migrate.upgrade(store)
    store.close()
    tree = {
        "broker": {"host": "127.0.0.1", "port": 1, "tls": False},
        "database": {"url": database},
        "blobs": {"url": f"file://{tmp_path}/blobs"},
        "web": {"secret_file": str(tmp_path / "secret"), "port": 0},
    }
    monkeypatch.setattr(service, "WATCHDOG_PERIOD_S", 0.01)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    stop = threading.Event()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        thread = threading.Thread(
            target=service.run, args=(bridge_config.decode(tree, "test"),), kwargs={"ingest": False, "stop": stop}
        )
        thread.start()
        try:
            assert manager.recv(1000).startswith(b"READY=1")
            assert manager.recv(1000) == b"WATCHDOG=1"
        finally:
            stop.set()
            thread.join(30)
        told = [manager.recv(1000)]
        while told[-1] == b"WATCHDOG=1":
            told.append(manager.recv(1000))
        assert told[-1] == b"STOPPING=1"


def test_without_systemd_the_bridge_tells_nobody(monkeypatch, tmp_path):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    sdnotify.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    sdnotify.notify("READY=1")


def test_abstract_addresses_are_understood(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0earshot-test-notify")
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@earshot-test-notify")
        sdnotify.notify("READY=1")
        assert manager.recv(100) == b"READY=1"
