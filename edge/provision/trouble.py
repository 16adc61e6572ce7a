"""That the sheet could not be used, told to the box: a file in its data folder while it is so."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from edge.durable import sync_folder, write_durable
from edge.faultpoint import no_fault

_NAME: Final = "setup-trouble.json"


def tell_trouble(data_dir: Path, words: Mapping[str, str]) -> None:
    """Leave word, by language; the same again is not written again. A box without a data folder is told nothing."""
    path = data_dir / _NAME
    if not data_dir.is_dir() or trouble_of(data_dir) == words:
        return
    write_durable(path, msgspec.json.encode(dict(words)), "setup", no_fault)


def clear_trouble(data_dir: Path) -> None:
    """All is well."""
    path = data_dir / _NAME
    if path.exists():
        path.unlink()
        sync_folder(data_dir)


def trouble_of(data_dir: Path) -> dict[str, str] | None:
    """What is wrong with the sheet, by language; None where nothing is, or nothing can be read."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((data_dir / _NAME).read_bytes(), type=dict[str, str])
    return None
