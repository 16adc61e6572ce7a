"""Certificates of a real authority at a real Mosquitto with the shipped settings: in by name, and out when revoked."""

import os
import pwd
import queue
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
from certificates import make_server
from enrol_bridge import FACTS, Clock, ordered, posting
from web_client import WebClient
from web_world import World

from demo.broker import _mosquitto, free_port
from demo.processes import Child
from edge.app import Overrides, run_box
from edge.config import decode
from edge.enrol.exchange import attempt, renew_now
from edge.enrol.identity import uplink_in_force
from edge.provision.trouble import tell_trouble
from edge.uplink import Connected, Connection, Disconnected, LastWords, Message, Published

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 15.0


class Site:
    """A bridge, its broker with TLS, and boxes."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        (folder / "bridge").mkdir()
        self.world = World(folder / "bridge")
        make_server(folder / "certs")
        self.world.make_authority(
            broker_host="127.0.0.1", broker_port=self.port, broker_ca_file=str(folder / "certs/ca.pem")
        )
        self.crl = folder / "certs/earshot-boxes.crl"
        authority = self.world.enrolment.authority.folder
        shutil.copy(authority / "authority.pem", folder / "certs/earshot-boxes.pem")
        self.take_crl()
        shutil.copy(ROOT / "docs/broker/earshot.acl", folder / "acl")
        (folder / "acl").chmod(0o600)
        shipped = (ROOT / "docs/broker/earshot-certificates.conf").read_text()
        settings = shipped.replace("listener 8884", f"listener {self.port} 127.0.0.1")
        settings = settings.replace("/etc/mosquitto/certs", str(folder / "certs"))
        owner = pwd.getpwuid(os.geteuid()).pw_name
        general = f"allow_anonymous false\nacl_file {folder / 'acl'}\nuser {owner}\n"
        (folder / "mosquitto.conf").write_text(settings + general)
        log = folder / "mosquitto.log"
        self.broker = Child("mosquitto", [_mosquitto(), "-c", folder / "mosquitto.conf"], log)
        self.broker.start()

    def take_crl(self):
        shutil.copy(self.world.enrolment.authority.folder / "crl.pem", self.crl)

    def reload(self):
        os.kill(self.broker.pid, signal.SIGHUP)

    def enrolled(self, box, ago_ns=0):
        """The configuration of a box that has enrolled."""
        clock = Clock(time.time_ns() - ago_ns)
        code, _ = self.world.enrolment.make_code("north", box, "anna", clock())
        identity = ordered(self.folder / box, code.text, box=box)
        with posting(self.world, clock) as post:
            attempt(identity, clock(), post=post, **FACTS)
        return self.config(box), identity

    def config(self, box):
        tree = {"box": {"site": "north", "name": box, "data_dir": str(self.folder / box)}, "uplink": {"enrolled": True}}
        return decode(tree, "test")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.broker.stop()
    made.world.close()


class Line:
    """One connection of a box, as the box makes it."""

    def __init__(self, config):
        self.facts = queue.SimpleQueue()
        box = config.box
        words = LastWords(b"gone", b"here")
        self.connection = Connection(
            1, uplink_in_force(config), site=box.site, box=box.name, words=words, emit=self.facts.put, died=pytest.fail
        )
        self.connection.open()

    def next(self, kind=(Connected, Disconnected)):
        while True:
            fact = self.facts.get(timeout=TIMEOUT_S)
            if isinstance(fact, kind):
                return fact

    def close(self):
        self.connection.close(b"bye")


def outcome(config):
    """Connected or Disconnected, tried again while the broker is still starting."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        line = Line(config)
        fact = line.next()
        line.close()
        if not (isinstance(fact, Disconnected) and "refused" in fact.reason and time.monotonic() < deadline):
            return fact


# paho leaves the socket of a failed handshake to the garbage collector.
quiet = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_an_enrolled_box_is_let_in_by_its_certificate_alone(site):
    config, _ = site.enrolled("counter-1")
    assert isinstance(outcome(config), Connected)


@quiet
def test_its_name_is_that_of_its_certificate_whatever_it_says(site):
    """A box that claims another's topics is refused to publish there, and hears nothing of the other."""
    honest, _ = site.enrolled("counter-2")
    site.enrolled("counter-3")
    listener = Line(honest)
    assert isinstance(listener.next(), Connected)
    thief = Line(site.config("counter-3"))
    assert isinstance(thief.next(), Connected)
    thief.connection.publish("earshot/1/north/counter-2/event", b"forged")
    refused = thief.next(Published)
    assert "uthor" in refused.refusal
    thief.connection.publish("earshot/1/north/counter-3/event", b"own")
    assert thief.next(Published).refusal in (None, "No matching subscribers")
    assert not any(isinstance(listener.facts.get_nowait(), Message) for _ in range(listener.facts.qsize()))
    for line in (thief, listener):
        line.close()


def test_a_renewed_certificate_opens_the_next_connection(site):
    config, identity = site.enrolled("counter-4", ago_ns=2 * 86_400 * 10**9)
    clock = Clock(time.time_ns())
    first = identity.enrolled().certificate
    with posting(site.world, clock) as post:
        renew_now(identity, post=post, **FACTS)
    assert identity.enrolled().certificate != first
    assert isinstance(outcome(config), Connected)


@quiet
def test_a_box_that_is_not_enrolled_keeps_trying_and_says_why(site):
    (site.folder / "counter-9").mkdir()
    fact = outcome(site.config("counter-9"))
    assert isinstance(fact, Disconnected)
    assert "identity/certificate.pem" in fact.reason
    assert not fact.reached


@quiet
def test_a_revoked_box_stays_out_after_the_broker_has_read_the_list(site):
    gone, _ = site.enrolled("counter-5")
    stays, _ = site.enrolled("counter-6")
    assert isinstance(outcome(gone), Connected)
    site.world.enrolment.revoke("north", "counter-5", "stolen", time.time_ns())
    site.take_crl()
    site.reload()
    deadline = time.monotonic() + TIMEOUT_S
    while isinstance(outcome(gone), Connected):
        assert time.monotonic() < deadline, "the broker has read the new list and lets it in"
    assert isinstance(outcome(stays), Connected)


@quiet
def test_a_certificate_of_another_authority_is_refused(site, tmp_path):
    (tmp_path / "bridge").mkdir()
    other = World(tmp_path / "bridge")
    other.make_authority(
        broker_host="127.0.0.1", broker_port=site.port, broker_ca_file=str(site.folder / "certs/ca.pem")
    )
    clock = Clock(time.time_ns())
    code, _ = other.enrolment.make_code("north", "counter-7", "eve", clock())
    identity = ordered(site.folder / "counter-7", code.text, box="counter-7")
    with posting(other, clock) as post:
        attempt(identity, clock(), post=post, **FACTS)
    other.close()
    assert isinstance(outcome(site.config("counter-7")), Disconnected)


@quiet
def test_a_running_box_connects_when_it_is_enrolled_and_is_never_restarted_for_it(site):
    """It takes presses before, tells what is wrong with its settings, and goes on through the enrolment."""
    data = site.folder / "counter-8"
    data.mkdir()
    tell_trouble(data, {"en": "Line 3: no", "ru": "Строка 3: нет"})
    tree = {
        "box": {"site": "north", "name": "counter-8", "data_dir": str(data), "ring": str(site.folder / "ring")},
        "buttons": [{"name": "red", "driver": "virtual", "trigger": "incident"}],
        "uplink": {"enrolled": True, "backoff_min_ms": 20, "backoff_max_ms": 100},
        "web": {"port": 0},
    }
    stop, ready = threading.Event(), queue.Queue()
    thread = threading.Thread(
        target=run_box, args=(decode(tree, "test"), stop, Overrides(on_ready=ready.put)), daemon=True
    )
    thread.start()
    try:
        web = WebClient(ready.get(timeout=TIMEOUT_S).port)
        status, _ = web.post("/press", {"button": "red", "request_id": "r-1"})
        assert status == 202
        state = web.wait_for(lambda state: state["last_failure"] is not None)
        assert "certificate.pem" in state["last_failure"]
        assert [fault.split(":")[0] for fault in state["health"]["faults"]] == [
            "enrolment bridge",
            "setup earshot.toml",
        ]
        site.enrolled("counter-8")
        state = web.wait_for(lambda state: state["connected"])
        assert len(state["presses"]) == 1
        assert state["health"]["faults"] == ["setup earshot.toml: Line 3: no"]
    finally:
        stop.set()
        thread.join(TIMEOUT_S)
    assert not thread.is_alive()
