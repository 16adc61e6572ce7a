"""The blob store: durable before `put` returns, read in ranges, configured by URL."""

import os
from pathlib import Path

import pytest

from cloud_bridge import blobs as blobs_module
from cloud_bridge.blobs import RANGE_BYTES, BlobError, BlobMissing, open_blobs, track_key
from cloud_bridge.config import ConfigError

KEY = track_key("site", "box", "a" * 32, "flac")


@pytest.fixture(params=["file", "memory"])
def blobs(request, tmp_path):
    return open_blobs(f"file://{tmp_path}/blobs" if request.param == "file" else "memory://")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(bytes(range(256)) * 4096)
    return path


def test_what_was_put_is_read_in_any_range(blobs, source):
    blobs.put(KEY, source)
    blobs.put(KEY, source)
    whole = source.read_bytes()
    assert blobs.size_bytes(KEY) == len(whole)
    assert blobs.read(KEY, 1000, 5) == whole[1000:1005]
    assert blobs.read(KEY, 1000, 0) == b""
    pieces = list(blobs.stream(KEY, 7, len(whole) - 10))
    assert b"".join(pieces) == whole[7:-3]
    assert max(map(len, pieces)) == RANGE_BYTES


def test_what_is_not_there_is_named(blobs, source):
    with pytest.raises(BlobMissing, match="tracks/site/box"):
        blobs.size_bytes(KEY)
    with pytest.raises(BlobMissing):
        blobs.read(KEY, 0, 1)
    blobs.put(KEY, source)
    with pytest.raises(BlobError, match=r"ends|range"):
        list(blobs.stream(KEY, 0, 2**21))


def test_a_file_and_all_folders_down_to_it_are_synced(tmp_path, source, monkeypatch):
    synced = []
    real = os.fsync

    def fsync(descriptor):
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(blobs_module.os, "fsync", fsync)
    folder = tmp_path / "blobs"
    opened = open_blobs(f"file://{folder}")
    synced.clear()
    opened.put(KEY, source)
    assert synced == [folder / KEY, *[folder / part for part in ("tracks/site/box", "tracks/site", "tracks")], folder]


def test_a_folder_that_cannot_be_written_is_a_blob_error(tmp_path, source):
    store = open_blobs(f"file://{tmp_path}/blobs")
    (tmp_path / "blobs" / "tracks").write_text("in the way")
    with pytest.raises(BlobError, match="cannot be written"):
        store.put(KEY, source)
    store.check()
    assert not list((tmp_path / "blobs").glob("health/*"))


def test_s3_by_url_without_a_network():
    options = {"region": "eu-central-1", "access_key_id": "a", "secret_access_key": "b"}
    store = open_blobs("s3://bucket/some/prefix", options)._store
    assert store.config["bucket"] == "bucket"
    assert store.config["region"] == "eu-central-1"
    assert str(store.prefix) == "some/prefix"


@pytest.mark.parametrize(
    ("url", "options"),
    [("folder", {}), ("file://host/x", {}), ("file:relative", {}), ("ftp://x/y", {}), ("s3://b", {"no_such": "x"})],
)
def test_other_urls_are_refused(url, options):
    with pytest.raises(ConfigError, match="blobs"):
        open_blobs(url, options)


def test_what_a_killed_writer_left_is_removed_by_the_next_one(tmp_path, source):
    store = open_blobs(f"file://{tmp_path}/blobs")
    folder = (tmp_path / "blobs" / KEY).parent
    folder.mkdir(parents=True)
    for n in (1, 2):
        (folder / f"{Path(KEY).name}#{n}").write_bytes(b"half")
    store.put(KEY, source)
    assert [path.name for path in folder.iterdir()] == [Path(KEY).name]
    assert store.size_bytes(KEY) == source.stat().st_size


def test_a_new_folder_is_durable_before_anything_is_put_into_it(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        blobs_module.os, "fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
    )
    open_blobs(f"file://{tmp_path}/a/b/blobs")
    assert synced == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"blobs\.url .* cannot be made"):
        open_blobs(f"file://{tmp_path}/file/blobs")
