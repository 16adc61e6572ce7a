"""Where images and snapshots are kept: one folder for each hash, built once, the unused ones removed."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

KEPT = 2


def cache_folder() -> Path:
    """$EARSHOT_LAB_CACHE, or ~/.cache/earshot-lab."""
    return Path(os.environ.get("EARSHOT_LAB_CACHE") or Path.home() / ".cache/earshot-lab")


def built(parent: Path, key: str, build: Callable[[Path], None], *, rebuild: bool = False) -> tuple[Path, float]:
    """The folder `parent/key`, made by `build(folder)` if it is not there; and the seconds that took (0 if it was).

    A build that fails leaves nothing. Two at the same time make one: the second waits for the first. Of the other
    folders in `parent` the `KEPT` - 1 most recently used ones stay.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / key
    begin = time.monotonic()
    with _locked(parent / "lock"):
        made = rebuild or not folder.exists()
        if made:
            unfinished = parent / f"{key}.part"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            try:
                build(unfinished)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.rename(folder)
        os.utime(folder)
        _prune(parent)
    return folder, time.monotonic() - begin if made else 0.0


def _prune(parent: Path) -> None:
    folders = sorted((path for path in parent.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime_ns)
    for path in folders[:-KEPT]:
        shutil.rmtree(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
