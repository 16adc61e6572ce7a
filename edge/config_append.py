"""Adds a button to a configuration file: only where the whole file is good afterwards, and whole or not at all."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

from edge.config import ConfigError, decode, load
from edge.durable import TEMPORARY, write_durable
from edge.faultpoint import no_fault


def require_free(path: Path, name: str) -> None:
    """Raise `ConfigError` where the file can't be used as it is, or has a button `name` already."""
    if name in {button.name for button in load(path).buttons}:
        raise ConfigError(f"{path} has a button {name!r} already; choose another --name, or remove that button first")


def append_button(path: Path, piece: str, name: str) -> None:
    """Append the `[[buttons]]` piece of the button `name` to the file; owner, mode and all that stands there stay.

    Durable when this returns. Raises `ConfigError`, the file unchanged, where the name is taken, the result would be
    no configuration, or the file can't be written.
    """
    # A link to the file stays one.
    path = path.resolve()
    require_free(path, name)
    text = path.read_bytes().decode()
    text += ("" if text.endswith("\n") else "\n") + "\n" + piece
    where = f"{path} with the button {name!r}, which was not written"
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: {error}; write the other buttons as [[buttons]], too") from error
    decode(tree, where)
    try:
        _replace(path, text.encode())
    except OSError as error:
        raise ConfigError(f"configuration {path} can't be written: {error}; run this as its owner") from error


def _replace(path: Path, content: bytes) -> None:
    # The file may hold passwords: what takes its place is never more open than it, not even while it is written.
    old = path.stat()
    temporary = path.with_name(path.name + TEMPORARY)
    temporary.unlink(missing_ok=True)
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, old.st_uid, old.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
        finally:
            os.close(descriptor)
        write_durable(path, content, "config", no_fault)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
