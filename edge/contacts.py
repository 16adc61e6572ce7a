"""The button test: which button was touched last, and when. It watches; a press made for a test is a real press."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drivers.contract import Edge, Press


@dataclass(slots=True)
class _Contact:
    """What one button did since the start of this process."""

    down: bool = False
    count: int = 0
    last_ns: int | None = None
    source: str | None = None


class Contacts:
    """Counts the closings of each configured button, before anything is debounced."""

    def __init__(self, buttons: list[str]) -> None:
        self._contacts = {name: _Contact() for name in buttons}

    def note(self, fact: Edge | Press) -> None:
        """Take a raw edge or a whole press; unknown buttons are nobody's."""
        contact = self._contacts.get(fact.button)
        if contact is None:
            return
        closed = isinstance(fact, Press) or fact.pressed
        contact.down = isinstance(fact, Edge) and fact.pressed
        if closed:
            contact.count += 1
            contact.last_ns = fact.mono_ns
            contact.source = str(fact.source)

    def state(self, now_ns: int) -> list[dict[str, Any]]:
        """Each button in the order of the configuration; `ago_s` is None for one that was not touched yet."""
        return [
            {
                "button": name,
                "down": contact.down,
                "count": contact.count,
                "ago_s": None if contact.last_ns is None else max(0.0, (now_ns - contact.last_ns) / 1e9),
                "source": contact.source,
            }
            for name, contact in self._contacts.items()
        ]
