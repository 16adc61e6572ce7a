"""An invented history reaches a real bridge through a real broker, once."""

import json
import subprocess
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from cloud_bridge.simulate.cli import simulate
from cloud_bridge.store import queries
from cloud_bridge.store.engine import open_store
from cloud_bridge.store.rows import PressFilter
from demo.broker import BRIDGE_USER, Broker, box_user
from demo.chain import earshot_command, toml
from demo.processes import Child

PLACES = [("store-1", "counter-1"), ("store-1", "counter-2")]
SIZE = ["--counters", "2", "--days", "2", "--seed", "7", "--until", "2026-11-01"]


@contextmanager
def running_bridge(broker, folder):
    (folder / "blobs").mkdir()
    path = folder / "bridge.toml"
    account = {"user": BRIDGE_USER, "password": broker.accounts[BRIDGE_USER]}
    tree = {
        "broker": {"host": broker.host, "port": broker.port, "tls": False, **account},
        "database": {"url": f"sqlite:///{folder / 'bridge.db'}"},
        "blobs": {"url": f"file://{folder / 'blobs'}"},
        "web": {"secret_file": str(folder / "secret")},
    }
    path.write_text(toml(tree), "utf-8")
    command = [earshot_command(), "bridge"]
    subprocess.run([*command, "migrate", "--config", path], check=True, capture_output=True)
    child = Child("bridge", [*command, "ingest", "--config", path], folder / "bridge.log")
    child.start()
    try:
        yield child
    finally:
        child.stop()


@pytest.fixture
def broker(tmp_path):
    running = Broker(tmp_path / "broker", PLACES)
    running.start()
    yield running
    running.stop()


def run(broker, tmp_path, *arguments):
    accounts = tmp_path / "accounts"
    accounts.write_text("".join(f"{user}:{secret}\n" for user, secret in broker.accounts.items()), "utf-8")
    way = ["--host", broker.host, "--port", str(broker.port), "--no-tls", "--accounts", str(accounts)]
    result = CliRunner().invoke(simulate, [*SIZE, *way, *arguments])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_a_history_sent_twice_is_there_once_with_its_sound(broker, tmp_path):
    with running_bridge(broker, tmp_path):
        plan, sent = run(broker, tmp_path)
        _, again = run(broker, tmp_path)
    assert sent["tracks"] == again["tracks"] > 0
    store = open_store(f"sqlite:///{tmp_path / 'bridge.db'}")
    try:
        found = queries.list_presses(store, PressFilter(), limit=500).presses
        assert sum(press.trigger == "incident" for press in found) == plan["red"]
        assert sum(press.trigger == "appeal" for press in found) == plan["appeals"]
        assert sum(press.rating == 5 for press in found) == plan["green"]
        assert all(press.simulated for press in found)
        sounds = [press for press in found if press.track]
        assert len(sounds) == sent["tracks"]
        assert {press.track_state for press in sounds} == {"complete"}
        assert [box.missing for box in queries.boxes(store)] == [0, 0]
    finally:
        store.close()


def test_a_missing_account_is_named(broker, tmp_path):
    accounts = tmp_path / "accounts"
    accounts.write_text(f"{box_user(*PLACES[0])}:{broker.accounts[box_user(*PLACES[0])]}\n", "utf-8")
    way = ["--host", broker.host, "--port", str(broker.port), "--no-tls", "--accounts", str(accounts), "--no-tracks"]
    result = CliRunner().invoke(simulate, ["--counters", "2", "--days", "1", *way])
    assert result.exit_code == 1
    assert "names no account 'store-1/counter-2'" in result.output
