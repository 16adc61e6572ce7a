"""Three days without a broker and a thousand presses, in virtual time: all of it arrives, in the stated order."""

import gc
import os
import random
from pathlib import Path

import pytest
from virtual_chain import VirtualBox, VirtualBridge, VirtualBroker, box_config
from watermark import watermarked, write_wav

from demo.ledger import Ledger
from demo.locate import Source
from edge.wire import parse_topic

PRESSES = 1000
OUTAGE_S = 72 * 3600
BEFORE_S, AFTER_S = 0.2, 0.1
WINDOW_BYTES = 128 * 1024


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.slow
def test_a_thousand_presses_in_72_hours_without_a_broker(memory_path):
    sound = watermarked(5, seed=8)
    bridge = VirtualBridge(memory_path / "bridge")
    broker = VirtualBroker(bridge, keep_payloads=False)
    broker.up = False
    uplink = {"window_bytes": WINDOW_BYTES}
    config = box_config(memory_path, {"incident": (BEFORE_S, AFTER_S)}, depth_s=10, uplink=uplink)
    box = VirtualBox(config, write_wav(memory_path / "s.wav", sound), broker)
    rng = random.Random(9)
    pressed = []
    truth = {}
    resident = {}
    for n in range(PRESSES):
        box.advance(BEFORE_S + 0.1)
        press = box.press("incident", request_id=f"outage-{n}")
        truth[press.track_id] = round(box.source_frame(press.mono_ns)) % len(sound)
        pressed.append(press)
        # The wait for the window's last sound included.
        box.advance(AFTER_S + 0.2)
        assert press.track_id in box.manifests
        box.skip(rng.uniform(0.9, 1.1) * OUTAGE_S / PRESSES)
        if n in (PRESSES // 4, PRESSES - 1):
            gc.collect()
            resident[n] = resident_bytes()
    assert not broker.passed
    assert box.outbox.waiting().tracks == PRESSES
    first, last = resident.values()
    assert last - first < 8 * 1024 * 1024

    broker.up = True
    in_flight = 0
    for _ in range(600):
        box.clock.advance(1_000_000_000)
        box.settle()
        in_flight = max(in_flight, box.link._delivery.in_flight_bytes)
        waiting = box.outbox.waiting()
        if not waiting.events and not waiting.tracks:
            break
    assert (box.outbox.waiting().events, box.outbox.waiting().tracks) == (0, 0)
    assert in_flight <= WINDOW_BYTES
    box.close()

    ledger = Ledger(bridge.database, bridge.blobs)
    bridge.close()
    assert [row.id for row in ledger.presses()] == [press.id for press in pressed]
    tracks = ledger.tracks()
    assert {track.state for track in tracks.values()} == {"complete"}
    assert set(tracks) == {press.track_id for press in pressed}
    assert ledger.missing_seqs() == 0
    assert ledger.quarantined() == []
    source = Source(sound)
    for track in tracks.values():
        assert (
            abs(source.position(track.samples()) + track.manifest.press_offset_frames - truth[track.id]) % len(sound)
            <= 1
        )

    # Events first, in their order; then sound, the newest press first.
    channels = [(parse_topic(topic).channel, parse_topic(topic).track) for topic, _ in broker.passed]
    chunks = [track for channel, track in channels if channel == "chunk"]
    assert list(dict.fromkeys(chunks)) == [press.track_id for press in reversed(pressed)]
    assert not [channel for channel, _ in channels[: 2 * PRESSES] if channel == "chunk"]
