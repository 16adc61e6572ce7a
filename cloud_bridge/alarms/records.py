"""The records of alarms: what the facts say is brought together with what people know and have done."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, insert, or_, select, update

from cloud_bridge.alarms.planning import StreamPlan
from cloud_bridge.alarms.watches import RuleRow
from cloud_bridge.notify.outbox import announce
from cloud_bridge.rules.alarm import Alarm
from cloud_bridge.rules.alarm_state import AlarmState, Life
from cloud_bridge.rules.history import Scope
from cloud_bridge.rules.plan import DAY_NS
from cloud_bridge.rules.reconcile import reconcile
from cloud_bridge.store.tables_alarm import alarm, alarm_press, alarm_site
from cloud_bridge.store.tables_notify import notification

if TYPE_CHECKING:
    from cloud_bridge.alarms.evaluation import Computed, Outcome

RAISED, CLEARED, ACKNOWLEDGED, WITHDRAWN = "alarm.raised", "alarm.cleared", "alarm.acknowledged", "alarm.withdrawn"
TOLD_WITHIN_NS = 3 * DAY_NS
"""Nobody is told of an alarm that is older when it is found: a history was sent, or a rule was changed."""


def update_site(
    connection: Connection,
    site: str,
    outcomes: Sequence[Outcome],
    rules: Sequence[RuleRow],
    revision: int,
    now_ns: int,
) -> None:
    """Bring the records of a site in line with what was computed, within the caller's transaction."""
    for outcome in outcomes:
        _update_stream(connection, outcome, revision, now_ns)
    _close_unwatched(connection, site, {(outcome.rule.id, outcome.stream) for outcome in outcomes}, rules, now_ns)


def set_evaluated(connection: Connection, site: str, now_ns: int) -> None:
    """Note that a site was looked at."""
    same = alarm_site.c.site == site
    if not connection.execute(update(alarm_site).where(same).values(evaluated_ns=now_ns)).rowcount:
        connection.execute(insert(alarm_site).values(site=site, evaluated_ns=now_ns))


def acknowledge(connection: Connection, alarm_id: str, *, by: str, note: str, now_ns: int) -> bool:
    """Note that a person has seen an alarm, once; clears nothing. False where there is none, or somebody has."""
    values = {"acknowledged_by": by, "acknowledged_ns": now_ns, "note": note, "changed_ns": now_ns}
    same = (alarm.c.id == alarm_id) & alarm.c.acknowledged_ns.is_(None)
    if not connection.execute(update(alarm).where(same).values(values)).rowcount:
        return False
    row = connection.execute(select(alarm).where(alarm.c.id == alarm_id)).mappings().one()
    _announce(connection, ACKNOWLEDGED, row, now_ns)
    void = (notification.c.alarm == alarm_id) & (notification.c.state == "waiting")
    connection.execute(update(notification).where(void).values(state="void"))
    return True


def _update_stream(connection: Connection, outcome: Outcome, revision: int, now_ns: int) -> None:
    known = _known(connection, outcome)
    computed = {one.alarm.id: one for one in outcome.computed if _is_of(one.alarm, outcome.settled_ns)}
    states = reconcile(
        [_state(connection, row, outcome.rule.name) for row in known.values()],
        [one.alarm for one in computed.values()],
    )
    for state in states:
        row = known.get(state.id)
        one = computed.get(state.alarm.id)
        if one is not None and state.life is not Life.WITHDRAWN:
            _write(connection, outcome, state, one, row, now_ns)
        elif row is not None and row["life"] != Life.WITHDRAWN:
            _take_back(connection, row, outcome.settled_ns, revision, now_ns)


def _is_of(computed: Alarm, settled_ns: int) -> bool:
    return computed.raised_ns >= settled_ns or computed.cleared_ns is None or computed.cleared_ns >= settled_ns


def _known(connection: Connection, outcome: Outcome) -> dict[str, RowMapping]:
    """The stream's records that the stretch can say anything of."""
    late = or_(
        alarm.c.raised_ns >= outcome.settled_ns,
        alarm.c.cleared_ns.is_(None),
        alarm.c.cleared_ns >= outcome.settled_ns,
    )
    query = select(alarm).where(alarm.c.rule == outcome.rule.id, alarm.c.stream == outcome.stream, late)
    return {row["id"]: row for row in connection.execute(query).mappings()}


def _state(connection: Connection, row: RowMapping, rule: str) -> AlarmState:
    query = select(alarm_press.c.press).where(alarm_press.c.alarm == row["id"], alarm_press.c.counted)
    evidence = tuple(sorted(connection.execute(query).scalars()))
    known = Alarm(
        id=row["computed"],
        rule=rule,
        stream=row["stream"],
        since_ns=row["since_ns"],
        raised_ns=row["raised_ns"],
        raised_by=row["raised_by"],
        cleared_ns=row["cleared_ns"],
        evidence=evidence,
        steps=row["steps"],
    )
    return AlarmState(row["id"], known, Life(row["life"]), row["acknowledged_by"], row["acknowledged_ns"])


def _write(
    connection: Connection, outcome: Outcome, state: AlarmState, one: Computed, row: RowMapping | None, now_ns: int
) -> None:
    found = state.alarm
    values: dict[str, Any] = {
        "computed": found.id,
        "raised_by": found.raised_by,
        "since_ns": found.since_ns,
        "raised_ns": found.raised_ns,
        "cleared_ns": found.cleared_ns,
        "steps": found.steps,
        "events": len(found.evidence),
        "life": str(state.life),
        "simulated": one.simulated,
        "plan": msgspec.json.encode(outcome.plan).decode(),
        "levels": msgspec.json.encode(one.levels).decode(),
    }
    if row is not None and row["raised_ns"] < outcome.begin_ns:
        # It began before what was looked at, so only its end is known better now.
        values |= {name: row[name] for name in ("raised_by", "since_ns", "raised_ns", "steps", "levels")}
    if row is None:
        made = _owner(outcome) | values | {"id": state.id, "note": "", "made_ns": now_ns, "changed_ns": now_ns}
        connection.execute(insert(alarm).values(made))
    elif any(row[name] != value for name, value in values.items()):
        connection.execute(update(alarm).where(alarm.c.id == state.id).values(**values, changed_ns=now_ns))
    _write_presses(connection, state.id, one, keep_earlier=row is not None and row["raised_ns"] < outcome.begin_ns)
    _tell(connection, state.id, row, now_ns)


def _write_presses(connection: Connection, alarm_id: str, one: Computed, *, keep_earlier: bool) -> None:
    evidence = set(one.alarm.evidence)
    wanted = {press: press in evidence for press in one.presses}
    query = select(alarm_press.c.press, alarm_press.c.counted).where(alarm_press.c.alarm == alarm_id)
    known = {row.press: row.counted for row in connection.execute(query)}
    gone = [] if keep_earlier else sorted(press for press in known if wanted.get(press) is not known[press])
    for part in _parts(gone):
        connection.execute(delete(alarm_press).where(alarm_press.c.alarm == alarm_id, alarm_press.c.press.in_(part)))
    here = known.keys() - set(gone)
    rows = [
        {"alarm": alarm_id, "press": press, "counted": counted}
        for press, counted in sorted(wanted.items())
        if press not in here
    ]
    for part in _parts(rows):
        connection.execute(insert(alarm_press), part)


def _take_back(connection: Connection, row: RowMapping, settled_ns: int, revision: int, now_ns: int) -> None:
    """No computed alarm goes on in this record."""
    plan = msgspec.json.decode(row["plan"], type=StreamPlan)
    if plan.revision == revision and row["raised_ns"] >= settled_ns:
        values: dict[str, Any] = {"life": str(Life.WITHDRAWN)}
    elif row["cleared_ns"] is None:
        # By the rule as it was then it was one; as it is now, nothing of it stands.
        values = {"life": str(Life.CLEARED), "cleared_ns": max(row["raised_ns"], min(now_ns, settled_ns))}
        if plan.revision != revision:
            values["cleared_ns"] = now_ns
    else:
        return
    connection.execute(update(alarm).where(alarm.c.id == row["id"]).values(**values, changed_ns=now_ns))
    _tell(connection, row["id"], row, now_ns)


def _close_unwatched(
    connection: Connection,
    site: str,
    watched: Collection[tuple[int, str]],
    rules: Sequence[RuleRow],
    now_ns: int,
) -> None:
    """An alarm whose rule was switched off, or whose stream is no more, does not stand for ever."""
    active = {rule.id for rule in rules}
    query = select(alarm).where(alarm.c.site == site, alarm.c.life == str(Life.ACTIVE))
    for row in connection.execute(query).mappings().all():
        if row["rule"] not in active or (row["rule"], row["stream"]) not in watched:
            values = {"life": str(Life.CLEARED), "cleared_ns": now_ns, "changed_ns": now_ns}
            connection.execute(update(alarm).where(alarm.c.id == row["id"]).values(values))
            _tell(connection, row["id"], row, now_ns)


def _owner(outcome: Outcome) -> dict[str, Any]:
    site, _, name = outcome.stream.partition("/")
    scope = outcome.rule.watch.scope
    return {
        "rule": outcome.rule.id,
        "stream": outcome.stream,
        "scope": str(scope),
        "site": site,
        "counter": name if scope is Scope.COUNTER else None,
        "employee": name if scope is Scope.EMPLOYEE else None,
    }


def _tell(connection: Connection, alarm_id: str, before: RowMapping | None, now_ns: int) -> None:
    """Programs hear of each change once."""
    row = connection.execute(select(alarm).where(alarm.c.id == alarm_id)).mappings().one()
    if row["raised_ns"] < now_ns - TOLD_WITHIN_NS and before is None:
        return
    if before is None:
        _announce(connection, RAISED, row, now_ns)
    life = None if before is None else before["life"]
    if row["life"] != life and row["life"] == str(Life.CLEARED):
        _announce(connection, CLEARED, row, now_ns)
    if row["life"] != life and row["life"] == str(Life.WITHDRAWN):
        _announce(connection, WITHDRAWN, row, now_ns)
        void = (notification.c.alarm == alarm_id) & (notification.c.state == "waiting")
        connection.execute(update(notification).where(void).values(state="void"))


def _announce(connection: Connection, event: str, row: RowMapping, now_ns: int) -> None:
    names = ("id", "scope", "site", "counter", "employee", "since_ns", "raised_ns", "cleared_ns", "events", "life")
    data = {name: row[name] for name in names} | {"simulated": row["simulated"], "acknowledged": row["acknowledged_by"]}
    announce(connection, event=event, key=f"{event} {row['id']}", data=data, now_ns=now_ns)


def _parts(rows: Sequence[Any]) -> list[Sequence[Any]]:
    return [rows[start : start + 500] for start in range(0, len(rows), 500)]
