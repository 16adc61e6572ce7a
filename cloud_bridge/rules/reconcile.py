"""What a new computation of a stream's alarms means for the records that people know.

Late facts move an alarm's beginning or the event that raised it, hence its id. For people it stays the same alarm as
long as any of its evidence is the same: its record goes on, with whoever has acknowledged it, and nobody is told twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from cloud_bridge.rules.alarm import Alarm, alarm_id
from cloud_bridge.rules.alarm_state import AlarmState, Life, raised
from cloud_bridge.rules.errors import RuleError


def reconcile(known: Sequence[AlarmState], computed: Sequence[Alarm]) -> tuple[AlarmState, ...]:
    """The records of one rule on one stream after a computation, in the order of their raise; none is ever dropped.

    A computed alarm goes on in the record it was in, else in the one that shares most of its evidence, else it is new.
    Records that no alarm goes on in are withdrawn. Doing it again changes nothing. Raises `RuleError` for records
    or alarms of several streams.
    """
    streams = {(one.rule, one.stream) for one in [*computed, *(state.alarm for state in known)]}
    if len(streams) > 1:
        raise RuleError(f"alarms of {sorted(streams)} at once; reconcile one rule on one stream")
    left = {state.id: state for state in known}
    record_of = {state.alarm.id: state.id for state in known}
    found: list[AlarmState] = []
    unmatched: list[Alarm] = []
    for alarm in computed:
        record = left.pop(record_of.get(alarm.id, ""), None)
        if record is None:
            unmatched.append(alarm)
        else:
            found.append(record.follow(alarm))
    for alarm in unmatched:
        record = _closest(alarm, list(left.values()))
        if record is None:
            found.append(raised(alarm, _free_id(alarm, [*known, *found])))
        else:
            found.append(left.pop(record.id).follow(alarm))
    found += [state if state.life is Life.WITHDRAWN else state.withdraw() for state in left.values()]
    return tuple(sorted(found, key=lambda state: (state.alarm.raised_ns, state.id)))


def _free_id(alarm: Alarm, records: Sequence[AlarmState]) -> str:
    """The alarm's id, or, where a record that has moved on bears it, the next one."""
    taken = {state.id for state in records}
    found, number = alarm.id, 1
    while found in taken:
        number += 1
        found = alarm_id(alarm.rule, alarm.stream, f"{alarm.raised_by}#{number}")
    return found


def _closest(alarm: Alarm, records: Sequence[AlarmState]) -> AlarmState | None:
    evidence = set(alarm.evidence)
    shared = [(len(evidence.intersection(record.alarm.evidence)), record) for record in records]
    best = max(shared, key=lambda pair: (pair[0], pair[1].id), default=None)
    return best[1] if best is not None and best[0] else None
