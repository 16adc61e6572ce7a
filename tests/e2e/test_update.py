"""An update from the bridge's offer to its last report, with everything real but the slots: they are files."""

import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile
from fake_rauc import Machine
from msgspec.structs import replace
from sqlalchemy import select
from wav_files import write_wav

from cloud_bridge.store import tables
from cloud_bridge.store.engine import open_store
from cloud_bridge.updates import offers
from demo.chain import BOX, SITE, Chain, Settings
from edge.app import Overrides, run_box
from edge.config import load
from edge.update.release import Running
from edge.wire import Trigger

TIMEOUT_S = 120
BUNDLE = b"signed 9.0" + b"\0" * 3_000_000


@pytest.fixture
def chain(tmp_path, memory_path):
    wav = write_wav(tmp_path / "s.wav", np.random.default_rng(1).integers(-9000, 9000, 16000 * 20).astype(np.int16))
    made = Chain(tmp_path, memory_path, Settings(wav=wav))
    made.broker.start()
    made.prepare()
    made.bridge.start()
    made.ear.start()
    yield made
    made.stop()


@contextmanager
def running(chain, machine, release):
    """The box's process in a thread, and root's path unit beside it."""
    config = load(chain.box_config)
    config = replace(config, update=replace(config.update, exchange_dir=str(machine.run), quiet_s=0))
    stop = threading.Event()
    box = threading.Thread(
        target=run_box, args=(config, stop, Overrides(machine=Running(release, machine.state["booted"])))
    )

    def serve():
        while not stop.wait(0.1):
            if any(machine.run.glob("ask/[a-z]*")):
                machine.slot("serve")

    root = threading.Thread(target=serve)
    box.start()
    root.start()
    try:
        yield
    finally:
        stop.set()
        box.join()
        root.join()


def wait(condition):
    deadline = time.monotonic() + TIMEOUT_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.1)
    return found


@pytest.mark.slow
def test_offered_downloaded_installed_tried_and_good_without_a_word_of_anybody(chain, tmp_path, memory_path):
    machine = Machine(memory_path)
    machine.bundle.unlink(missing_ok=True)
    machine.bundle = chain.data_dir / "update" / "bundle.raucb"
    store = open_store(f"sqlite:///{chain.database}")
    machine.boot()

    def state():
        return offers.offers(store)[0].state

    (tmp_path / "b.raucb").write_bytes(BUNDLE)
    chain._run("bridge", "update", "add", tmp_path / "b.raucb", "--release", "9.0", "--config", chain.bridge_config)
    with running(chain, machine, "0.1"):
        wait(lambda: (SITE, BOX) in _boxes(store))
        wanted = offers.find_release(store, "9.0")
        url = f"http://127.0.0.1:{chain.web_port}"
        offers.make_offers(store, [(SITE, BOX)], wanted, base_url=url, by="me", now_ns=time.time_ns())
        wait(lambda: machine.reboots)
        assert state() == "installed"
    assert machine.boot() == "B"
    with running(chain, machine, "9.0"):
        wait(lambda: state() == "good")
    assert machine.state["left"]["B"] == 3
    with store.read() as connection:
        assert connection.execute(select(tables.press)).all() == []
        (track,) = connection.execute(select(tables.track)).mappings().all()
    assert (track["trigger"], track["state"], track["partial"]) == (Trigger.SELF_TEST, "complete", False)
    samples, rate = soundfile.read(chain.blobs / track["blob"], dtype="int16")
    assert abs(len(samples) - 2 * rate) < rate / 100
    assert not samples.any()
    assert not list(chain.journal.glob("*.csv"))
    store.close()


def _boxes(store):
    with store.read() as connection:
        return {(row.site, row.name) for row in connection.execute(select(tables.box).where(tables.box.c.online))}
