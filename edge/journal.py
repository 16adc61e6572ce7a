"""The local CSV of presses. SKELETON: bodies follow."""

from __future__ import annotations

from pathlib import Path

from edge.faultpoint import FaultPoint, no_fault
from edge.wire import PressData, TimeData


class Journal:
    def __init__(self, folder: Path, place: str, fault: FaultPoint = no_fault) -> None: ...
    def append(self, press_id: str, data: PressData) -> None: ...
    def repair(self, time: TimeData) -> int:
        """Date the unsynchronised rows of that boot anew; returns how many."""
