"""Small parts of a box for tests of its core: configuration, ids that can be read, edges, stamps."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from fake_clock import BOOT_A

from drivers.contract import Edge, Press, Source
from edge.config import Config, decode
from edge.wire import Stamp

MS = 1_000_000
S = 1_000_000_000

BUTTONS = (
    {"name": "red", "driver": "virtual", "trigger": "incident", "rating": 1},
    {"name": "green", "driver": "virtual", "trigger": "rating", "rating": 5},
    {"name": "kok", "driver": "virtual", "trigger": "appeal", "shared": True},
    {"name": "anna", "driver": "virtual", "trigger": "force_majeure", "employee": "Anna"},
)


def config(**sections: object) -> Config:
    """A valid configuration with four buttons; `sections` replace whole sections."""
    tree = {"box": {"site": "shop", "name": "one"}, "buttons": list(BUTTONS), **sections}
    return decode(tree, "test")


def counting_ids() -> Callable[[], str]:
    """Ids 1, 2, 3, … in 32 hex digits."""
    numbers = itertools.count(1)
    return lambda: f"{next(numbers):032x}"


def edge(pressed: bool, mono_ns: int, button: str = "red") -> Edge:
    return Edge(button, pressed, mono_ns, 1000, Source.SIMULATED, simulated=True)


def press(mono_ns: int, button: str = "red", *, employee: str | None = None, request_id: str | None = None) -> Press:
    return Press(button, mono_ns, 1000, Source.LOCAL_WEB, simulated=False, employee=employee, request_id=request_id)


def stamp(mono_ns: int, boot_id: str = BOOT_A, *, synced: bool = True) -> Stamp:
    return Stamp(
        boot_id=boot_id, mono_ns=mono_ns, wall_ns=1_700_000_000 * S + mono_ns, synced=synced, uncertainty_ms=1.0
    )
