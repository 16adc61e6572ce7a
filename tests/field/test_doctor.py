"""Each check of the doctor finds what it is for, and says nothing worse where all is well."""

import json
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from broker import BRIDGE_USER, Listener, box_user, running_broker
from click.testing import CliRunner
from field_parts import NOBODY, Place, codes, fill_outbox, hum, state

from demo.broker import free_port
from drivers.contract import Block, DeviceLost, DriverError, Loss, LossReason
from edge.cli import cli
from edge.field import check_storage, findings
from edge.field.accounts import READ, SEARCH, WRITE, Account, account_of, current_account
from edge.field.check_machine import check_box, check_buttons, check_clock, check_versions
from edge.field.check_sound import check_ear, check_microphone, check_sound
from edge.field.check_storage import check_backlog, check_data, check_memory, check_receipts
from edge.field.check_uplink import check_uplink
from edge.field.examination import examine_running
from edge.field.findings import CODES, Outcome, finding, gravest, words
from edge.wire import BRIDGE_STATE_TOPIC, BridgeState, encode, topic


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_every_code_has_words_in_both_languages_and_no_words_are_without_a_code():
    for language in ("en", "ru"):
        catalogue = words(language)
        assert set(catalogue) == set(CODES)
        for check, known in CODES.items():
            assert set(catalogue[check]) - {"title"} == set(known)
            assert catalogue[check]["title"]
            for code, outcome in known.items():
                text = catalogue[check][code]
                assert set(text) <= {"found", "remedy"}
                if outcome in (Outcome.FAULT, Outcome.NOTE):
                    assert text["remedy"], f"{language} {check}.{code}: what is to be done?"


def gaps(text):
    return sorted(part.partition("}")[0] for part in text.split("{")[1:])


def test_both_languages_fill_the_same_gaps():
    for check, known in CODES.items():
        for code in known:
            english, russian = (words(language)[check][code] for language in ("en", "ru"))
            assert gaps(english["found"]) == gaps(russian["found"]), (check, code)
            assert gaps(english.get("remedy", "")) == gaps(russian.get("remedy", "")), (check, code)


def test_the_document_holds_every_message_as_the_code_has_it():
    text = (Path(__file__).parents[2] / "docs/FIELD.md").read_text()
    assert findings.reference() in text


def assert_readable(found):
    for one in found:
        for language in ("en", "ru"):
            assert "{" not in one.found(language) + one.remedy(language)


def only(found):
    """The codes of a check's findings, after their words were filled in."""
    found = list(found)
    assert_readable(found)
    return [code for _, code in codes(found)]


def test_the_gravest_finding_counts():
    assert gravest([finding("bridge", "ok"), finding("bridge", "unknown")]) is Outcome.OK
    assert gravest([finding("clock", "free"), finding("bridge", "ok")]) is Outcome.NOTE
    assert gravest([finding("clock", "free"), finding("bridge", "away")]) is Outcome.FAULT
    with pytest.raises(KeyError):
        finding("bridge", "sideways")


def test_data_folder_states(place, monkeypatch):
    around = place.around()
    assert only(check_data(around)) == ["ok"]
    for kind, code in (("tmpfs", "volatile"), ("vfat", "unsafe"), ("nfs4", "unsafe")):
        place.mount(("/", "ext4"), (place.folder / "data", kind))
        assert only(check_data(around)) == [code, "ok"]
    place.mount(("/", "ext4"))
    for free, code in ((999, "full"), (2999, "low"), (3000, "ok")):
        monkeypatch.setattr(check_storage.shutil, "disk_usage", lambda _path, free=free: Usage(10**6, 0, free))
        assert only(check_data(around)) == [code]
    (place.folder / "data").chmod(0o700)
    assert only(check_data(place.around(box=NOBODY)))[0] == "denied"
    (place.folder / "data").rmdir()
    assert only(check_data(around)) == ["absent"]


def test_a_longer_mount_point_counts_and_a_mere_prefix_does_not(place):
    place.mount(("/", "ext4"), (place.folder / "dat", "tmpfs"), (place.folder, "btrfs"))
    (one,) = check_data(place.around())
    assert one.values["filesystem"] == "btrfs"


def test_ring_memory_states(place, monkeypatch):
    around = place.around()
    assert only(check_memory(around)) == ["ok"]
    place.mount(("/", "ext4"))
    assert only(check_memory(around)) == ["disk", "ok"]
    place.mount(("/", "tmpfs"))
    (place.folder / "run").chmod(0o700)
    assert only(check_memory(place.around(ear=NOBODY)))[0] == "denied"
    monkeypatch.setattr(check_storage, "room_at", lambda _folder: check_storage_room(5_000_000))
    (small,) = check_memory(around)
    assert small.code == "small"
    # What the remedy names would fit.
    ear = place.config.ear
    depth_s = int(small.values["depth_s"])
    assert 0 < depth_s < ear.depth_s
    fits = check_storage.needed_bytes(
        rate_hz=ear.rate_hz, channels=ear.channels, depth_s=depth_s, period_frames=ear.period_frames
    )
    assert fits <= 4_000_000
    place.play(hum(1))
    # The ring is there: its own memory is not needed twice.
    assert only(check_memory(around)) == ["ok"]
    shutil.rmtree(place.folder / "run")
    assert only(check_memory(around)) == ["absent"]


def check_storage_room(size_bytes):
    from ringbuffer.memory import Room

    return Room(size_bytes, size_bytes)


def test_what_the_ring_needs_is_what_it_takes(place):
    place.play(hum(1))
    ear = place.config.ear
    needed = check_storage.needed_bytes(
        rate_hz=ear.rate_hz, channels=ear.channels, depth_s=ear.depth_s, period_frames=ear.period_frames
    )
    assert Path(place.config.box.ring).stat().st_size == needed


def test_ear_states(place):
    around = place.around()
    assert only(check_ear(around)) == ["absent"]
    place.play(hum(1), boot_id="b" * 32)
    assert only(check_ear(around)) == ["stale"]
    place.play(hum(0))
    assert only(check_ear(around)) == ["never"]
    place.play(hum())
    assert only(check_ear(around)) == ["ok"]
    place.clock.advance(30 * 10**9)
    (one,) = check_ear(around)
    assert (one.code, one.values["seconds"]) == ("stalled", "30")
    Path(place.config.box.ring).write_bytes(b"x" * 5000)
    assert only(check_ear(around)) == ["unreadable"]


def test_sound_that_vanished_without_a_reason_is_a_fault(place):
    from simulated_card import EXACT, Card

    card = Card(1, 1500, 0, EXACT, drops=(700,))
    place.clock.advance(int(card.mono_ns[-1]) - place.clock.mono_ns())
    with_ring = place.around()
    from ringbuffer.audio_ring import AudioRingWriter

    with AudioRingWriter(
        place.config.box.ring, boot_id=place.clock.boot_id, source="card", simulated=False, depth_s=300
    ) as ring:
        for number, at_ns in enumerate(card.mono_ns):
            ring.append(hum(1)[:320] + number % 3, int(at_ns), 0)
    assert only(check_ear(with_ring)) == ["unexplained", "ok"]


@pytest.mark.parametrize(("amplitude", "code"), [(0, "silent"), (3, "quiet"), (1000, "ok"), (32767, "clipped")])
def test_level_states(place, amplitude, code):
    assert only(check_sound(place.around())) == ["unknown"]
    place.play(hum(amplitude=amplitude))
    assert only(check_sound(place.around())) == [code]


class Card:
    """A microphone that is opened for the doctor."""

    def __init__(self, *items):
        self.items = list(items)
        self.closed = False

    def read(self):
        item = self.items.pop(0) if self.items else Loss(LossReason.STALLED, "nothing")
        if isinstance(item, Exception):
            raise item
        return item

    def close(self):
        self.closed = True


def raising(error):
    def opener():
        raise error

    return opener


def test_microphone_states(place):
    around = place.around()
    block = Block(np.zeros((320, 1), np.int16), 1, 0)
    for items, code in (
        ([block], "ok"),
        ([Loss(LossReason.OVERRUN, ""), block], "ok"),
        ([], "mute"),
        ([DeviceLost("pulled out")], "absent"),
    ):
        card = Card(*items)
        assert only(check_microphone(around, lambda card=card: card)) == [code]
        assert card.closed
    for error, code in (
        (DeviceLost("gone"), "absent"),
        (DriverError("44100"), "refused"),
        (ImportError("x"), "untried"),
    ):
        assert only(check_microphone(around, raising(error))) == [code]
    place.play(hum())
    # The ear has it: opening it again could only fail.
    assert only(check_microphone(around, raising(AssertionError("opened")))) == ["used"]


def test_a_played_file_is_called_simulated(tmp_path):
    place = Place(tmp_path, ear={"driver": "wav", "file": "talk.wav", "depth_s": 300})
    assert only(check_microphone(place.around(), raising(AssertionError("opened")))) == ["simulated"]


def test_button_states(tmp_path):
    device = tmp_path / "dev/input/by-id/usb-Button"
    buttons = [
        {"name": "red", "driver": "gpio", "line": "GPIO17", "trigger": "incident"},
        {"name": "usb", "driver": "usb", "device": str(device), "key": "KEY_ENTER", "trigger": "incident"},
        {"name": "page", "driver": "virtual", "trigger": "incident"},
    ]
    lamps = [
        {"name": "lamp", "driver": "gpio_led", "line": "GPIO27"},
        {"name": "log", "driver": "log"},
    ]
    place = Place(tmp_path, buttons=buttons, lamps=lamps)
    assert only(check_buttons(place.around())) == ["no_chip", "absent", "virtual", "no_chip"]
    device.parent.mkdir(parents=True)
    device.touch(0o600)
    chip = tmp_path / "dev/gpiochip0"
    chip.touch(0o600)
    assert only(check_buttons(place.around())) == ["ok", "ok", "virtual", "ok"]
    found = list(check_buttons(place.around(box=NOBODY)))
    assert only(found) == ["denied", "denied", "virtual", "denied"]
    assert [one.values.get("group") for one in found] == ["gpio", "input", None, "gpio"]


def test_without_buttons_that_is_said(place):
    assert only(check_buttons(place.around())) == ["none"]


def test_permissions_are_those_of_the_user_and_not_of_who_asks():
    # pytest's own folders are closed to others, which is not the matter here.
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        path = folder / "device"
        path.touch()
        stranger = Account("stranger", 4001, frozenset({4002}))
        member = Account("member", 4003, frozenset({path.stat().st_gid}))
        path.chmod(0o060)
        assert member.may(path, READ | WRITE)
        assert not stranger.may(path, READ)
        path.chmod(0o004)
        assert stranger.may(path, READ)
        assert not stranger.may(path, WRITE)
        assert not member.may(path, READ), "the group's bits count for a member, also where they are fewer"
        folder.chmod(0o700)
        assert not stranger.may(path, READ), "a folder above that can't be passed"
        assert Account("root", 0, frozenset()).may(path, READ | WRITE | SEARCH)
    assert account_of("no-such-user") == current_account()
    assert account_of("daemon").name == "daemon"


def test_clock_and_versions(place):
    around = place.around()
    assert only(check_clock(around)) == ["ok"]
    place.clock.is_synced = False
    assert only(check_clock(around)) == ["free"]
    assert only(check_versions(around)) == ["ok"]
    assert only(check_versions(place.around(state=state(health={"version": "0.0.9"})))) == ["differ", "ok"]


def test_box_states(tmp_path, place):
    assert only(check_box(place.around())) == ["ok"]
    assert only(check_box(place.around(state=None, state_error="refused"))) == ["down"]
    assert only(check_box(place.around(state=state(health={"faults": ["a b: c", "d e: f"]})))) == ["fault"] * 2 + ["ok"]
    dark = Place(tmp_path / "dark", web={"enabled": False})
    assert only(check_box(dark.around(state=None))) == ["no_page"]


def test_receipt_states(place):
    waiting = {"events_waiting": 3, "tracks_waiting": 1}
    for changes, code in (
        ({}, "ok"),
        ({"last_receipt_s": None}, "idle"),
        ({"health": waiting}, "ok"),
        ({"health": waiting, "last_receipt_s": 301.0}, "late"),
        ({"health": waiting, "last_receipt_s": None}, "late"),
        ({"health": {**waiting, "uptime_s": 10}, "last_receipt_s": None}, "unknown"),
    ):
        assert only(check_receipts(place.around(state=state(**changes)))) == [code], changes
    assert only(check_receipts(place.around(state=None))) == ["unknown"]


def test_backlog_states(place, monkeypatch):
    around = place.around()
    assert only(check_backlog(around)) == ["absent"]
    (place.folder / "data/outbox.db").write_bytes(b"no database" * 100)
    assert only(check_backlog(around)) == ["unreadable"]
    (place.folder / "data/outbox.db").unlink()
    fill_outbox(place.folder / "data", place.clock, tracks=5)
    monkeypatch.setattr(check_storage.shutil, "disk_usage", lambda _path: Usage(10**12, 0, 10**12))
    assert only(check_backlog(around)) == ["ok"]
    monkeypatch.setattr(check_storage.shutil, "disk_usage", lambda _path: Usage(10**6, 0, 2000))
    assert only(check_backlog(around)) == ["short"]


# The way to the broker


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with running_broker(tmp_path_factory.mktemp("broker"), [("shop", "one"), ("shop", "two")]) as running:
        yield running


def at_broker(tmp_path, broker, **changes):
    user = box_user("shop", "one")
    uplink = {"host": broker.host, "port": broker.port, "tls": False, "user": user, "password": broker.accounts[user]}
    return Place(tmp_path, uplink=uplink | changes)


def uplink_codes(place, **changes):
    found = list(check_uplink(place.around(**changes)))
    assert_readable(found)
    return dict(codes(found))


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_all_is_well_with_a_broker_and_a_bridge(tmp_path, broker, protocol):
    place = at_broker(tmp_path, broker, protocol=protocol)
    with Listener(broker, BRIDGE_USER) as bridge:
        bridge.publish(BRIDGE_STATE_TOPIC, encode(BridgeState(online=True, worker="w")), retain=True)
        found = uplink_codes(place)
        assert found == {
            "broker_name": "ok",
            "broker_reach": "ok",
            "broker_tls": "off",
            "broker_login": "ok",
            "broker_rules": "ok",
            "bridge": "ok",
        }
        bridge.publish(BRIDGE_STATE_TOPIC, encode(BridgeState(online=False, worker="w")), retain=True)
        assert uplink_codes(place)["bridge"] == "away"
        said = {message.topic for message in bridge.messages if "/shop/one/" in message.topic}
        assert said == {topic("shop", "one", "reply")}, "the doctor says nothing that counts"


def test_a_wrong_password_is_told_from_a_wrong_name(tmp_path, broker):
    found = uplink_codes(at_broker(tmp_path / "a", broker, password="wrong"), state=None)
    assert (found["broker_login"], found["broker_rules"], found["bridge"]) == ("refused", "skipped", "unknown")
    other = box_user("shop", "two")
    found = uplink_codes(at_broker(tmp_path / "b", broker, user=other, password=broker.accounts[other]), state=None)
    assert (found["broker_login"], found["broker_rules"]) == ("ok", "write")
    found = uplink_codes(at_broker(tmp_path / "c", broker, password="", password_file=str(tmp_path / "none")))
    assert found["broker_login"] == "secret"
    assert found["bridge"] == "ok", "what the running box says counts where the doctor may not ask"


def test_refused_publications_of_the_box_are_a_fault_of_the_rules(tmp_path, broker):
    refused = state(health={"faults": ["publish_refused broker: not authorized"]})
    assert uplink_codes(at_broker(tmp_path, broker), state=refused)["broker_rules"] == "write"


def test_names_and_ports_that_are_not_there(tmp_path, broker):
    found = uplink_codes(at_broker(tmp_path / "a", broker, host="no-such-host.invalid"), state=None)
    assert found == {
        "broker_name": "unknown",
        **dict.fromkeys(["broker_reach", "broker_tls", "broker_login", "broker_rules"], "skipped"),
        "bridge": "unknown",
    }
    found = uplink_codes(at_broker(tmp_path / "b", broker, port=free_port()), state=None)
    assert (found["broker_reach"], found["broker_tls"]) == ("refused", "skipped")


def test_a_listener_that_says_nothing_is_no_broker(tmp_path, broker, monkeypatch):
    from edge.field import mqtt_probe

    monkeypatch.setattr(mqtt_probe, "_ANSWER_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = at_broker(tmp_path, broker, port=silent.getsockname()[1])
        assert uplink_codes(place)["broker_login"] == "silent"


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    """A TLS server on loopback that speaks nothing, with a certificate that ends in ten days."""
    import threading

    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "10",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout",
            folder / "key.pem",
            "-out",
            folder / "cert.pem",
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(peer, server_side=True) as wrapped:
                    wrapped.recv(100)
            except OSError:
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    yield folder / "cert.pem", server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def test_tls_states(tmp_path, broker, tls_server, monkeypatch):
    from edge.field import mqtt_probe

    monkeypatch.setattr(mqtt_probe, "_ANSWER_S", 0.3)
    certificate, port = tls_server

    def place(name, **changes):
        made = at_broker(tmp_path / name, broker, port=port, tls=True, **changes)
        # The certificate's end is compared with the clock of the machine.
        import time

        made.clock.step_wall(time.time_ns() - made.clock.wall_ns())
        return made

    assert uplink_codes(place("strange"))["broker_tls"] == "refused"
    assert uplink_codes(place("nofile", ca_file=str(tmp_path / "none")))["broker_tls"] == "files"
    trusted = place("trusted", ca_file=str(certificate))
    assert uplink_codes(trusted)["broker_tls"] == "expiring"
    trusted.clock.step_wall(-20 * 86400 * 10**9)
    assert uplink_codes(trusted)["broker_tls"] == "ok"


def test_from_within_the_box_every_check_runs_but_that_of_the_file(tmp_path, broker):
    place = at_broker(tmp_path, broker)
    found = examine_running(place.config, state())
    assert_readable(found)
    assert {one.check for one in found} == set(CODES) - {"config"}


# The command


def test_the_command_tells_and_its_status_counts(tmp_path, broker):
    user = box_user("shop", "one")
    config = tmp_path / "box.toml"
    config.write_text(
        f'[box]\nsite = "shop"\nname = "one"\ndata_dir = "{tmp_path}/data"\nring = "{tmp_path}/ring"\n'
        f'[ear]\ndriver = "wav"\nfile = "a.wav"\n[web]\nport = {free_port()}\n'
        f'[uplink]\nhost = "{broker.host}"\nport = {broker.port}\ntls = false\nuser = "{user}"\n'
        f'password = "{broker.accounts[user]}"\n'
    )
    told = CliRunner().invoke(cli, ["doctor", "--json", "--config", str(config)], env={"LANG": "C", "LC_ALL": ""})
    assert told.exit_code == 1
    answer = json.loads(told.stdout)
    assert {one["check"] for one in answer} == set(CODES)
    assert broker.accounts[user] not in told.stdout
    spoken = CliRunner().invoke(cli, ["doctor", "--config", str(config)], env={"LC_ALL": "ru_RU.UTF-8"})
    assert "Папка данных" in spoken.stdout
    assert "FAULT" in spoken.stdout
    config.write_text("[boks]\n")
    wrong = CliRunner().invoke(cli, ["doctor", "--json", "--config", str(config)])
    assert wrong.exit_code == 2
    assert [(one["check"], one["code"]) for one in json.loads(wrong.stdout)] == [("config", "bad")]


def test_the_reference_needs_no_configuration():
    said = subprocess.run(
        [Path(sys.executable).parent / "earshot", "doctor", "--reference"], capture_output=True, text=True, check=True
    )
    assert said.stdout == findings.reference()


def test_catalogues_are_plain_toml():
    folder = Path(findings.__file__).parents[1] / "locales"
    for path in folder.glob("doctor.*.toml"):
        assert tomllib.loads(path.read_text("utf-8"))
