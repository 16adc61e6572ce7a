"""What can be wrong with a sheet, told to a person in words with line, key and remedy."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Final

LANGUAGES: Final = ("en", "ru")
CODES: Final = (
    "empty",
    "syntax",
    "unknown",
    "missing",
    "value",
    "pair",
    "mask",
    "new_code",
    "zone",
    "settings",
    "unreadable",
    "machine",
)
"""Every kind of problem; each has words in each language."""


class SheetError(ValueError):
    """The sheet can't be used. `code` is one of `CODES`; the values fill the words of the catalogue."""

    def __init__(self, code: str, *, key: str | None = None, line: int | None = None, **values: Any) -> None:
        self.code = code
        self.key = key
        self.line = line
        self.values = values
        super().__init__(self.text("en"))

    def text(self, language: str) -> str:
        """What is wrong and what to do, in one or two sentences."""
        words = catalogue(language)
        entry = words["problem"][self.code]
        where = ""
        if self.line is not None:
            where = words["where"]["line"].format(line=self.line)
        values = {"key": self.key or "", **self.values}
        if form := self.values.get("form"):
            values["form"] = words["form"][form]
        return f"{where}{entry['found'].format_map(values)} {entry['remedy'].format_map(values)}".strip()


def line_of(text: str, key: str) -> int | None:
    """The line on which `key` (`wifi.psk`, `buttons.1.line`) stands, from 1; that of its table else; None if neither.

    A reader's help, not a parser: keys in inline tables or in several parts are not found.
    """
    parts = re.sub(r"(\.\d+)+$", "", key).split(".")
    table, name = [part for part in parts[:-1] if not part.isdigit()], parts[-1]
    wanted = next((int(part) for part in parts if part.isdigit()), None)
    current: list[str] = []
    seen: dict[str, int] = {}
    table_line = None
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[(\[?)\s*([\w.\- ]+?)\s*\]", line):
            current = [part.strip() for part in header[2].split(".")]
            if header[1]:
                seen[header[2]] = seen.get(header[2], -1) + 1
            if current == [*table, name]:
                return number
            if current == table and _is_wanted(seen, table, wanted):
                table_line = number
        elif current == table and _is_wanted(seen, table, wanted):
            found = re.match(r"\s*[\"']?([\w-]+)[\"']?\s*=", line)
            if found and found[1] == name:
                return number
    return table_line


def _is_wanted(seen: dict[str, int], table: list[str], wanted: int | None) -> bool:
    return wanted is None or seen.get(".".join(table)) == wanted


@cache
def catalogue(language: str) -> dict[str, Any]:
    """All words of provisioning in a language."""
    return tomllib.loads(files("edge").joinpath("locales", f"provision.{language}.toml").read_text("utf-8"))
