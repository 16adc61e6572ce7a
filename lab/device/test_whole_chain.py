"""From the finger to the shipped bridge's own store: nothing stands in for anything but the devices."""

from pathlib import Path

import pytest
from broker import BRIDGE_USER

from demo.chain import toml
from demo.ledger import Ledger
from demo.processes import Child
from lab.device.counter import BEFORE_S, sound
from lab.device.evidence import OFFSET_MS_MAX, measure
from lab.device.loopback import Playing
from lab.device.waiting import run, wait_until

# The guest's tests have the bridge's libraries, the box's environment does not need them.
EARSHOT = Path("/opt/lab/bin/earshot")


@pytest.fixture
def ledger(counter, broker, tmp_path):
    """The database and sound of a real bridge; the lab's own one receipts nothing meanwhile."""
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    tree = {
        "broker": {
            "host": broker.host,
            "port": broker.port,
            "tls": False,
            "user": BRIDGE_USER,
            "password": broker.accounts[BRIDGE_USER],
        },
        "database": {"url": f"sqlite:///{tmp_path}/bridge.db"},
        "blobs": {"url": f"file://{blobs}"},
    }
    config = tmp_path / "bridge.toml"
    config.write_text(toml(tree))
    run(EARSHOT, "bridge", "migrate", "--config", config)
    bridge = Child("bridge", [EARSHOT, "bridge", "ingest", "--config", config], tmp_path / "bridge.log")
    kinds = {"event", "chunk", "track"}
    counter.bridge.forgetful |= kinds
    try:
        bridge.start()
        yield Ledger(tmp_path / "bridge.db", blobs)
    finally:
        bridge.stop()
        counter.bridge.forgetful -= kinds


def test_a_press_is_in_the_bridges_store_with_its_sound(counter, ledger, say, figure):
    with Playing(sound(120, seed=41)) as playing:
        playing.wait_for(BEFORE_S + 1)
        touch = counter.touch_red()
        press = counter.press_of(touch, "red")

        def complete():
            track = ledger.tracks().get(press.data.track)
            return track if track is not None and track.state == "complete" else None

        track = wait_until(complete, "the bridge has the whole track", poll_s=0.2)
        measured = measure(track.file.read_bytes(), track.manifest, playing, touch)
        wait_until(
            lambda: counter.box.state()["presses"][0]["track_state"] == "delivered", "the box has the bridge's receipt"
        )
    say(measured)
    figure("error of the press offset in the bridge's store", measured.offset_ms, "ms")
    assert (measured.gaps, measured.exact_frames) == ((), measured.frames)
    assert abs(measured.offset_ms) <= OFFSET_MS_MAX
    assert press.id in {known.id for known in ledger.presses()}
    assert ledger.quarantined() == []
