"""`earshot` as processes: exit codes, messages, signals, readiness, commands against a running box."""

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.broker import free_port

EARSHOT = Path(sys.executable).parent / "earshot"
TIMEOUT_S = 30


def run(*arguments, **changes):
    environment = {**os.environ, **changes}
    return subprocess.run(
        [EARSHOT, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, env=environment, check=False
    )


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "box.toml"
    path.write_text(
        f"""
[box]
site = "s"
name = "b"
data_dir = "{tmp_path}/data"
ring = "{tmp_path}/ring"
[uplink]
tls = false
host = "127.0.0.1"
port = 1
[web]
port = {free_port()}
token = "secret"
[[buttons]]
name = "red"
driver = "virtual"
trigger = "rating"
[[buttons]]
name = "kok"
driver = "virtual"
trigger = "rating"
shared = true
"""
    )
    return path


@contextmanager
def running_box(config, tmp_path, **changes):
    """`earshot box` below a socket that plays systemd; yields the process and what it has told after READY."""
    address = str(tmp_path / "notify")
    told = Told()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(address)
        threading.Thread(target=told.listen, args=(notify,), daemon=True).start()
        environment = {**os.environ, "NOTIFY_SOCKET": address, **changes}
        with subprocess.Popen(
            [EARSHOT, "box", "--config", config], env=environment, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                told.wait_for("READY=1")
                yield process, told
            finally:
                process.kill()
                notify.shutdown(socket.SHUT_RDWR)


class Told:
    """What a process reports to systemd."""

    def __init__(self):
        self.text = ""
        self.changed = threading.Condition()

    def listen(self, notify):
        while message := notify.recv(1000):
            with self.changed:
                self.text += message.decode() + "\n"
                self.changed.notify_all()

    def wait_for(self, words):
        with self.changed:
            assert self.changed.wait_for(lambda: words in self.text, TIMEOUT_S), self.text


def test_a_wrong_configuration_ends_with_2_and_only_the_message(tmp_path, config):
    config.write_text(config.read_text() + "\n[eer]\n")
    for command in ("box", "ear", "press"):
        result = run(command, *(["red"] if command == "press" else []), "--config", str(config))
        assert result.returncode == 2
        assert "eer" in result.stderr
        assert "Traceback" not in result.stderr
        assert result.stderr.count("\n") == 1


def test_ready_watchdog_presses_shift_and_an_orderly_end(config, tmp_path):
    with running_box(config, tmp_path) as (process, told):
        told.wait_for("WATCHDOG=1")
        press = run("press", "red", "--request-id", "a", "--config", str(config))
        assert (press.returncode, len(press.stdout.strip())) == (0, 32)
        assert run("press", "red", "--request-id", "a", "--config", str(config)).stdout == press.stdout
        wrong = run("press", "blue", "--config", str(config))
        assert wrong.returncode == 1
        assert "blue" in wrong.stderr
        assert run("shift", "kok", "Anna", "--config", str(config)).stdout == "kok: Anna\n"
        assert run("shift", "kok", "--config", str(config)).stdout == "kok: nobody\n"
        second = run("box", "--config", str(config))
        assert second.returncode == 1
        assert "in use" in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 0
        told.wait_for("STOPPING=1")
        assert "Traceback" not in process.stderr.read()
    gone = run("press", "red", "--config", str(config))
    assert gone.returncode == 1
    assert "earshot box" in gone.stderr


def test_a_named_fault_point_kills_the_process_after_the_commit_and_the_press_is_there_again(config, tmp_path):
    with running_box(config, tmp_path, EARSHOT_FAULT="outbox.press.after_commit") as (process, _):
        assert run("press", "red", "--request-id", "x", "--config", str(config)).returncode == 1
        assert process.wait(TIMEOUT_S) == -signal.SIGKILL
    (tmp_path / "notify").unlink()
    with running_box(config, tmp_path):
        again = run("press", "red", "--request-id", "x", "--config", str(config))
        assert again.returncode == 0
        assert again.stdout.strip() in "".join(
            path.read_text() for path in (tmp_path / "data" / "journal").glob("*.csv")
        )


def test_the_bridge_is_found_by_name():
    assert "migrate" in run("bridge", "--help").stdout
    assert "bridge" in run("--help").stdout
