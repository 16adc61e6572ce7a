"""Nothing that comes over the wire or stands in a row leads out of the folder of the blobs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.blobs import BlobError, open_blobs, picture_key, track_key
from cloud_bridge.ingest.parse import Bad, ChunkItem, incoming, parse
from edge import wire

PARTS = st.one_of(
    st.sampled_from(["..", ".", "", "/", "\\", "%2e%2e", "a/../..", "a\x00", "~", "con", "-rf", "a\n", "\u2215"]),
    st.text(max_size=12),
    st.from_regex(r"[a-z0-9][a-z0-9_-]{0,10}", fullmatch=True),
)
OUT = [
    "../secret",
    "tracks/../../secret",
    "/etc/hostname",
    "tracks/./../../secret",
    "..",
    "%2e%2e/secret",
    "..\\secret",
]


@given(PARTS, PARTS, PARTS, st.sampled_from(["track", "picture"]))
def test_a_name_that_is_taken_stays_in_its_folder(site, box, track, kind):
    item = parse(incoming(f"earshot/1/{site}/{box}/{kind}/{track}/0", b"x"))
    if not isinstance(item, ChunkItem):
        assert isinstance(item, Bad)
        return
    for key in (track_key(item.site, item.box, item.track, "flac"), picture_key(item.site, item.box, item.track)):
        parts = PurePosixPath(key).parts
        assert len(parts) == 4
        assert ".." not in parts
        assert key.isascii()
        assert key.isprintable()


def test_names_that_are_names_are_taken():
    item = parse(incoming(f"earshot/1/riga/desk-1/track/{'a' * 32}/0", b"x"))
    assert isinstance(item, ChunkItem)


@pytest.mark.parametrize("name", ["..", ".", "a/b", "a\\b", "a\n", "A", "", "a" * 64, "a.b", "%2e", "~", "-a"])
def test_no_other_name_can_stand_in_an_event(name):
    with pytest.raises(wire.WireError):
        wire.parse_topic(f"earshot/1/{name}/box/event")


@pytest.mark.parametrize("key", OUT)
def test_a_row_that_was_tampered_with_reads_and_writes_nothing_outside(tmp_path, key):
    folder = tmp_path / "blobs"
    outside = tmp_path / "secret"
    outside.write_bytes(b"not yours")
    source = tmp_path / "source"
    source.write_bytes(b"mine")
    blobs = open_blobs(folder.as_uri())

    for touch in (
        lambda: blobs.read(key, 0, 9),
        lambda: blobs.size_bytes(key),
        lambda: b"".join(blobs.stream(key, 0, 9)),
    ):
        with pytest.raises((BlobError, ValueError)):
            touch()
    for change in (lambda: blobs.put(key, source), lambda: blobs.remove(key)):
        # What is no path at all may be done to nothing, or refused; the library says so in several ways.
        with suppress(BlobError, ValueError, TypeError):
            change()
    assert outside.read_bytes() == b"not yours"
    assert {path.name for path in tmp_path.iterdir()} == {"blobs", "secret", "source"}
