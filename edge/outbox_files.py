"""The folder of tracks and pictures: which files of one there are, and the removal of those that mean nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge.durable import TEMPORARY
from edge.faultpoint import FaultPoint

PRE_ROLL = ".pre"
MANIFEST = ".json"
BEGUN = ".face"
PICTURE = ".jpg"


class TrackFiles:
    """`<track>.pre` is the pre-roll, `<track>.json` the manifest until it is recorded, `<track>.<codec>` the sound.

    Likewise `<snapshot>.face` is what the camera saw until the press, `<snapshot>.jpg` the picture.
    """

    def __init__(self, folder: Path, fault: FaultPoint) -> None:
        self.folder = folder
        self._fault = fault
        folder.mkdir(exist_ok=True)

    def pre_roll(self, track: str) -> Path | None:
        """The durable pre-roll of a track, None where there is none."""
        path = self.folder / (track + PRE_ROLL)
        return path if path.exists() else None

    def begun(self, snapshot: str) -> Path | None:
        """The durable beginning of a snapshot, None where there is none."""
        path = self.folder / (snapshot + BEGUN)
        return path if path.exists() else None

    def finished(self) -> set[str]:
        """The tracks and snapshots whose finished file is here."""
        others = (PRE_ROLL, BEGUN, MANIFEST, TEMPORARY)
        return {path.name.partition(".")[0] for path in self.folder.iterdir() if path.suffix not in others}

    def remove(self, track: str, keep: str | None = None) -> None:
        """Remove the files of a track but the one named `keep`."""
        for path in self.folder.glob(f"{track}.*"):
            if path.name != keep:
                self._unlink(path)

    def clean(self, wanted: Mapping[str, str | None]) -> None:
        """Remove what a crash left: files of tracks not in `wanted`, other files of those with a name there.

        Temporary files of open tracks (None) stay: the cutter may be writing them just now, and overwrites old ones.
        """
        for path in self.folder.iterdir():
            track = path.name.partition(".")[0]
            if track not in wanted or wanted[track] not in (None, path.name):
                self._unlink(path)

    def _unlink(self, path: Path) -> None:
        self._fault("outbox.before_unlink")
        path.unlink(missing_ok=True)
        self._fault("outbox.after_unlink")
