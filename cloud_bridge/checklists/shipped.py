"""The two check-lists that every bridge begins with."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from cloud_bridge.checklists.definition import Definition, Purpose, decode

SHIPPED: Final = (Purpose.CAUSES, Purpose.STANDARD)
"""One a purpose, and its id is the purpose's name: "Causes of Dissatisfaction", "Standard Compliance"."""


def shipped_text(purpose: Purpose) -> str:
    """The JSON of a shipped check-list."""
    return files("cloud_bridge.checklists").joinpath("templates", f"{purpose}.json").read_text(encoding="utf-8")


def shipped(purpose: Purpose) -> Definition:
    """A shipped check-list."""
    return decode(shipped_text(purpose))
