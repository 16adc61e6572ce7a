"""One process: what a slot ring keeps, refuses and replaces."""

import errno
import os
import random
from pathlib import Path

import pytest

from ringbuffer import (
    RingAbsent,
    RingDamaged,
    RingError,
    RingInUse,
    RingTooLarge,
    SlotRingReader,
    SlotRingWriter,
    slot_ring,
)
from ringbuffer.layout import HEADER_BYTES, MAGIC, NEWEST_SEQ_OFFSET
from ringbuffer.memory import Room

PLENTY = Room(10**9, 10**9)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "test.ring"


def open_writer(path, *, payload_bytes=40, slots=8, boot_id="boot-1", metadata=None, room=lambda _: PLENTY):
    return SlotRingWriter(
        path, payload_bytes=payload_bytes, slots=slots, boot_id=boot_id, metadata=metadata or {"of": "test"}, room=room
    )


def content(seq: int) -> bytes:
    return seq.to_bytes(8, "little") * (1 + seq % 5)


def append(writer: SlotRingWriter, count: int) -> None:
    for seq in range(writer.newest_seq + 1, writer.newest_seq + count + 1):
        assert writer.append(seq * 10, 7, seq % 3, content(seq)[:5], content(seq)[5:]) == seq


def check(table, seq: int) -> None:
    slot = table.read(seq)
    assert slot is not None
    assert (slot.seq, slot.mono_ns, slot.kind, slot.tag, slot.payload) == (seq, seq * 10, 7, seq % 3, content(seq))


@pytest.mark.parametrize("written", [0, 1, 7, 8, 9, 100])
def test_wrap_around(path, written):
    with open_writer(path) as writer:
        append(writer, written)
        reader = SlotRingReader(path)
        assert reader.newest_seq() == written
        for seq in range(-1, written + 20):
            if max(0, written - 8) < seq <= written:
                check(reader, seq)
            else:
                assert reader.read(seq) is None
        oldest = reader.table.oldest_seq(written)
        raw, whole = reader.table.copy(oldest, written)
        assert whole.all()
        assert len(raw) == written - oldest + 1
        assert reader.metadata == {"of": "test"}


def test_a_closed_ring_is_continued(path):
    for _ in range(5):
        with open_writer(path) as writer:
            append(writer, 5)
    reader = SlotRingReader(path)
    assert reader.newest_seq() == 25
    for seq in range(18, 26):
        check(reader, seq)


def test_the_mapping_of_a_reader_cannot_be_written(path):
    with open_writer(path) as writer:
        append(writer, 1)
        reader = SlotRingReader(path)
        with pytest.raises(TypeError, match="read-only"):
            reader.table._bytes[HEADER_BYTES] = 1
        with pytest.raises(ValueError, match="read-only"):
            reader.table.seqs[0] = 1
        assert not reader.table._kinds.flags.writeable
        # The writer mapped the file under the name that it had while it was made.
        maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
        assert [line.split()[1] for line in maps if line.endswith(f"/{path.name}")] == ["r--s"]


def test_a_second_writer_is_refused_and_the_first_goes_on(path):
    with open_writer(path) as writer:
        append(writer, 3)
        with pytest.raises(RingInUse, match=r"another process writes .*test\.ring"):
            open_writer(path)
        with pytest.raises(RingInUse):
            open_writer(path, slots=16)
        append(writer, 1)
    with open_writer(path) as writer:
        assert writer.newest_seq == 4


def test_close_frees_the_lock_though_somebody_holds_a_view(path):
    writer = open_writer(path)
    table = writer.table
    writer.close()
    writer.close()
    with open_writer(path) as again:
        append(again, 1)
        check(table, 1)


@pytest.mark.parametrize(
    "other", [{"boot_id": "boot-2"}, {"slots": 9}, {"payload_bytes": 400}, {"metadata": {"of": "another"}}]
)
def test_another_ring_replaces_the_old_one_whole(path, other):
    with open_writer(path) as writer:
        append(writer, 12)
    reader = SlotRingReader(path)
    before = reader.geometry.generation
    assert not reader.refresh()
    with open_writer(path, **other) as writer:
        assert writer.newest_seq == 0
        check(reader, 12)  # The old mapping is intact until the reader looks.
        assert reader.refresh()
        assert reader.newest_seq() == 0
        assert reader.geometry.generation != before
        append(writer, 2)
        check(reader, 2)
        assert reader.read(12) is None
    assert [entry.name for entry in path.parent.iterdir()] == ["test.ring"]


def test_another_version_is_replaced_by_a_writer_and_refused_by_a_reader(path):
    open_writer(path).close()
    data = bytearray(path.read_bytes())
    data[len(MAGIC)] += 1
    path.write_bytes(data)
    with pytest.raises(RingDamaged, match="another version"):
        SlotRingReader(path)
    with open_writer(path) as writer:
        append(writer, 1)
        assert SlotRingReader(path).newest_seq() == 1


@pytest.mark.parametrize("at", [16, 20, 24, 40, 70, 73, 80])
def test_a_damaged_header_is_not_believed(path, at):
    with open_writer(path) as writer:
        append(writer, 3)
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(RingDamaged):
        SlotRingReader(path)
    with open_writer(path) as writer:
        assert writer.newest_seq == 0


def test_a_file_that_is_no_ring_is_never_replaced(path):
    path.write_bytes(b"somebody's diary")
    with pytest.raises(RingDamaged, match="no ring; choose another path"):
        open_writer(path)
    with pytest.raises(RingDamaged):
        SlotRingReader(path)
    assert path.read_bytes() == b"somebody's diary"


def test_a_reader_before_the_writer(path):
    with pytest.raises(RingAbsent, match="writer has not started"):
        SlotRingReader(path)


def test_a_reader_keeps_what_it_has_while_the_file_is_away(path):
    with open_writer(path) as writer:
        append(writer, 1)
        reader = SlotRingReader(path)
        path.unlink()
        assert not reader.refresh()
        check(reader, 1)


class Killed(BaseException):
    pass


class Fatal:
    """Stands in for a part of the writer and dies at its first use."""

    def __getattr__(self, name):
        raise Killed


class FatalWords:
    """The writer's word view that dies before its `fatal`-th store."""

    def __init__(self, words, fatal):
        self.words, self.left = words, fatal

    def __setitem__(self, index, value):
        if self.left == 0:
            raise Killed
        self.left -= 1
        self.words[index] = value


@pytest.mark.parametrize("filled", [3, 20])
@pytest.mark.parametrize("at", ["invalidate", "body", "crc", "store crc", "publish", "hint"])
def test_a_writer_killed_at_each_step_loses_at_most_the_slot_in_hand(path, monkeypatch, at, filled):
    writer = open_writer(path)
    append(writer, filled)
    reader = SlotRingReader(path)
    with monkeypatch.context() as patch:
        if at == "body":
            patch.setattr(slot_ring, "SLOT_BODY", Fatal())
        elif at == "crc":
            patch.setattr(slot_ring, "zlib", Fatal())
        elif at == "store crc":
            patch.setattr(slot_ring, "SLOT_CRC", Fatal())
        else:
            writer._words = FatalWords(writer._words, {"invalidate": 0, "publish": 1, "hint": 2}[at])
        with pytest.raises(Killed):
            append(writer, 1)
    published = filled + (at == "hint")
    touched = at not in ("invalidate", "hint")
    first_left = max(1, published - 8 + 1 + (touched and filled >= 8))
    assert reader.newest_seq() == published
    for seq in range(first_left, published + 1):
        check(reader, seq)
    assert reader.read(published + 1) is None
    writer.close()
    with open_writer(path) as again:
        assert again.newest_seq == published
        append(again, 3)
        for seq in range(max(first_left, again.newest_seq - 7), again.newest_seq + 1):
            check(reader, seq)


@pytest.mark.parametrize("seed", range(2))
def test_any_changed_bit_of_a_slot_is_noticed(path, seed):
    rng = random.Random(seed)
    with open_writer(path) as writer:
        append(writer, 8)
    slot_bytes = SlotRingReader(path).geometry.slot_bytes
    clean = path.read_bytes()
    for _ in range(60):
        seq = rng.randint(1, 8)
        used = 32 + len(content(seq))
        at = HEADER_BYTES + (seq - 1) * slot_bytes + rng.randrange(used)
        data = bytearray(clean)
        data[at] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        reader = SlotRingReader(path)
        assert reader.read(seq) is None
        _, whole = reader.table.copy(1, 8)
        assert whole.tolist() == [number != seq for number in range(1, 9)]


def test_a_wrong_hint_only_costs_time(path):
    with open_writer(path) as writer:
        append(writer, 13)
    for hint in (0, 1, 12, 14, 500, 2**63):
        data = bytearray(path.read_bytes())
        data[NEWEST_SEQ_OFFSET : NEWEST_SEQ_OFFSET + 8] = hint.to_bytes(8, "little")
        path.write_bytes(data)
        assert SlotRingReader(path).newest_seq() == 13
    with open_writer(path) as writer:
        assert writer.newest_seq == 13


def test_a_slot_that_changes_while_it_is_copied_is_refused(path, monkeypatch):
    """The writer laps the reader in the middle of the copy."""
    with open_writer(path) as writer:
        append(writer, 8)
        reader = SlotRingReader(path)
        table = reader.table

        class Lapping:
            def __getitem__(self, key):
                data = bytes(real[key])
                append(writer, 8)
                return data

        real, table._bytes = table._bytes, Lapping()
        assert table.read(3) is None
        _, whole = table.copy(10, 16)
        assert not whole.any()


def test_payload_that_does_not_fit(path):
    with open_writer(path, payload_bytes=32) as writer:
        append(writer, 2)
        with pytest.raises(ValueError, match="payload of 33 bytes exceeds the slot's 32"):
            writer.append(0, 0, 0, bytes(33))
        append(writer, 1)
        for seq in (1, 2, 3):
            check(writer.table, seq)


def test_a_ring_that_memory_cannot_hold_is_refused(path):
    for room in (Room(4000, 10**9), Room(10**9, 4000), Room(4000, None)):
        with pytest.raises(RingTooLarge, match=r"may be used.*make the ring smaller") as caught:
            open_writer(path, room=lambda _, room=room: room)
        assert caught.value.usable_bytes == 3200
        assert caught.value.needed_bytes == HEADER_BYTES + 8 * 128
    assert list(path.parent.iterdir()) == []


def test_where_both_do_not_fit_the_old_ring_goes_first(path):
    with open_writer(path, slots=64) as writer:
        append(writer, 3)
    tight = Room(10_000, 10_000)
    with open_writer(path, slots=65, room=lambda _: tight) as writer:
        append(writer, 1)
        assert SlotRingReader(path).newest_seq() == 1
    with pytest.raises(RingTooLarge):
        open_writer(path, slots=6500, room=lambda _: tight)
    assert SlotRingReader(path).newest_seq() == 1


def test_a_file_system_that_gives_out_leaves_nothing(path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(RingTooLarge, match="refused"):
        open_writer(path)
    assert list(path.parent.iterdir()) == []


def test_what_a_killed_writer_left_half_made_is_removed(path):
    leftover = path.with_name(".test.ring.12345.new")
    leftover.write_bytes(b"half")
    with open_writer(path):
        assert not leftover.exists()


def test_the_file_is_fully_allocated(path):
    with open_writer(path, slots=1000):
        status = path.stat()
        assert status.st_blocks * 512 >= status.st_size
        assert status.st_mode & 0o777 == 0o640


def test_asking_an_empty_ring_again_and_again_costs_nothing(path, monkeypatch):
    with open_writer(path) as writer:
        reader = SlotRingReader(path)
        monkeypatch.setattr(type(reader.table), "highest_whole_seq", lambda _: pytest.fail("all slots were looked at"))
        assert reader.newest_seq() == 0
        append(writer, 1)
        assert reader.newest_seq() == 1


def test_a_ring_that_may_not_be_read_is_an_error_of_the_ring(path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    with open_writer(path):
        reader = SlotRingReader(path)
        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(RingError, match="one user"):
            SlotRingReader(path)
        monkeypatch.undo()
        monkeypatch.setattr(Path, "stat", refuse)
        with pytest.raises(RingError, match="one user"):
            reader.refresh()
        monkeypatch.undo()
