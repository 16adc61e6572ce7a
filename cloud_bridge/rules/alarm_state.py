"""The life of an alarm among people.

Cleared (the rule sees no more) and acknowledged (a person has seen it) are two things: an alarm is done with when it is
both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from cloud_bridge.rules.alarm import Alarm
from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.quiet_hours import QuietHours


class Life(StrEnum):
    """What the facts say of an alarm now."""

    ACTIVE = "active"
    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class AlarmState:
    """One alarm's record. `id` is that of the first computation and stays, whatever late facts make of `alarm`.

    Every transition gives a new state and may be repeated: the first acknowledgement, the first telling stay.
    """

    id: str
    alarm: Alarm
    life: Life
    acknowledged_by: str | None = None
    acknowledged_ns: int | None = None
    told_ns: int | None = None

    @property
    def is_done(self) -> bool:
        """Whether nobody has to look at it any more."""
        if self.life is Life.WITHDRAWN and self.told_ns is None:
            return True
        return self.life is not Life.ACTIVE and self.acknowledged_ns is not None

    def acknowledge(self, by: str, at_ns: int) -> AlarmState:
        """A person has seen it. Clears nothing. Raises `RuleError` for nobody."""
        if not by.strip():
            raise RuleError("an alarm is acknowledged by a person; give their name")
        if self.acknowledged_ns is not None:
            return self
        return replace(self, acknowledged_by=by, acknowledged_ns=at_ns)

    def follow(self, alarm: Alarm) -> AlarmState:
        """What the facts say now, late ones included; an alarm that had been cleared may stand again.

        Raises `RuleError` for an alarm of another rule or stream.
        """
        if (alarm.rule, alarm.stream) != (self.alarm.rule, self.alarm.stream):
            raise RuleError(
                f"alarm {self.id} is of {self.alarm.rule!r} on {self.alarm.stream!r}, "
                f"not of {alarm.rule!r} on {alarm.stream!r}"
            )
        return replace(self, alarm=alarm, life=_life(alarm))

    def withdraw(self) -> AlarmState:
        """The facts that have come since make no alarm of it. The record stays, with what people were told."""
        return replace(self, life=Life.WITHDRAWN)

    def tell_at_ns(self, quiet: QuietHours | None) -> int | None:
        """When people are to be told, at the earliest; None: they were, have seen it themselves, or it is withdrawn."""
        if self.told_ns is not None or self.acknowledged_ns is not None or self.life is Life.WITHDRAWN:
            return None
        return self.alarm.raised_ns if quiet is None else quiet.earliest_ns(self.alarm.raised_ns)

    def tell(self, at_ns: int) -> AlarmState:
        """People were told (once an alarm)."""
        return self if self.told_ns is not None else replace(self, told_ns=at_ns)


def raised(alarm: Alarm, record_id: str = "") -> AlarmState:
    """The record of an alarm that is new, under the alarm's id unless another is given."""
    return AlarmState(record_id or alarm.id, alarm, _life(alarm))


def _life(alarm: Alarm) -> Life:
    return Life.ACTIVE if alarm.cleared_ns is None else Life.CLEARED
