"""What can go wrong with a ring, each error with the numbers that its remedy needs."""

from __future__ import annotations


class RingError(Exception):
    """Base of all errors of this package."""


class RingAbsent(RingError):
    """There is no ring at the path: its writer has not started yet."""


class RingInUse(RingError):
    """Another process is this ring's writer."""


class RingDamaged(RingError):
    """The file is not a ring, or its header cannot be believed."""


class RingTooLarge(RingError):
    """Memory cannot hold the ring. `usable_bytes` is what may be used at this place now."""

    def __init__(self, message: str, *, needed_bytes: int, usable_bytes: int) -> None:
        super().__init__(message)
        self.needed_bytes = needed_bytes
        self.usable_bytes = usable_bytes


class NotYet(RingError):
    """The end of a cut is not captured yet. A cut up to `available_until_ns` succeeds; None: nothing is captured."""

    def __init__(self, asked_ns: int, available_until_ns: int | None) -> None:
        left = (
            "nothing is captured yet"
            if available_until_ns is None
            else f"captured until {available_until_ns} ns, {(asked_ns - available_until_ns) / 1e6:.1f} ms too little"
        )
        super().__init__(f"sound is asked for until {asked_ns} ns, but {left}; wait, or cut what there is")
        self.asked_ns = asked_ns
        self.available_until_ns = available_until_ns


class Overwritten(RingError):
    """The start of a cut is gone. A cut from `available_from_ns`, if made at once, succeeds."""

    def __init__(self, asked_ns: int, available_from_ns: int) -> None:
        super().__init__(
            f"cut starts at {asked_ns} ns, but the ring holds sound from {available_from_ns} ns on: "
            f"{(available_from_ns - asked_ns) / 1e6:.1f} ms are overwritten; cut the rest, or set a greater depth_s"
        )
        self.asked_ns = asked_ns
        self.available_from_ns = available_from_ns
