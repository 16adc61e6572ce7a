"""Takes a bundle from the bridge: in ranges, over any number of broken connections and power cuts, whole or not at all.

What is on the disk is known to the byte: after each stretch the file is synced, then the checkpoint that says so. A
power cut costs at most one stretch. Nothing counts before the SHA-256 of the whole agrees.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from edge.durable import sync_folder, write_durable
from edge.faultpoint import FaultPoint, no_fault

BUNDLE = "bundle.raucb"
_PIECE_BYTES = 64 * 1024
_STRETCH_BYTES = 4 * 1024 * 1024
_TIMEOUT_S = 30.0
_AGAIN = {408, 425, 429}
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


class DownloadFailed(Exception):
    """This bundle can never be had from there; the message says why."""


class Interrupted(Exception):
    """Not now: the message says what it waits for. What is there is kept."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The bundle: where it is, how long it is, what it hashes to."""

    url: str
    bytes: int
    sha256: str


class _Checkpoint(Struct, frozen=True):
    """So many bytes of the file are durable; `etag` names the version that they are of."""

    bytes: int
    etag: str = ""


class Download:
    """One bundle into `folder/bundle.raucb`. One thread only, but for `held`, which it asks before each piece.

    `tls()` makes the context for https. `told(bytes)` hears of every durable stretch. `reserve_bytes` stay free.
    """

    def __init__(
        self,
        wanted: Wanted,
        folder: Path,
        *,
        tls: Callable[[], ssl.SSLContext],
        held: Callable[[], bool],
        told: Callable[[int], None],
        reserve_bytes: int,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        fault: FaultPoint = no_fault,
    ) -> None:
        self._wanted = wanted
        self._folder = folder
        self._part = folder / f"{wanted.sha256[:32]}.part"
        self._mark = folder / f"{wanted.sha256[:32]}.json"
        self._tls = tls
        self._held = held
        self._told = told
        self._reserve_bytes = reserve_bytes
        self._free_bytes = free_bytes
        self._fault = fault
        self._digest = hashlib.sha256()
        self._have = 0
        self._etag = ""

    def run(self) -> Path:
        """Go on from what is there; returns the durable bundle. Raises `DownloadFailed`, `Interrupted`."""
        bundle = self._folder / BUNDLE
        if bundle.exists():
            if self._is_whole(bundle):
                self._clean(bundle)
                return bundle
            bundle.unlink()
        self._clean(self._part, self._mark)
        self._resume()
        try:
            if self._have < self._wanted.bytes:
                self._fetch()
            self._finish(bundle)
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise Interrupted("the disk is full") from error
            raise Interrupted(f"the connection failed: {error}") from error
        except HTTPException as error:
            raise Interrupted(f"the connection failed: {type(error).__name__} {error}".rstrip()) from error
        return bundle

    def _clean(self, *kept: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            if path not in kept:
                path.unlink()

    def _resume(self) -> None:
        checkpoint = _Checkpoint(0)
        if self._mark.exists() and self._part.exists():
            checkpoint = msgspec.json.decode(self._mark.read_bytes(), type=_Checkpoint)
        self._digest = hashlib.sha256()
        self._have, self._etag = 0, checkpoint.etag
        with self._part.open("ab") as file:
            file.truncate(min(checkpoint.bytes, file.tell()))
        with self._part.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                self._digest.update(piece)
                self._have += len(piece)

    def _fetch(self) -> None:
        missing = self._wanted.bytes - self._have
        if self._free_bytes(self._folder) < missing + self._reserve_bytes:
            raise Interrupted(f"it needs {missing + self._reserve_bytes} free bytes on the disk of the box")
        connection, target = self._connect()
        try:
            headers = {"Accept-Encoding": "identity"}
            if self._have:
                headers["Range"] = f"bytes={self._have}-"
                if self._etag:
                    headers["If-Range"] = self._etag
            connection.request("GET", target, headers=headers)
            self._take(connection.getresponse())
        finally:
            connection.close()

    def _connect(self) -> tuple[HTTPConnection, str]:
        try:
            url = urlsplit(self._wanted.url)
            host, port = url.hostname, url.port
        except ValueError as error:
            raise DownloadFailed(f"the address is no address: {error}") from error
        if not host:
            raise DownloadFailed("the address names no host")
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        if url.scheme == "https":
            return HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=self._tls()), target
        return HTTPConnection(host, port, timeout=_TIMEOUT_S), target

    def _take(self, response: HTTPResponse) -> None:
        status = response.status
        if status >= 500 or status in _AGAIN:
            raise Interrupted(f"the bridge answers {status}")
        if status not in {200, 206}:
            raise DownloadFailed(f"the bridge answers {status} {response.reason}")
        if status == 200:
            self._begin_anew()
        self._etag = response.headers.get("ETag", "")
        first, total = _extent(response, self._have)
        if total is not None and total != self._wanted.bytes:
            raise DownloadFailed(f"the bundle has {total} bytes there, {self._wanted.bytes} were offered")
        if first != self._have:
            raise DownloadFailed(f"the bridge sends bytes from {first}, not from {self._have}")
        with self._part.open("ab") as file:
            durable = self._have
            try:
                while piece := response.read(_PIECE_BYTES):
                    if self._have + len(piece) > self._wanted.bytes:
                        raise DownloadFailed(f"the bundle is longer than the {self._wanted.bytes} bytes offered")
                    file.write(piece)
                    self._digest.update(piece)
                    self._have += len(piece)
                    if self._have - durable >= _STRETCH_BYTES:
                        self._keep(file.fileno(), file.flush)
                        durable = self._have
                        if self._free_bytes(self._folder) < self._reserve_bytes:
                            raise Interrupted("it needs more free bytes on the disk of the box")
                    if self._held():
                        raise Interrupted("evidence goes first")
            finally:
                self._keep(file.fileno(), file.flush)
        if self._have < self._wanted.bytes:
            raise Interrupted(f"the connection ended at {self._have} of {self._wanted.bytes} bytes")

    def _begin_anew(self) -> None:
        os.truncate(self._part, 0)
        self._digest = hashlib.sha256()
        self._have = 0

    def _keep(self, descriptor: int, flush: Callable[[], None]) -> None:
        flush()
        self._fault("update.download.before_fsync")
        os.fsync(descriptor)
        self._fault("update.download.after_fsync")
        text = msgspec.json.encode(_Checkpoint(self._have, self._etag))
        write_durable(self._mark, text, "update.checkpoint", self._fault)
        self._told(self._have)

    def _finish(self, bundle: Path) -> None:
        found = self._digest.hexdigest()
        if found != self._wanted.sha256:
            self.remove()
            raise DownloadFailed(f"the bundle's SHA-256 is {found[:12]}…, {self._wanted.sha256[:12]}… was offered")
        self._fault("update.bundle.before_rename")
        self._part.rename(bundle)
        self._fault("update.bundle.after_rename")
        sync_folder(self._folder)
        self._clean(bundle)

    def _is_whole(self, bundle: Path) -> bool:
        try:
            with bundle.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self._wanted.sha256
        except PermissionError:
            # RAUC has made it root's own: it is of an installation that is over.
            return False

    def remove(self) -> None:
        """Remove what there is of it."""
        remove_all(self._folder)


def remove_all(folder: Path) -> None:
    """Remove every bundle and every part of one."""
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink()


def _extent(response: HTTPResponse, have: int) -> tuple[int, int | None]:
    """The first byte that is sent, and the length of the whole if it is told."""
    if response.status == 200:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdigit() else None
    unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    if unit != "bytes" or not first.isdigit():
        raise Interrupted(f"the bridge's answer to a range from {have} can't be understood")
    return int(first), int(total) if total.isdigit() else None
