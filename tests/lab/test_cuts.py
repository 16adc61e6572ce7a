"""What a power cut leaves on a disk, and what the judge of the cuts sees."""

import random
import struct
from pathlib import Path

import numpy as np
import pytest

from edge.wire import PressData, Stamp, Trigger
from lab.cuts.judge import _played, touched
from lab.cuts.write_log import FLUSH, FUA, entries, replay
from lab.errors import LabError
from lab.hours import faults_of

BLOCK = 4096


class Log:
    """A log as QEMU writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = bytearray(struct.pack("<QQQI", 0x6A736677736872, 1, 0, 512).ljust(512, b"\0"))

    def write(self, offset: int, data: bytes, flags: int = 0) -> None:
        self.bytes += struct.pack("<QQQQ", offset // 512, len(data) // 512, flags, 0).ljust(512, b"\0") + data

    def flush(self) -> None:
        self.bytes += struct.pack("<QQQQ", 0, 0, FLUSH, 0).ljust(512, b"\0")

    def hole(self, sectors: int) -> None:
        self.bytes += bytes(512 * sectors)

    def save(self) -> Path:
        self.path.write_bytes(self.bytes)
        return self.path


class Dice(random.Random):
    """Dice that always keep this share of what was not flushed."""

    def __init__(self, share: float) -> None:
        super().__init__(1)
        self.share = share

    def choice(self, _):
        return self.share


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path / "log")


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(b"o" * BLOCK * 8)
    return path


def blocks(disk: Path) -> str:
    data = disk.read_bytes()
    parts = [data[at : at + BLOCK] for at in range(0, len(data), BLOCK)]
    assert all(len(set(part)) == 1 for part in parts), "a block is written whole or not at all"
    return "".join(chr(part[0]) for part in parts)


@pytest.mark.parametrize(("share", "left"), [(0.0, "abocoooo"), (1.0, "abocdddd")])
def test_what_was_flushed_stays_what_was_not_is_as_the_dice_fall(log, disk, share, left):
    log.write(0, b"a" * BLOCK)
    log.write(BLOCK, b"b" * BLOCK)
    log.flush()
    log.write(3 * BLOCK, b"c" * BLOCK, FUA)
    log.write(4 * BLOCK, b"d" * 4 * BLOCK)
    result = replay(log.save(), disk, Dice(share))
    assert blocks(disk) == left
    assert (result.flushes, result.safe_writes) == (1, 3)
    assert (result.kept_writes, result.lost_writes) == ((1, 0) if share else (0, 1))


def test_some_of_a_large_write_may_be_left(log, disk):
    log.write(0, b"d" * 8 * BLOCK)
    replay(log.save(), disk, Dice(0.5))
    assert set(blocks(disk)) == {"o", "d"}


def test_a_later_flush_makes_an_earlier_write_safe(log, disk):
    log.write(0, b"a" * BLOCK)
    log.write(0, b"b" * BLOCK)
    log.flush()
    replay(log.save(), disk, Dice(0.0))
    assert blocks(disk) == "boooooooo"[:8]


def test_holes_of_a_killed_qemu_hide_nothing_behind_them(log, disk):
    log.write(0, b"a" * BLOCK)
    log.hole(9)
    log.write(BLOCK, b"b" * BLOCK)
    log.flush()
    log.write(2 * BLOCK, b"c" * BLOCK)
    log.bytes = log.bytes[:-100]
    result = replay(log.save(), disk, Dice(0.0))
    assert blocks(disk) == "abooooooo"[:8]
    assert result.safe_writes == 2


def test_another_file_is_no_log(tmp_path):
    for content in (b"short", b"x" * 1024):
        path = tmp_path / "other"
        path.write_bytes(content)
        with path.open("rb") as file, pytest.raises(LabError, match="log of writes"):
            list(entries(file))


def test_power_cut_before_the_first_write_takes_nothing(tmp_path, disk):
    path = tmp_path / "empty"
    path.touch()
    assert replay(path, disk, Dice(0.0)).safe_writes == 0
    assert blocks(disk) == "oooooooo"


def press(button: str, boot: str, mono_ns: int) -> PressData:
    stamp = Stamp(boot_id=boot, mono_ns=mono_ns, wall_ns=0, synced=False, uncertainty_ms=0)
    return PressData(
        button=button, trigger=Trigger.INCIDENT, stamp=stamp, stamp_uncertainty_ms=0.2, source="gpio", simulated=False
    )


def test_a_touch_is_matched_by_boot_button_and_instant():
    boot = "5d2f0a1e-0000-4000-8000-000000000001"
    presses = {
        "right": press("red", boot, 1_000_500),
        "other-button": press("page", boot, 1_000_500),
        "other-boot": press("red", boot.replace("1", "2"), 1_000_500),
        "too-early": press("red", boot, 999_999),
        "too-late": press("red", boot, 1_301_000),
    }
    assert touched(presses, boot, 1_000_000, 1_001_000) == ["right"]


def test_stretches_of_sound_are_told_from_the_silence_of_a_late_player():
    samples = np.concatenate([np.zeros(10), np.ones(100), np.zeros(1), np.ones(64), np.zeros(5), np.ones(63)])
    assert [len(piece) for piece in _played(samples.astype(np.int16))] == [100, 64]


def test_long_run_is_judged_by_every_kind_of_loss():
    good = {
        "lost_frames": 0, "unexplained_frames": 0, "restarts": 0,
        "off_frames": -8192, "rate_hz": 8000, "period_frames": 8192,
    }  # fmt: skip
    assert faults_of(good) == []
    for name in ("lost_frames", "unexplained_frames", "restarts"):
        assert faults_of({**good, name: 1}) == [f"{name} = 1"]
    assert faults_of({**good, "off_frames": -16385}) == ["-16385 frames off the guest's clock"]
