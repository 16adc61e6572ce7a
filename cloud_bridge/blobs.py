"""Sound and pictures in the blob store (a folder, S3, or memory for tests): written whole, durably, read in ranges."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore, from_url

from cloud_bridge.config import ConfigError
from cloud_bridge.faultpoint import FaultPoint, no_fault

RANGE_BYTES = 256 * 1024


class BlobError(OSError):
    """The blob store refused or is away; the message names the key. Trying again later may succeed."""


class BlobMissing(BlobError):
    """There is no blob of this key."""


_PUT_AGAIN = 3


class Blobs:
    """A blob store. Thread-safe. `put` returns only when the bytes are durable."""

    def __init__(self, store: ObjectStore, folder: Path | None, fault: FaultPoint = no_fault) -> None:
        self._store = store
        self._folder = folder
        self._fault = fault

    def put(self, key: str, source: Path) -> None:
        """Store a file's bytes under `key`, replacing what is there; raises `BlobError`."""
        self._fault("bridge.blob.before_put")
        try:
            self._stage_and_rename(key, source)
            self._fault("bridge.blob.before_fsync")
            if self._folder is not None:
                _remove_staged(self._folder / key)
                _sync_path(self._folder, key)
        except (BaseError, OSError) as error:
            raise BlobError(f"blob {key!r} cannot be written: {error}") from error
        self._fault("bridge.blob.after_put")

    def _stage_and_rename(self, key: str, source: Path) -> None:
        for _ in range(_PUT_AGAIN):
            try:
                obstore.put(self._store, key, source)
            except BaseError:
                if self._folder is None:
                    raise
                # Another worker that stores the same blob may have taken our staged file for a dead one's.
                continue
            return
        obstore.put(self._store, key, source)

    def remove(self, key: str) -> None:
        """Delete a blob for good, with what killed writers left beside it; one that is not there is no error.

        Raises `BlobError`.
        """
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            pass
        except (BaseError, OSError) as error:
            raise BlobError(f"blob {key!r} cannot be removed: {error}") from error
        if self._folder is None:
            return
        try:
            path = self._folder / key
            _remove_staged(path)
            if path.parent.is_dir():
                _sync(path.parent)
        except OSError as error:
            raise BlobError(f"blob {key!r} cannot be removed for good: {error}") from error

    def size_bytes(self, key: str) -> int:
        """Length of a blob; raises `BlobMissing` or `BlobError`."""
        try:
            return int(obstore.head(self._store, key)["size"])
        except FileNotFoundError as error:
            raise BlobMissing(f"blob {key!r} does not exist") from error
        except (BaseError, OSError) as error:
            raise BlobError(f"blob {key!r} cannot be read: {error}") from error

    def read(self, key: str, start: int, length: int) -> bytes:
        """Bytes `start` to `start + length` of a blob (fewer at its end); raises `BlobMissing` or `BlobError`."""
        if length <= 0:
            return b""
        try:
            return bytes(obstore.get_range(self._store, key, start=start, length=length))
        except FileNotFoundError as error:
            raise BlobMissing(f"blob {key!r} does not exist") from error
        except (BaseError, OSError) as error:
            raise BlobError(f"blob {key!r} cannot be read at {start}: {error}") from error

    def stream(self, key: str, start: int, length: int) -> Iterator[bytes]:
        """The same bytes in pieces of at most `RANGE_BYTES`, for an HTTP range answer of any size.

        Raises `BlobError` where the blob ends before them.
        """
        end = start + length
        while start < end:
            piece = self.read(key, start, min(RANGE_BYTES, end - start))
            if not piece:
                raise BlobError(f"blob {key!r} ends at {start}, before {end}")
            start += len(piece)
            yield piece

    def check(self) -> None:
        """Raise `BlobError` unless the store answers and can be written."""
        key = "health/probe"
        try:
            obstore.put(self._store, key, b"ok")
            obstore.delete(self._store, key)
        except (BaseError, OSError) as error:
            raise BlobError(f"the blob store cannot be written: {error}") from error


def open_blobs(url: str, options: Mapping[str, str] | None = None, fault: FaultPoint = no_fault) -> Blobs:
    """The blob store at `url`: `file:///folder` (created), `s3://bucket/prefix` or `memory://`; raises `ConfigError`.

    Nothing is sent over the network here; `options` are obstore's for S3 (endpoint, region, access_key_id, …).
    """
    parts = urlsplit(url)
    if parts.scheme == "memory":
        return Blobs(MemoryStore(), None, fault)
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            raise ConfigError(f"blobs.url {url!r} must have three slashes and an absolute path: file:///<folder>")
        folder = Path(parts.path)
        try:
            _make_folder(folder)
        except OSError as error:
            raise ConfigError(f"blobs.url {url!r}: the folder cannot be made: {error}") from error
        return Blobs(LocalStore(folder), folder, fault)
    if parts.scheme == "s3" and parts.netloc:
        try:
            store: ObjectStore = from_url(url, **dict(options or {}))  # type: ignore[call-overload]
        except (BaseError, ValueError, TypeError) as error:
            raise ConfigError(f"blobs.url {url!r} or blobs.options cannot be used: {error}") from error
        return Blobs(store, None, fault)
    raise ConfigError(f"blobs.url {url!r} is none of file:///<folder>, s3://<bucket>/<prefix>, memory://")


def track_key(site: str, box: str, track: str, codec: str) -> str:
    """The key of a track's sound; its parts are names of the wire contract, so it never leaves its folder."""
    return f"tracks/{site}/{box}/{track}.{codec}"


def picture_key(site: str, box: str, snapshot: str) -> str:
    """The key of a snapshot's picture; apart from sound, so that a store can keep the two for different times."""
    return f"pictures/{site}/{box}/{snapshot}.jpg"


def _make_folder(folder: Path) -> None:
    """Make a folder and what is missing above it, durably."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync(folder.parent)


def _remove_staged(path: Path) -> None:
    """Remove what earlier writers of this blob left beside it when they were killed: the library stages in `path#n`."""
    n = 1
    while True:
        try:
            path.with_name(f"{path.name}#{n}").unlink()
        except FileNotFoundError:
            return
        n += 1


def _sync_path(folder: Path, key: str) -> None:
    """Make a file and every folder entry down to it durable: the library renames without syncing."""
    path = folder / key
    _sync(path)
    for parent in path.parents:
        _sync(parent)
        if parent == folder:
            return


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
