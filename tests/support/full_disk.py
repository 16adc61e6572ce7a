"""Run in a mount name space: `full_disk.py <database|blobs> <full|read_only> <small file system> <roomy folder>`.

A bridge whose database or blob store lies on the small file system takes presses and tracks in while that is full or
read-only, then again when it is not. Ends with an assertion error, or prints "recovered".
"""

import errno
import subprocess
import sys
from pathlib import Path

from bridge_box import SimBox
from bridge_rig import Rig

from cloud_bridge.blobs import open_blobs
from cloud_bridge.ingest.parse import incoming
from cloud_bridge.ingest.worker import Stopped
from cloud_bridge.store import migrate, queries
from cloud_bridge.store.engine import open_store
from cloud_bridge.store.rows import PressFilter, TrackState


def fill(folder: Path) -> Path:
    """Take all room that is left."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 512, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return ballast


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def main(part: str, trouble: str, small: Path, roomy: Path) -> None:
    database, blobs = (small, roomy) if part == "database" else (roomy, small)
    store = open_store(f"sqlite:///{database}/bridge.db")
    migrate.upgrade(store)
    rig = Rig(store, open_blobs(f"file://{blobs}/blobs"), stop_after=4)
    box = SimBox()
    before, known = box.press_and_track(seconds=0.5)
    rig.take(before)
    assert len(rig.link.received("track")) == 1

    if trouble == "full":
        ballast = fill(small)
    else:
        # Nothing may be open for writing while it becomes read-only; the next transaction opens the file anew.
        store.close()
        remount(small, "ro")
    messages, track = box.press_and_track(seconds=5)
    first = len(rig.link.published)
    if part == "database":
        try:
            rig.take(messages)
        except Stopped:
            pass
        else:
            raise AssertionError("the batch was taken although the database cannot be written")
        assert rig.link.published[first:] == []
        assert len(rig.link.acknowledged) == len(before)
        assert rig.link.states[-1] is False, "boxes were not told to hold"
    else:
        rig.take(messages)
        assert [entry.id for entry in rig.link.received("track")] == [known.id], "receipted without its sound"
        assert queries.track(store, track.id).state == TrackState.RECEIVING
    if (part, trouble) != ("database", "read_only"):
        # What was there is still there. (Of a read-only SQLite with a write-ahead log nothing can be read.)
        assert rig.blobs.read(queries.track(store, known.id).blob, 0, 10**6) == known.sound

    if trouble == "full":
        ballast.unlink()
    else:
        remount(small, "rw")
    rig.clock_s += 3600
    rig.waits.clear()
    items = [incoming(topic, payload, mid=n) for n, (topic, payload) in enumerate(messages)]
    rig.worker.take(items)
    rig.worker.finish_tracks()
    assert rig.link.states[-1] is True
    assert {entry.id for entry in rig.link.received("track")} == {known.id, track.id}
    assert queries.track(store, track.id).state == TrackState.COMPLETE
    assert rig.blobs.read(queries.track(store, track.id).blob, 0, 10**6) == track.sound
    assert len(queries.list_presses(store, PressFilter()).presses) == 2
    assert [path.name for path in (blobs / "blobs").rglob("*#*")] == []
    store.close()
    print("recovered")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
