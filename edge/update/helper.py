"""The exchange with the root-side unit earshot-update: a file asks, a file answers, and nothing else crosses over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Wish = Literal["install", "confirm", "reboot"]
_STATUS_BYTES_MAX = 4096
_TEXT_MAX = 400


@dataclass(frozen=True, slots=True)
class HelperStatus:
    """What root says. `on_trial`: the running slot is not yet marked good. `error` None: `done` ended well."""

    on_trial: bool
    busy: str | None = None
    done: str | None = None
    error: str | None = None


class Helper:
    """Root takes three wishes and no argument but the id that its answer names; it reads no path from here.

    `folder/ask/<wish>` holds the id; the unit removes it, does what is wished and writes `folder/status`.
    """

    def __init__(self, folder: Path) -> None:
        self._ask = folder / "ask"
        self._status = folder / "status"

    def ask(self, wish: Wish, wish_id: str) -> None:
        """Ask; asking again before it is taken up changes nothing. Raises `OSError` where there is no such unit."""
        temporary = self._ask / f".{wish}"
        temporary.write_text(wish_id, "ascii")
        temporary.rename(self._ask / wish)

    def status(self) -> HelperStatus | None:
        """The last answer; None where the unit has never run since the boot."""
        try:
            with self._status.open("rb") as file:
                text = file.read(_STATUS_BYTES_MAX).decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        error = values.get("error")
        return HelperStatus(
            on_trial=values.get("trial") == "yes",
            busy=values.get("busy") or None,
            done=values.get("done") or None,
            error=error[:_TEXT_MAX] if error else None,
        )

    @property
    def pending(self) -> bool:
        """Whether something is asked that was not taken up yet."""
        try:
            return any(not path.name.startswith(".") for path in self._ask.iterdir())
        except FileNotFoundError:
            return False
