"""FORMAT.md and the code say the same."""

import re
import struct
from pathlib import Path

import pytest

import ringbuffer
from ringbuffer import audio_blocks, layout
from ringbuffer.gaps import REASON_CODES

TEXT = (Path(ringbuffer.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")
FIELD_ROW = re.compile(r"^\| (\d+) \| (\d+|-) \| (\w+) \|", re.MULTILINE)


def documented(heading: str) -> dict[str, tuple[int, int | None]]:
    """Field -> (offset, bytes) of the first table with offsets after `heading`."""
    table = TEXT.split(heading, 1)[1].split("| offset |", 1)[1].split("\n\n", 1)[0]
    return {name: (int(at), None if size == "-" else int(size)) for at, size, name in FIELD_ROW.findall(table)}


def struct_fields(layout_: struct.Struct, names: tuple[str, ...], base: int = 0) -> dict[str, tuple[int, int]]:
    tokens = re.findall(r"\d*[a-zA-Z]", layout_.format)
    assert len(tokens) == len(names)
    fields, at = {}, base
    for token, name in zip(tokens, names, strict=True):
        size = struct.calcsize("<" + token)
        fields[name] = (at, size)
        at += size
    return fields


def test_file_header():
    table = documented("## File header")
    expected = struct_fields(layout.FILE_HEADER, layout.FILE_HEADER_FIELDS)
    assert table == expected | {
        "metadata": (layout.FILE_HEADER.size, None),
        "newest_seq": (layout.NEWEST_SEQ_OFFSET, 8),
    }
    assert expected["header_crc"][0] == layout.HEADER_CRC_OFFSET
    assert f"header_bytes | {layout.HEADER_BYTES};" in TEXT
    assert f"# The ring file, version {layout.VERSION}" in TEXT


def test_slot_header():
    fields = layout.SLOT_HEADER_DTYPE.fields
    expected = {name: (at, dtype.itemsize) for name, (dtype, at) in fields.items()}
    assert documented("## Slot\n") == expected | {"payload": (layout.SLOT_HEADER_BYTES, None)}
    body = struct_fields(layout.SLOT_BODY, ("length", "mono_ns", "kind", "tag"), layout.SLOT_BODY_OFFSET)
    assert body == {name: expected[name] for name in body}
    assert expected["crc"] == (layout.SLOT_CRC_OFFSET, layout.SLOT_CRC.size)
    assert expected["kind"][0] == layout.SLOT_KIND_OFFSET


def test_sound_and_gap():
    fields = audio_blocks.BLOCK_DTYPE.fields
    names = ("first_frame", "frames", "lost_frames", "uncertainty_ns")
    expected = {name: (fields[name][1], 8) for name in names}
    assert documented("Both kinds begin with:") == expected
    assert struct_fields(audio_blocks.BLOCK_PREFIX, names, layout.SLOT_HEADER_BYTES) == expected
    assert documented("Kind 2, gap") == struct_fields(
        audio_blocks.GAP_BODY, ("start_ns", "end_ns", "reason", "padding"), audio_blocks.SAMPLES_OFFSET
    )
    assert f"Kind {audio_blocks.KIND_SOUND}, sound: from offset {audio_blocks.SAMPLES_OFFSET}" in TEXT
    assert f"Kind {audio_blocks.KIND_GAP}, gap" in TEXT


def test_reasons():
    rows = re.findall(r"^\| (\d+) \| (\w+) \|$", TEXT, re.MULTILINE)
    assert {name: int(code) for code, name in rows} == {str(reason): code for reason, code in REASON_CODES.items()}


def test_slots_are_aligned_for_single_stores():
    for payload_bytes in (1, 32, 33, 672, 1000):
        geometry = layout.plan(payload_bytes, 4, "boot", {})
        assert geometry.slot_bytes % 64 == 0
        assert geometry.payload_bytes >= payload_bytes


@pytest.mark.parametrize(
    ("payload_bytes", "slots", "boot_id"), [(0, 4, "b"), (8, 1, "b"), (8, 4, ""), (8, 4, "b" * 37)]
)
def test_sizes_that_make_no_ring_are_refused(payload_bytes, slots, boot_id):
    with pytest.raises(ValueError, match=r"ring|boot_id"):
        layout.plan(payload_bytes, slots, boot_id, {})
