"""What the updater needs of its surroundings: root's unit, the download, and what an update must not disturb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge.update.download import Wanted
from edge.update.helper import HelperStatus, Wish


class Root(Protocol):
    """The unit with rights, as `edge.update.helper.Helper`."""

    def ask(self, wish: Wish, wish_id: str) -> None:
        """Ask for something."""
        ...

    def status(self) -> HelperStatus | None:
        """The last answer."""
        ...

    @property
    def pending(self) -> bool:
        """Whether something is asked that was not taken up yet."""
        ...


class Fetch(Protocol):
    """The download, as `edge.update.downloader.Downloader`."""

    @property
    def offer(self) -> str | None:
        """The offer whose bundle is being fetched."""
        ...

    def start(self, offer: str, wanted: Wanted) -> None:
        """Begin or go on."""
        ...

    def allow(self, *, allowed: bool) -> None:
        """Whether the line is free."""
        ...

    def stop(self) -> None:
        """End it."""
        ...

    def remove(self) -> None:
        """End it and remove what there is."""
        ...

    def free_bytes(self) -> int:
        """Room on the disk where bundles are kept."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an update must not disturb. `evidence_waits`: something is to be delivered.

    `unready(now_ns)` says why the box must not restart now: a window is open, somebody pressed just now, or the box
    does not do its work, so that the new release could not show that it does. None: it may.
    """

    evidence_waits: Callable[[], bool]
    unready: Callable[[int], str | None]
