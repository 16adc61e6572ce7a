"""What the Loyalty Display shows the operator: the Smile-Index of the day, its trend, how the last client reacted.

Never a face, and nothing of a client who complains: who presses for help must not be seen doing so by the person whom
it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge.clock import Clock
from edge.config import Config
from edge.outbox import Outbox
from edge.snapshot_keeper import Reaction
from edge.wire import EyeHealth, Trigger
from edge.wire.smile_index import Figures, Publishing, index_of, publishing

DAYS = 7
REACTION_NS = 30_000_000_000
"""How long a reaction is shown."""
_SHOWN = {Trigger.RATING, Trigger.SALE}
_MINUTE_NS = 60_000_000_000


class Display:
    """The state, for the local page; on the main thread. `eye(now_ns)` says what the camera does.

    A display of a simulated camera shows the index of simulated records, any other the true one.
    """

    def __init__(
        self, config: Config, outbox: Outbox, clock: Clock, eye: Callable[[int], EyeHealth | None], threshold: float
    ) -> None:
        self._place = config.box.place or config.box.name
        self._has_camera = config.eye.enabled
        self._simulated = config.eye.driver == "video"
        self._shown = {button.name for button in config.buttons if button.trigger in _SHOWN}
        self._outbox = outbox
        self._clock = clock
        self._eye = eye
        self._threshold = threshold
        self._reaction: Reaction | None = None
        self._days: list[tuple[int, Figures]] = []
        self._days_of: tuple[int, int] | None = None

    def reacted(self, reaction: Reaction) -> None:
        """A client has pressed, and this is how it looked at that moment."""
        last = self._reaction
        if reaction.button in self._shown and (last is None or last.press_ns <= reaction.press_ns):
            self._reaction = reaction

    def state(self, now_ns: int) -> dict[str, Any]:
        """All that is shown, as JSON-able values. Equal until something changes: it holds no running time."""
        days = self._recent(now_ns)
        today = days[-1][1]
        return {
            "place": self._place,
            "simulated": self._simulated,
            "camera": self._camera(now_ns),
            "index": _figures(today),
            "trend": _trend(today, [figures for _, figures in days[:-1]]),
            "days": [{"start_ns": start_ns, **_figures(figures)} for start_ns, figures in days],
            "reaction": self._last(now_ns),
        }

    def _recent(self, now_ns: int) -> list[tuple[int, Figures]]:
        # Asked for every second; a day changes with each snapshot, with midnight, and when the clock is set.
        wanted = (self._outbox.last_seq(), now_ns // _MINUTE_NS)
        if wanted != self._days_of:
            self._days = self._outbox.snapshots.days(self._clock.wall_ns(), DAYS, simulated=self._simulated)
            self._days_of = wanted
        return self._days

    def _camera(self, now_ns: int) -> str:
        """off, unseen (nothing can be seen), nobody, or face."""
        if not self._has_camera:
            return "off"
        eye = self._eye(now_ns)
        if eye is None or not eye.running:
            return "unseen"
        return "face" if eye.state == "face" else "nobody"

    def _last(self, now_ns: int) -> dict[str, Any] | None:
        last = self._reaction
        if last is None or not 0 <= now_ns - last.press_ns < REACTION_NS:
            return None
        smiles = last.probability is not None and last.probability >= self._threshold
        kind = "unseen" if last.probability is None else "smile" if smiles else "calm"
        return {"press": last.press, "kind": kind, "probability": last.probability}


def _figures(figures: Figures) -> dict[str, Any]:
    """What may be published of an index: below ten clients n alone."""
    shown = publishing(figures.n)
    hidden = shown is Publishing.HIDDEN
    return {
        "n": figures.n,
        "percent": None if hidden else figures.percent,
        "low_percent": None if hidden else figures.low_percent,
        "high_percent": None if hidden else figures.high_percent,
        "publishing": str(shown),
    }


def _trend(today: Figures, before: list[Figures]) -> str | None:
    """Whether up or down, where the intervals of today and of the days before lie apart, or level; None: too few."""
    past = index_of(sum(day.smiled for day in before), sum(day.n for day in before))
    if Publishing.HIDDEN in (publishing(today.n), publishing(past.n)):
        return None
    if (today.low_percent or 0) > (past.high_percent or 0):
        return "up"
    if (today.high_percent or 0) < (past.low_percent or 0):
        return "down"
    return "level"
