"""A disk that is too small for an outage: every press survives, and every track that had to go is an event."""

import subprocess

import pytest
from virtual_chain import VirtualBox, VirtualBridge, VirtualBroker, box_config
from watermark import watermarked, write_wav

from demo.ledger import Ledger
from demo.locate import Source
from edge.outbox_types import DiskFull

DISK_BYTES = 14 * 1024 * 1024
RESERVE_BYTES = 2 * 1024 * 1024
BEFORE_S, AFTER_S = 8.0, 0.4
# About 270 KB each as WAV: together more than the disk, which also holds 4 MB of a write-ahead log.
PRESSES = 70


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={DISK_BYTES}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "earshot", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk can't be mounted here (needs root): {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_presses_survive_a_full_disk_and_drops_are_told(small_disk, tmp_path, memory_path):
    sound = watermarked(10, seed=12)
    bridge = VirtualBridge(tmp_path / "bridge")
    broker = VirtualBroker(bridge)
    broker.up = False
    config = box_config(
        small_disk,
        {"incident": (BEFORE_S, AFTER_S)},
        "wav",
        box={"ring": str(memory_path / "audio.ring")},
        tracks={"disk_reserve_bytes": RESERVE_BYTES},
    )
    box = VirtualBox(config, write_wav(tmp_path / "s.wav", sound), broker)
    pressed = []
    box.advance(8.5)
    restarts = 0
    for n in range(PRESSES):
        while len(pressed) == n:
            try:
                pressed.append(box.press("incident", request_id=f"full-{n}"))
            except DiskFull:
                box.restart()
        for _ in range(20):
            try:
                box.advance(0.02)
            except DiskFull:
                # Not even the outbox could be written: the process ends, and its next start makes room first.
                box.restart()
                restarts += 1
    box.advance(3)
    # Room is made again and again while a track waits for it.
    for _ in range(20):
        box.clock.advance(5_000_000_000)
        box.settle()
    assert restarts < PRESSES
    kept = box.outbox.waiting().tracks
    assert 0 < kept < PRESSES

    broker.up = True
    for _ in range(300):
        box.clock.advance(1_000_000_000)
        box.settle()
        waiting = box.outbox.waiting()
        if not waiting.events and not waiting.tracks:
            break
    assert not box.outbox.open_tracks()
    box.close()
    ledger = Ledger(bridge.database, bridge.blobs)
    bridge.close()
    assert [row.id for row in ledger.presses()] == [press.id for press in pressed]
    assert ledger.missing_seqs() == 0
    assert ledger.quarantined() == []
    tracks = ledger.tracks()
    states = [tracks[press.track_id].state for press in pressed]
    assert set(states) == {"complete", "lost"}
    assert states.count("complete") == kept
    # The oldest undelivered sound goes first, so what is left is the newest.
    first_kept = states.index("complete")
    assert "lost" not in states[first_kept:]
    source = Source(sound)
    for press in pressed[first_kept:]:
        assert source.position(tracks[press.track_id].samples()) is not None
