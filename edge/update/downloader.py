"""The download in a thread of its own: tries until it has the bundle, gives way to evidence, tells the main thread."""

from __future__ import annotations

import random
import shutil
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.backoff import Backoff
from edge.faultpoint import FaultPoint, no_fault
from edge.update.download import Download, DownloadFailed, Interrupted, Wanted, remove_all

_S = 1_000_000_000
_BACKOFF = Backoff(2 * _S, 300 * _S)
_JOIN_S = 5.0


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """So many bytes of the bundle are durable."""

    offer: str
    bytes: int


@dataclass(frozen=True, slots=True)
class DownloadWaits:
    """It does not go on for now, and is tried again by itself."""

    offer: str
    reason: str


@dataclass(frozen=True, slots=True)
class DownloadEnded:
    """The bundle is durable and whole; or (`error`) it can never be had."""

    offer: str
    error: str | None


@dataclass(frozen=True, slots=True)
class DownloaderDied:
    """The thread has ended by `error`; the box has to end too."""

    error: BaseException


DownloadFact = DownloadProgress | DownloadWaits | DownloadEnded


class Downloader:
    """One bundle at a time. All methods are the main thread's; `emit` is called in the download's own."""

    def __init__(
        self,
        folder: Path,
        *,
        tls: Callable[[], ssl.SSLContext],
        emit: Callable[[DownloadFact | DownloaderDied], None],
        reserve_bytes: int,
        rng: random.Random,
        fault: FaultPoint = no_fault,
    ) -> None:
        self._folder = folder
        self._tls = tls
        self._emit = emit
        self._reserve_bytes = reserve_bytes
        self._rng = rng
        self._fault = fault
        self._go = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._offer: str | None = None

    @property
    def offer(self) -> str | None:
        """The offer whose bundle is being fetched now."""
        return self._offer if self._thread is not None and self._thread.is_alive() else None

    def start(self, offer: str, wanted: Wanted) -> None:
        """Begin, or go on from what is there; the download of another offer ends."""
        self.stop()
        self._offer = offer
        self._stop = threading.Event()
        self._go.clear()
        self._thread = threading.Thread(
            target=self._run, args=(offer, wanted, self._stop), name="update-download", daemon=True
        )
        self._thread.start()

    def allow(self, *, allowed: bool) -> None:
        """Whether the line is free for it now. It begins not allowed."""
        if allowed:
            self._go.set()
        else:
            self._go.clear()

    def stop(self) -> None:
        """End the download, if there is one; what is there is kept. Idempotent."""
        self._stop.set()
        # Who waits for the line looks whether it is to end.
        self._go.set()
        if self._thread is not None:
            self._thread.join(_JOIN_S)
            self._thread = None
        self._offer = None

    def remove(self) -> None:
        """End the download and remove everything of any bundle: its room is needed, or it is not."""
        self.stop()
        remove_all(self._folder)

    def free_bytes(self) -> int:
        """Room on the disk where bundles are kept."""
        return shutil.disk_usage(self._folder if self._folder.is_dir() else self._folder.parent).free

    def _run(self, offer: str, wanted: Wanted, stop: threading.Event) -> None:
        def told(have: int) -> None:
            self._emit(DownloadProgress(offer, have))

        def held() -> bool:
            return stop.is_set() or not self._go.is_set()

        try:
            failures = 0
            while not stop.is_set():
                self._go.wait()
                if stop.is_set():
                    break
                download = Download(
                    wanted,
                    self._folder,
                    tls=self._tls,
                    held=held,
                    told=told,
                    reserve_bytes=self._reserve_bytes,
                    fault=self._fault,
                )
                try:
                    download.run()
                except Interrupted as error:
                    if held():
                        continue
                    failures += 1
                    self._emit(DownloadWaits(offer, str(error)))
                    stop.wait(_BACKOFF.wait_ns(failures, self._rng) / _S)
                except DownloadFailed as error:
                    self._emit(DownloadEnded(offer, str(error)))
                    break
                else:
                    self._emit(DownloadEnded(offer, None))
                    break
        except BaseException as error:
            self._emit(DownloaderDied(error))
            raise
