"""Contact bounce: which edges of one switch are presses. Pure; every decision follows from the edges' own stamps."""

from __future__ import annotations

from drivers.contract import Edge

# How long after its stamp an edge may still arrive from its driver's thread before a decision is taken without it.
ARRIVAL_NS = 50_000_000


class Contact:
    """One switch. Every press edge either becomes a press or is counted as a bounce of the last one, never neither.

    The first edge of a press is taken at once. A press edge within `debounce_ns` of the last press is its bounce. One
    within `debounce_ns` of the last release is a bounce too, unless the contact then stays closed for `debounce_ns`:
    then a finger was quicker than the bounce time, and the press is taken late with its own stamp.
    """

    def __init__(self, debounce_ns: int) -> None:
        self._debounce_ns = debounce_ns
        self._press_ns: int | None = None
        self._release_ns: int | None = None
        self._doubtful: Edge | None = None
        self._bounces = 0
        self._rest_ns: int | None = None

    def edge(self, edge: Edge) -> list[Edge]:
        """The press edges that are known to be presses now, oldest first (at most two)."""
        found = self._confirmed(edge.mono_ns)
        if edge.pressed:
            if self._take(edge):
                self._begin(edge)
                found.append(edge)
        else:
            self._release_ns = edge.mono_ns
            if self._doubtful is not None:
                self._bounce(self._doubtful.mono_ns)
                self._doubtful = None
        return found

    def tick(self, now_ns: int) -> list[Edge]:
        """Like `edge`, for the passing of time alone."""
        return self._confirmed(now_ns - ARRIVAL_NS)

    def rested(self, now_ns: int) -> int:
        """How many bounces the last press had, once no more can come; 0 where there are none, or were told already."""
        if self._rest_ns is None or now_ns < self._rest_ns:
            return 0
        return self.take_bounces()

    def take_bounces(self) -> int:
        """How many bounces the last press has had that were not told yet; ends their counting."""
        self._rest_ns = None
        count, self._bounces = self._bounces, 0
        return count

    def deadline_ns(self) -> int | None:
        """When `tick` or `rested` has something to say without a further edge."""
        doubt = None if self._doubtful is None else self._doubtful.mono_ns + self._debounce_ns + ARRIVAL_NS
        return min((t for t in (doubt, self._rest_ns) if t is not None), default=None)

    def _take(self, edge: Edge) -> bool:
        if self._press_ns is not None and edge.mono_ns < self._press_ns + self._debounce_ns:
            self._bounce(edge.mono_ns)
            return False
        if self._release_ns is not None and edge.mono_ns < self._release_ns + self._debounce_ns:
            if self._doubtful is None:
                self._doubtful = edge
            else:
                self._bounce(edge.mono_ns)
            return False
        return True

    def _confirmed(self, at_ns: int) -> list[Edge]:
        doubtful = self._doubtful
        if doubtful is None or at_ns < doubtful.mono_ns + self._debounce_ns:
            return []
        self._doubtful = None
        self._begin(doubtful)
        return [doubtful]

    def _begin(self, edge: Edge) -> None:
        self._press_ns = edge.mono_ns
        self._doubtful = None

    def _bounce(self, mono_ns: int) -> None:
        self._bounces += 1
        self._rest_ns = mono_ns + self._debounce_ns + ARRIVAL_NS
