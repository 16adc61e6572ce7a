"""What the box says of itself: the health message and what the local page shows."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Mapping
from pathlib import Path

from edge.clock import Clock, stamp
from edge.eyewatch import EyeWatch
from edge.faults import FaultBook
from edge.link import Link
from edge.outbox import Outbox
from edge.ringwatch import RingWatch
from edge.wire import Health

_STATM = Path("/proc/self/statm")


def rss_bytes(statm: Path = _STATM) -> int:
    """Resident memory of this process now."""
    return int(statm.read_text("ascii").split()[1]) * resource.getpagesize()


class HealthReport:
    """Collects a `Health`. `devices` is read at each report."""

    def __init__(
        self,
        *,
        clock: Clock,
        outbox: Outbox,
        ringwatch: RingWatch,
        eyewatch: EyeWatch,
        faults: FaultBook,
        link: Link,
        devices: Mapping[str, bool],
        data_dir: Path,
        version: str,
    ) -> None:
        self._clock = clock
        self._outbox = outbox
        self._ringwatch = ringwatch
        self._eyewatch = eyewatch
        self._faults = faults
        self._link = link
        self._devices = devices
        self._data_dir = data_dir
        self._version = version
        self._started_ns = clock.mono_ns()

    def take(self, now_ns: int) -> Health:
        """The state at this instant; a few milliseconds of work."""
        waiting = self._outbox.waiting()
        faults = list(self._faults.active)
        if self._link.malformed:
            faults.append(f"malformed_messages broker: {self._link.malformed} since the start")
        return Health(
            stamp=stamp(self._clock, now_ns),
            uptime_s=(now_ns - self._started_ns) / 1e9,
            version=self._version,
            ear=self._ringwatch.health(now_ns),
            seq=self._outbox.last_seq(),
            events_waiting=waiting.events,
            tracks_waiting=waiting.tracks,
            bytes_waiting=waiting.bytes,
            disk_free_bytes=shutil.disk_usage(self._data_dir).free,
            rss_bytes=rss_bytes(),
            devices=dict(self._devices),
            faults=tuple(faults),
            eye=self._eyewatch.health(now_ns),
        )
