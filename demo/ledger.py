"""What the bridge holds in the end, read from its database and its folder of sound, without the bridge's own code."""

from __future__ import annotations

import hashlib
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import soundfile

from edge.wire import TrackData


@dataclass(frozen=True, slots=True)
class StoredPress:
    """A row of the bridge's table of presses."""

    id: str
    request_id: str | None
    track: str | None
    mono_ns: int
    stamp_uncertainty_ms: float


@dataclass(frozen=True, slots=True)
class StoredTrack:
    """A row of the bridge's table of tracks. `file` is the sound of a complete one."""

    id: str
    press: str | None
    state: str
    damaged: str | None
    manifest: TrackData | None
    file: Path | None

    def samples(self) -> npt.NDArray[np.int16]:
        """Decoded sound, shape (frames,). Raises ValueError unless the file is what the manifest says."""
        if self.file is None or self.manifest is None:
            raise ValueError(f"track {self.id} is {self.state}: it has no sound")
        content = self.file.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != self.manifest.sha256 or len(content) != self.manifest.bytes:
            raise ValueError(f"track {self.id}: {len(content)} bytes with SHA-256 {found} are not its manifest's")
        samples, rate_hz = soundfile.read(io.BytesIO(content), dtype="int16")
        if (len(samples), rate_hz) != (self.manifest.frames, self.manifest.rate_hz):
            raise ValueError(f"track {self.id} decodes to {len(samples)} frames at {rate_hz} Hz, not its manifest's")
        return np.asarray(samples, np.int16)


class Ledger:
    """Reads the database `database` and the folder `blobs` of a bridge, which may be running."""

    def __init__(self, database: Path, blobs: Path) -> None:
        self._database = database
        self._blobs = blobs

    def presses(self) -> list[StoredPress]:
        """All presses, in order of their monotonic time."""
        with self._connect() as connection:
            rows = connection.execute(
                "SELECT id, request_id, track, mono_ns, stamp_uncertainty_ms FROM press ORDER BY mono_ns"
            )
            return [StoredPress(*row) for row in rows]

    def tracks(self) -> dict[str, StoredTrack]:
        """All tracks by id, without the pictures that come the same way."""
        with self._connect() as connection:
            rows = connection.execute(
                "SELECT id, press, state, damaged, manifest, blob FROM track WHERE kind = 'sound'"
            ).fetchall()
        found = {}
        for key, press, state, damaged, manifest, blob in rows:
            decoded = None if manifest is None else msgspec.json.decode(manifest, type=TrackData)
            found[key] = StoredTrack(key, press, state, damaged, decoded, None if blob is None else self._blobs / blob)
        return found

    def pictured(self) -> set[str]:
        """The presses whose snapshot and its picture are there."""
        query = (
            "SELECT snapshot.press FROM snapshot JOIN track ON track.id = snapshot.id"
            " WHERE track.kind = 'picture' AND track.state = 'complete'"
        )
        with self._connect() as connection:
            return {press for (press,) in connection.execute(query)}

    def counts(self) -> dict[str, int]:
        """How many presses each box has, by `<site>/<box>`."""
        with self._connect() as connection:
            return dict(connection.execute("SELECT site || '/' || box, COUNT(*) FROM press GROUP BY site, box"))

    def quarantined(self) -> list[tuple[str, str]]:
        """Topic and reason of everything that the bridge refused."""
        with self._connect() as connection:
            return [(topic, reason) for topic, reason in connection.execute("SELECT topic, reason FROM quarantine")]

    def missing_seqs(self) -> int:
        """How many of the numbers 1 to the largest are missing, over all series of events."""
        query = "SELECT MAX(seq) - COUNT(DISTINCT seq) FROM event GROUP BY series"
        with self._connect() as connection:
            return sum(row[0] for row in connection.execute(query))

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=10)) as connection:
            yield connection
