"""What a snapshot is before it is made: the press it belongs to, and the part of it that is already safe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.wire import Stamp
from edge.wire.smile_index import window


@dataclass(frozen=True, slots=True)
class OpenSnapshot:
    """A promised snapshot that is not made. `stamp` dates the press, `simulated` is the press's.

    `begun` is the durable file of what was seen until the press, None where there is none (yet).
    """

    snapshot: str
    press: str
    stamp: Stamp
    button: str
    simulated: bool
    begun: Path | None = None

    @property
    def press_ns(self) -> int:
        """When the press was made, on the monotonic clock of its boot."""
        return self.stamp.mono_ns

    @property
    def end_ns(self) -> int:
        """When the window is over."""
        return window(self.stamp.mono_ns)[1]


@dataclass(frozen=True, slots=True)
class Day:
    """The clients of the day so far, this one not counted: `smiled` of `n` with a verdict, since `since_ns` (Unix).

    `simulated` are those whose records are simulated, which make an index of their own.
    """

    since_ns: int
    smiled: int
    n: int
    simulated_smiled: int
    simulated_n: int


def page_of(pages_url: str, press: str, snapshot: str) -> str:
    """Where a person finds a snapshot: its page of the bridge at `pages_url`; its id where no bridge is named."""
    return f"{pages_url.rstrip('/')}/presses/{press}#snapshot" if pages_url else snapshot
