"""Process failures: the windows of alarms, as a condition that every query about presses can carry."""

from __future__ import annotations

from sqlalchemy import ColumnElement, FromClause, select

from cloud_bridge.store.tables_alarm import alarm, alarm_press


def condition_inside_failure(press: FromClause) -> ColumnElement[bool]:
    """The rows of `press` (column id) that lie in the window of an alarm that was not withdrawn."""
    inside = (
        select(alarm_press.c.press).join(alarm, alarm.c.id == alarm_press.c.alarm).where(alarm.c.life != "withdrawn")
    )
    return press.c.id.in_(inside)
