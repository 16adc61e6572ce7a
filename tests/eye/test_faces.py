"""The face ring: what the eye writes is what the box reads, and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.eye.face_writer import FaceWriter
from edge.faces import (
    PICTURE_BYTES_MAX,
    REASONS,
    RECORD,
    RECORD_FIELDS,
    STATES,
    FaceFrame,
    FacePoint,
    FaceReader,
    FaceSource,
    FaceState,
    NoDataReason,
    pack,
    unpack,
)
from ringbuffer.errors import RingAbsent, RingDamaged
from ringbuffer.slot_ring import Slot, SlotRingWriter

MS = 1_000_000
SOURCE = FaceSource(
    source="video:scene",
    simulated=True,
    subject="client",
    privacy="snapshot",
    period_ms=200,
    depth_s=60,
    model="smile-v1",
    threshold=0.5,
    detector="blazeface",
)


def seen(mono_ns: int, probability: float = 0.5) -> FacePoint:
    return FacePoint(mono_ns, FaceState.FACE, probability, 1, (0.25, 0.25, 0.5, 0.5), faces=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "face.ring"


@pytest.fixture
def writer(path: Path) -> Iterator[FaceWriter]:
    with FaceWriter(path, SOURCE, "boot") as made:
        yield made


shares = st.floats(0, 1, width=32)
points = st.one_of(
    st.builds(
        FacePoint,
        mono_ns=st.integers(1, 2**62),
        state=st.just(FaceState.FACE),
        probability=shares,
        face=st.integers(1, 2**32 - 1),
        box=st.tuples(shares, shares, shares, shares),
        faces=st.integers(1, 65535),
    ),
    st.builds(FacePoint, mono_ns=st.integers(1, 2**62), state=st.just(FaceState.NO_FACE)),
    st.builds(
        FacePoint,
        mono_ns=st.integers(1, 2**62),
        state=st.just(FaceState.NO_DATA),
        reason=st.sampled_from(NoDataReason),
    ),
)


@given(points, st.binary(max_size=99))
def test_a_record_is_read_as_it_was_written(point: FacePoint, jpeg: bytes) -> None:
    slot = Slot(1, point.mono_ns, 1, 0, pack(point, 320, 240) + jpeg)
    assert unpack(slot) == FaceFrame(point, jpeg or None, 320, 240)


@pytest.mark.parametrize("payload", [b"", b"\xff" * RECORD.size, b"\0\xff" + b"\0" * RECORD.size])
def test_what_no_eye_writes_is_refused(payload: bytes) -> None:
    with pytest.raises(RingDamaged, match=r"slot 7 .* restart earshot-eye"):
        unpack(Slot(7, 1, 1, 0, payload))


def test_points_are_those_of_the_window_in_order(writer: FaceWriter, path: Path) -> None:
    written = [seen(at * 200 * MS, at / 16) for at in range(1, 11)]
    for point in written:
        writer.append(point)
    reader = FaceReader(path)
    assert reader.points(400 * MS, 1000 * MS) == written[1:4]
    assert reader.points(0, 10**12) == written
    assert reader.points(3000 * MS, 10**12) == []


def test_the_nearest_frame_is_at_most_the_tolerance_away_and_never_one_without_data(
    writer: FaceWriter, path: Path
) -> None:
    writer.append(seen(1000 * MS), b"first", 3, 2)
    writer.append(FacePoint(1150 * MS, FaceState.NO_DATA, reason=NoDataReason.COVERED))
    writer.append(FacePoint(1300 * MS, FaceState.NO_FACE), b"third", 3, 2)
    reader = FaceReader(path)
    assert reader.nearest(1140 * MS, 200) == FaceFrame(seen(1000 * MS), b"first", 3, 2)
    assert reader.nearest(1150 * MS, 200) == FaceFrame(seen(1000 * MS), b"first", 3, 2), "the earlier of two"
    assert reader.nearest(1151 * MS, 200).point.mono_ns == 1300 * MS
    assert reader.nearest(1500 * MS, 200).jpeg == b"third"
    assert reader.nearest(1500 * MS + 1, 200) is None
    assert reader.nearest(800 * MS - 1, 200) is None


def test_an_empty_ring_has_no_points_and_one_that_is_not_there_is_absent(writer: FaceWriter, path: Path) -> None:
    reader = FaceReader(path)
    assert reader.points(0, 10**12) == []
    assert reader.newest() is None
    assert reader.nearest(0, 200) is None
    assert reader.source == SOURCE
    assert reader.hold_ns == 500 * MS
    with pytest.raises(RingAbsent):
        FaceReader(path.with_name("other"))


def test_a_point_that_is_not_later_is_left_out(writer: FaceWriter, path: Path) -> None:
    assert writer.append(seen(5, 0.25))
    assert not writer.append(seen(5, 0.75))
    assert not writer.append(seen(4, 0.75))
    assert FaceReader(path).points(0, 10) == [seen(5, 0.25)]


def test_a_restarted_eye_goes_on_in_the_ring_and_another_camera_begins_anew(path: Path) -> None:
    with FaceWriter(path, SOURCE, "boot") as first:
        first.append(seen(100))
    with FaceWriter(path, SOURCE, "boot") as second:
        assert second.last_ns == 100
        reader = FaceReader(path)
        assert reader.points(0, 1000) == [seen(100)]
    with FaceWriter(path, replace(SOURCE, simulated=False), "boot") as third:
        third.append(seen(50))
        assert reader.points(0, 1000) == [seen(50)]
        assert not reader.source.simulated


def test_the_oldest_are_overwritten_and_what_is_left_is_whole(writer: FaceWriter, path: Path) -> None:
    for at in range(1, 1001):
        writer.append(seen(at * 200 * MS, (at % 256) / 256), bytes([at % 256]) * 100)
    found = FaceReader(path).points(0, 10**15)
    assert [point.mono_ns // (200 * MS) for point in found] == list(range(1001 - len(found), 1001))
    assert len(found) * 0.2 >= SOURCE.depth_s
    assert all(point.probability == (point.mono_ns // (200 * MS) % 256) / 256 for point in found)


def test_a_ring_of_mode_index_has_no_room_for_a_picture(path: Path) -> None:
    with FaceWriter(path, replace(SOURCE, privacy="index"), "boot") as writer:
        writer.append(seen(1))
        with pytest.raises(ValueError, match="mode 'index'"):
            writer.append(seen(2), b"\xff\xd8")
        assert FaceReader(path).newest() == FaceFrame(seen(1), None, 0, 0)
    assert path.stat().st_size < 50_000


def test_a_picture_that_does_not_fit_is_refused_whole(writer: FaceWriter, path: Path) -> None:
    with pytest.raises(ValueError, match="exceeds the slot"):
        writer.append(seen(1), b"x" * (PICTURE_BYTES_MAX + 64))
    assert FaceReader(path).newest() is None


def test_another_ring_is_no_face_ring(path: Path) -> None:
    SlotRingWriter(path, payload_bytes=64, slots=8, boot_id="boot", metadata={"content": "audio"}).close()
    with pytest.raises(RingDamaged, match="no face ring"):
        FaceReader(path)


def test_the_document_tells_the_record_as_it_is() -> None:
    text = (Path(__file__).parents[2] / "docs/EYE.md").read_text()
    table = text.partition("## The face ring")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in table.splitlines() if line.startswith("| ")]
    told = [(int(offset), int(size), name) for offset, size, name in rows if offset.isdigit() and size.isdigit()]
    offset, wanted = 0, []
    for code, name in zip(RECORD.format.removeprefix("<"), RECORD_FIELDS, strict=True):
        wanted.append((offset, struct.calcsize(f"<{code}"), name))
        offset += wanted[-1][1]
    assert told == wanted
    assert [row[0] for row in rows][-1] == str(RECORD.size)
    for number, state in enumerate(STATES):
        assert f"{number} {state}" in table
    for number, reason in enumerate(REASONS):
        assert f"{number} {reason or 'none'}" in table
