"""The sheet as text: the template, a filled-in one, its fixed size, its secrets taken out."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.resources import files
from typing import Any, Final

from edge.config import MASK
from edge.provision.sheet import SECRETS
from edge.wire import sha256

NAME: Final = "earshot.toml"
FILE_BYTES: Final = 16 * 1024
"""The size that the file has on the card, filled with blank lines: so it can be filled in without touching the FAT."""

_BLANK = " " * 127 + "\n"


def blank() -> str:
    """The template, every setting with its meaning, none with a value."""
    return files("edge.provision").joinpath("earshot.toml").read_text("utf-8")


def filled(values: dict[str, str | bool], lists: dict[str, list[str]] | None = None) -> str:
    """The template with values: `section.key` → text. Raises `KeyError` for a key that it does not have."""
    text = blank()
    for key, value in {**values, **(lists or {})}.items():
        section, name = key.split(".")
        pattern = rf"(?ms)(^\[{section}\]$(?:(?!^\[).)*?^){name} = .*?$"
        text, count = re.subn(pattern, lambda m, name=name, value=value: f"{m[1]}{name} = {_literal(value)}", text)  # type: ignore[misc]
        if count != 1:
            raise KeyError(key)
    return text


def padded(text: str, size_bytes: int = FILE_BYTES) -> bytes:
    """The text with blank lines at its end up to `size_bytes`; longer texts stay as they are."""
    data = text.rstrip().encode() + b"\n"
    missing = size_bytes - len(data)
    if missing <= 0:
        return data
    lines, rest = divmod(missing, len(_BLANK))
    return data + _BLANK.encode() * lines + (b" " * (rest - 1) + b"\n" if rest else b"")


def digest(text: str) -> str:
    """SHA-256 of what a text says, its padding and the kind of its line ends left out."""
    return sha256("\n".join(line.rstrip() for line in text.strip().splitlines()).encode())


def without_secrets(text: str) -> str:
    """The valid sheet with `MASK` in the place of each secret, all else as it was.

    A sheet that is written so oddly that its secrets are not found is written anew, without its comments.
    """
    tree = tomllib.loads(text)
    wanted = _masked(tree)
    if wanted == tree:
        return text
    changed = "".join(_mask_line(line, section) for section, line in _lines(text))
    try:
        if tomllib.loads(changed) == wanted:
            return changed
    except tomllib.TOMLDecodeError:
        pass
    from edge.provision.plan import toml_of  # noqa: PLC0415 - hardly ever

    return toml_of(wanted).lstrip()


def _masked(tree: dict[str, Any]) -> dict[str, Any]:
    found = {key: dict(part) if isinstance(part, dict) else part for key, part in tree.items()}
    for key in SECRETS:
        section, name = key.split(".")
        part = found.get(section)
        if isinstance(part, dict) and part.get(name):
            part[name] = MASK
    return found


def _lines(text: str) -> list[tuple[str, str]]:
    """Each line with the section that it stands in."""
    section, found = "", []
    for line in text.splitlines(keepends=True):
        if header := re.match(r"\s*\[\s*([\w-]+)\s*\]", line):
            section = header[1]
        found.append((section, line))
    return found


def _mask_line(line: str, section: str) -> str:
    match = re.match(r"(\s*([\w-]+)\s*=\s*)(\"(?:[^\"\\]|\\.)*\"|'[^']*')", line)
    if match is None or f"{section}.{match[2]}" not in SECRETS or match[3] in ('""', "''"):
        return line
    return f'{match[1]}"{MASK}"{line[match.end() :]}'


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
