"""The whole bridge on a real broker: receipts, several workers, its state, commands, signals, and being killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from bridge_box import SimBox
from broker import BRIDGE_USER, Listener, box_user, running_broker
from click.testing import CliRunner

from cloud_bridge import config, service
from cloud_bridge.cli import bridge as command
from cloud_bridge.commands import CommandLink
from cloud_bridge.store import migrate, queries, users
from cloud_bridge.store.engine import open_store
from cloud_bridge.store.rows import PressFilter, TrackState
from cloud_bridge.web.settings import CommandsUnavailable
from edge import wire

STATE = wire.BRIDGE_STATE_TOPIC
PROGRAM = "from cloud_bridge.cli import bridge; bridge()"
DEADLINE_S = 30


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with running_broker(tmp_path_factory.mktemp("broker"), [("site", "box")]) as running:
        yield running


@pytest.fixture
def heard(broker):
    with Listener(broker) as listener:
        yield listener


@pytest.fixture
def as_box(broker):
    with Listener(broker, box_user("site", "box"), ["earshot/1/site/box/receipt"]) as client:
        yield client


def tree(broker, database_url, tmp_path):
    return {
        "broker": {
            "host": broker.host,
            "port": broker.port,
            "tls": False,
            "user": BRIDGE_USER,
            "password": broker.accounts[BRIDGE_USER],
        },
        "database": {"url": database_url},
        "blobs": {"url": f"file://{tmp_path}/blobs"},
        "web": {"secret_file": str(tmp_path / "secret")},
    }


@pytest.fixture
def settings(broker, database_url, tmp_path):
    return config.decode(tree(broker, database_url, tmp_path), "test")


@pytest.fixture
def config_file(broker, sqlite_store, tmp_path):
    lines = []
    for section, values in tree(broker, str(sqlite_store.engine.url), tmp_path).items():
        lines += [
            f"[{section}]",
            *(f"{key} = {str(v).lower() if isinstance(v, bool) else repr(v)}" for key, v in values.items()),
        ]
    path = tmp_path / "bridge.toml"
    path.write_text("\n".join(lines))
    return path


@contextmanager
def running(settings):
    """An ingest of the service in a thread; raises what it raised."""
    stop, failures = threading.Event(), []

    def work():
        try:
            service.run(settings, web=False, stop=stop)
        except BaseException as error:  # noqa: BLE001 - raised in the test's thread
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def is_online(message):
    return message.topic == STATE and wire.decode(message.payload, wire.BridgeState).online


def is_offline(message):
    return message.topic == STATE and not wire.decode(message.payload, wire.BridgeState).online


def has_receipt(kind, thing):
    def check(message):
        if not message.topic.endswith("/receipt"):
            return False
        received = wire.decode(message.payload, wire.Receipt).received
        return any((entry.kind, entry.id) == (kind, thing) for entry in received)

    return check


def after(listener, start, wanted):
    """Wait for a message that was heard after the first `start`."""
    return listener.wait_for(lambda message: wanted(message) and message in listener.messages[start:])


def worker_of(message):
    return wire.decode(message.payload, wire.BridgeState).worker


def new_worker(listener, known):
    """Wait until a worker that is not in `known` says online; adds it."""
    message = listener.wait_for(lambda message: is_online(message) and worker_of(message) not in known, DEADLINE_S)
    known.add(worker_of(message))


def test_a_press_becomes_a_track_and_the_box_is_told(settings, store, heard, as_box):
    messages, track = SimBox().press_and_track()
    with running(settings):
        heard.wait_for(is_online)
        for topic, payload in messages:
            as_box.client.publish(topic, payload, 1)
        as_box.wait_for(has_receipt("track", track.id))
        assert queries.press(store, track.data.press).press.track_state == TrackState.COMPLETE
        start = len(heard.messages)
    after(heard, start, is_offline)


def test_two_workers_share_the_work_and_one_that_stops_leaves_the_bridge_online(settings, store, heard, as_box):
    box = SimBox()
    sent = [box.press_and_track(seconds=0.5) for _ in range(10)]
    with running(settings):
        heard.wait_for(is_online)
        known = {worker_of(message) for message in heard.messages if message.topic == STATE}
        with running(settings):
            new_worker(heard, known)
            for messages, _ in sent:
                for topic, payload in messages:
                    as_box.client.publish(topic, payload, 1)
            for _, track in sent:
                as_box.wait_for(has_receipt("track", track.id))
            start = len(heard.messages)
        gone = after(heard, start, is_offline)
        after(heard, heard.messages.index(gone), is_online)
    workers = {
        wire.decode(m.payload, wire.BridgeState).worker for m in heard.messages if m.topic == STATE and m.payload
    }
    assert len(workers) >= 2
    rows = queries.list_presses(store, PressFilter(), limit=100).presses
    assert [row.track_state for row in rows] == [TrackState.COMPLETE] * 10
    assert queries.missing_seq(store, "site", "box") == ()


def test_retained_status_from_before_the_start_is_seen(settings, store, heard, as_box):
    topic, payload = SimBox().status(session=3)
    as_box.publish(topic, payload, retain=True)
    press = SimBox().press()
    with running(settings):
        heard.wait_for(is_online)
        as_box.publish(*press)
        as_box.wait_for(lambda message: message.topic.endswith("/receipt"))
    assert [(row.online, row.session) for row in queries.boxes(store)] == [(True, 3)]
    as_box.publish(topic, b"", retain=True)


def test_commands_are_answered_by_the_box_or_by_nobody(settings, broker):
    with pytest.raises(CommandsUnavailable):
        CommandLink(settings.broker)("site", "box", wire.Ping(id="a" * 32), 0.1)
    with Listener(broker, box_user("site", "box"), ["earshot/1/site/box/command"]) as box:
        link = CommandLink(settings.broker)
        link.start()
        deadline = time.monotonic() + DEADLINE_S
        while not link._client.is_connected():
            assert time.monotonic() < deadline
            threading.Event().wait(0.02)

        def answer(_client, _data, message):
            asked = wire.decode(message.payload, wire.Command)
            box.client.publish("earshot/1/site/box/reply", b"not a reply", 1)
            reply = wire.encode(wire.Reply(id=asked.id, ok=True, result={"x": 1}))
            box.client.publish("earshot/1/site/box/reply", reply, 1)

        box.client.on_message = answer
        try:
            reply = link("site", "box", wire.Identify(id="b" * 32), DEADLINE_S)
            assert (reply.ok, reply.result) == (True, {"x": 1})
            box.client.on_message = None
            assert link("site", "box", wire.Ping(id="c" * 32), 0.05) is None
        finally:
            link.stop()


def start(config_file, *arguments, fault=""):
    environment = os.environ | {"EARSHOT_FAULT": fault}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments, "--config", str(config_file)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_process_stops_cleanly_on_sigterm(config_file, heard):
    first = len(heard.messages)
    process = start(config_file, "run")
    try:
        after(heard, first, is_online)
        second = len(heard.messages)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    after(heard, second, is_offline)
    assert (config_file.parent / "secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "fault", ["bridge.ingest.after_commit", "bridge.receipt.before_publish", "bridge.track.before_commit"]
)
def test_killed_at_a_named_place_and_started_again(config_file, sqlite_store, heard, as_box, fault):
    messages, track = SimBox().press_and_track(seconds=0.5)
    known: set[str] = set()
    process = start(config_file, "ingest", fault=fault)
    try:
        new_worker(heard, known)
        for topic, payload in messages:
            as_box.client.publish(topic, payload, 1)
        process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    assert process.returncode == -signal.SIGKILL
    process = start(config_file, "ingest")
    try:
        new_worker(heard, known)
        # A box repeats what it has no receipt for.
        for topic, payload in messages:
            as_box.client.publish(topic, payload, 1)
        as_box.wait_for(has_receipt("track", track.id), DEADLINE_S)
    finally:
        process.terminate()
        process.communicate(timeout=DEADLINE_S)
    assert len(queries.list_presses(sqlite_store, PressFilter()).presses) == 1
    assert queries.track(sqlite_store, track.id).state == TrackState.COMPLETE


def test_a_database_that_is_not_migrated_stops_the_start(broker, tmp_path):
    settings = config.decode(tree(broker, f"sqlite:///{tmp_path}/new.db", tmp_path), "test")
    with pytest.raises(config.ConfigError, match="migrate"):
        service.run(settings, stop=threading.Event())


def test_commands_of_the_administrator(config_file, sqlite_store, tmp_path):
    def call(*arguments, text=None):
        return CliRunner().invoke(command, list(arguments), input=text)

    path = ["--config", str(config_file)]
    newest = max(file.name[:4] for file in Path(migrate.__file__).parents[1].glob("migrations/versions/*.py"))
    assert call("migrate", *path).output == f"the database has schema {newest}\n"
    made = call("admin", "create", "anna", "--password-stdin", *path, text="a long password\n")
    assert (made.exit_code, made.output) == (0, "anna may log in as admin\n")
    assert users.authenticate(sqlite_store, "anna", "a long password") is not None
    again = call("admin", "create", "anna", "--password-stdin", *path, text="a long password\n")
    assert (again.exit_code, again.output.count("\n")) == (2, 1)
    short = call("admin", "create", "bert", "--password-stdin", *path, text="short\n")
    assert (short.exit_code, "at least 10" in short.output) == (2, True)
    changed = call("admin", "password", "anna", "--password-stdin", *path, text="another long one\n")
    assert changed.exit_code == 0
    assert users.authenticate(sqlite_store, "anna", "another long one") is not None
    assert call("run", "--config", str(tmp_path / "none.toml")).exit_code == 2
    added = call("box", "add", "moscow-12", "counter-3").output
    assert "mosquitto_passwd -b /etc/mosquitto/earshot.passwd moscow-12/counter-3 " in added
    assert call("box", "add", "Not/Valid", "x").exit_code == 2


def test_the_store_of_a_service_is_the_configured_one(settings, database_url):
    store = service.open_configured_store(settings)
    other = open_store(database_url)
    assert store.engine.url == other.engine.url
    store.close()
    other.close()


def test_a_worker_that_is_killed_leaves_the_bridge_online_and_the_other_takes_all(
    config_file, sqlite_store, heard, as_box
):
    """The will of the dead one says offline, the living one online again; what the dead one had comes again."""
    box = SimBox()
    sent = [box.press_and_track(seconds=0.5) for _ in range(6)]
    processes, known = [], {worker_of(message) for message in heard.messages if is_online(message)}
    try:
        # The first dies with messages in hand: they are committed, but nobody was told.
        processes.append(start(config_file, "ingest", fault="bridge.receipt.before_publish:2"))
        new_worker(heard, known)
        processes.append(start(config_file, "ingest"))
        new_worker(heard, known)
        first = len(heard.messages)
        for messages, _ in sent:
            for topic, payload in messages:
                as_box.client.publish(topic, payload, 1)
        processes[0].communicate(timeout=DEADLINE_S)
        assert processes[0].returncode == -signal.SIGKILL
        gone = after(heard, first, is_offline)
        after(heard, heard.messages.index(gone), is_online)
        # A box repeats what it has no receipt for.
        for messages, track in sent:
            for topic, payload in messages:
                as_box.client.publish(topic, payload, 1)
            as_box.wait_for(has_receipt("track", track.id), DEADLINE_S)
    finally:
        for process in processes:
            process.terminate()
            process.communicate(timeout=DEADLINE_S)
    rows = queries.list_presses(sqlite_store, PressFilter(), limit=100).presses
    assert [row.track_state for row in rows] == [TrackState.COMPLETE] * 6
    assert queries.missing_seq(sqlite_store, "site", "box") == ()
