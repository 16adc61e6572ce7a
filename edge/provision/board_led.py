"""The board's own green lamp: all that a box without settings can show."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

LEDS: Final = Path("/sys/class/leds")
_NAMES: Final = ("ACT", "led0", "ACT-LED")
BLINK_MS: Final = 100


def blink(leds: Path = LEDS) -> bool:
    """Blink quickly until the next start: the sheet can't be used. False where the board has no such lamp."""
    for name in _NAMES:
        led = leds / name
        if led.is_dir():
            # A lamp that does not blink is no reason to do anything else than what would be done.
            with contextlib.suppress(OSError):
                (led / "trigger").write_text("timer")
                (led / "delay_on").write_text(str(BLINK_MS))
                (led / "delay_off").write_text(str(BLINK_MS))
                return True
    return False
