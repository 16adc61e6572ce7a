"""Several processes: readers under a busy writer, and a writer that is killed."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import ringbuffer
from ringbuffer import RingInUse, SlotRingReader, SlotRingWriter

ROOT = Path(ringbuffer.__file__).parents[1]

# Both programs get the payload of a slot from its number, so that any reader can check any slot.
CONTENT = """
import os, random, sys
from ringbuffer import SlotRingReader, SlotRingWriter

def content(seq):
    return seq.to_bytes(8, "little") * (1 + seq * 2654435761 % 97)
"""

WRITER = (
    CONTENT
    + """
writer = SlotRingWriter(sys.argv[1], payload_bytes=800, slots=16, boot_id="boot", metadata={})
os.write(1, b"ready...")
while True:
    seq = writer.newest_seq + 1
    payload = content(seq)
    writer.append(seq * 3, seq % 7, seq % 5, payload[:32], payload[32:])
    if sys.argv[2] == "confirm":
        os.write(1, seq.to_bytes(8, "little"))
"""
)

READER = (
    CONTENT
    + """
import json
reader, rng = SlotRingReader(sys.argv[1]), random.Random(int(sys.argv[2]))
wanted = int(sys.argv[3])
good = refused = wrong = 0
while good < wanted:
    newest = reader.newest_seq()
    seq = newest + 2 - rng.randint(0, 20)
    slot = reader.read(seq)
    if slot is None:
        refused += 1
    else:
        good += 1
        right = (seq, seq * 3, seq % 7, seq % 5, content(seq))
        wrong += (slot.seq, slot.mono_ns, slot.kind, slot.tag, slot.payload) != right
    first = max(1, newest - 15)
    raw, whole = reader.table.copy(first, newest)
    for i in whole.nonzero()[0].tolist():
        good += 1
        wrong += bytes(raw[i, 32 : 32 + len(content(first + i))]) != content(first + i)
    refused += int((~whole).sum())
print(json.dumps({"good": good, "refused": refused, "wrong": wrong}))
"""
)


def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def kill(process: subprocess.Popen[bytes]) -> bytes:
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()
    process.stdout.close()
    process.wait()
    return rest


def content(seq: int) -> bytes:
    return seq.to_bytes(8, "little") * (1 + seq * 2654435761 % 97)


def test_readers_never_get_a_torn_slot(tmp_path):
    path = tmp_path / "busy.ring"
    writer = start(WRITER, str(path), "quiet")
    try:
        assert writer.stdout.read(8) == b"ready..."
        readers = [start(READER, str(path), str(seed), "15000") for seed in (1, 2)]
        found = [json.loads(reader.communicate(timeout=60)[0]) for reader in readers]
        with pytest.raises(RingInUse):
            SlotRingWriter(path, payload_bytes=800, slots=16, boot_id="boot", metadata={})
    finally:
        kill(writer)
    assert [one["wrong"] for one in found] == [0, 0]
    assert all(one["good"] >= 15000 for one in found)
    # The writer was fast enough to overtake the readers: the proof would be empty without that.
    assert all(one["refused"] > 100 for one in found)


def test_kill_9_of_the_writer_keeps_everything_written(tmp_path):
    path = tmp_path / "killed.ring"
    rng = random.Random(9)
    confirmed = 0
    for _ in range(5):
        writer = start(WRITER, str(path), "confirm")
        assert writer.stdout.read(8) == b"ready..."
        told = writer.stdout.read(8 * rng.randint(1, 3000))
        told += kill(writer)
        whole = len(told) // 8 * 8
        confirmed = int.from_bytes(told[whole - 8 : whole], "little")
        reader = SlotRingReader(path)
        assert reader.newest_seq() in (confirmed, confirmed + 1)
        with SlotRingWriter(path, payload_bytes=800, slots=16, boot_id="boot", metadata={}) as again:
            assert again.newest_seq == reader.newest_seq()
            # The oldest slot is the one that the writer may have been in.
            for seq in range(max(1, again.newest_seq - 14), again.newest_seq + 1):
                slot = again.table.read(seq)
                assert slot is not None
                assert slot.payload == content(seq)
    assert confirmed > 1000


def test_of_writers_that_start_at_once_one_wins(tmp_path):
    path = tmp_path / "race.ring"
    racers = [start(WRITER, str(path), "quiet") for _ in range(3)]
    try:
        ready = [racer for racer in racers if os.read(racer.stdout.fileno(), 8) == b"ready..."]
        assert len(ready) == 1
        losers = [racer.wait(timeout=60) for racer in racers if racer is not ready[0]]
        assert all(code == 1 for code in losers)
        assert ready[0].poll() is None
    finally:
        for racer in racers:
            kill(racer)
    assert [entry.name for entry in tmp_path.iterdir()] == ["race.ring"]
