"""Who is told of which alarms, when: at once outside quiet hours, or once a day."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Struct
from sqlalchemy import Connection, RowMapping, delete, insert, select

from cloud_bridge.access.permissions import Binding, allowed
from cloud_bridge.access.table import Action
from cloud_bridge.cases.calendar import WEEKDAYS, calendar_of
from cloud_bridge.notify.outbox import NotifyError, To, to_account, to_channel
from cloud_bridge.rules.quiet_hours import QuietHours
from cloud_bridge.store.org import Place
from cloud_bridge.store.tables import user
from cloud_bridge.store.tables_alarm import alarm
from cloud_bridge.store.tables_notify import notify_channel, subscription
from cloud_bridge.store.tables_org import account_place
from cloud_bridge.store.users import Role

_DAY = timedelta(days=1)


class Subscription(Struct, frozen=True, kw_only=True):
    """One who is told. `sites` empty: of all that the account may see (a channel: of everything).

    `digest_hour` None: each alarm at once, not within [quiet_from, quiet_until) of the clock in `time_zone`. `name` and
    `language` are the reader's; `bindings` None: a channel.
    """

    id: int
    account: int | None
    channel: int | None
    sites: tuple[str, ...]
    digest_hour: int | None
    quiet_from: int
    quiet_until: int
    time_zone: str
    made_ns: int
    name: str
    language: str | None
    bindings: tuple[Binding, ...] | None

    @property
    def to(self) -> To:
        """The recipient."""
        if self.account is not None:
            return to_account(self.account)
        assert self.channel is not None  # noqa: S101 - a subscription has one of both
        return to_channel(self.channel)

    def wants(self, row: Mapping[str, Any]) -> bool:
        """Whether an alarm is for this reader."""
        if self.sites and row["site"] not in self.sites:
            return False
        if self.bindings is None:
            return True
        return allowed(self.bindings, Action.SEE_ALARMS, Place(row["site"], row["counter"] or ""))

    def not_before_ns(self, now_ns: int) -> int:
        """When the reader may be told, at the earliest."""
        if self.quiet_from == self.quiet_until:
            return now_ns
        return QuietHours(calendar_of(self.time_zone, dict.fromkeys(WEEKDAYS, self._told_in()))).earliest_ns(now_ns)

    def digest_day(self, now_ns: int) -> tuple[str, int, int]:
        """The latest digest that is due: its date, and the stretch of Unix time that it tells of."""
        zone = ZoneInfo(self.time_zone)
        now = datetime.fromtimestamp(now_ns / 1e9, UTC).astimezone(zone)
        until = datetime.combine(now.date(), time(self.digest_hour or 0), zone)
        if until > now:
            until = datetime.combine(now.date() - _DAY, time(self.digest_hour or 0), zone)
        since = datetime.combine(until.date() - _DAY, time(self.digest_hour or 0), zone)
        return until.date().isoformat(), int(since.timestamp()) * 10**9, int(until.timestamp()) * 10**9

    def _told_in(self) -> list[str]:
        first, last = self.quiet_from, self.quiet_until
        if first > last:
            return [f"{last:02}:00-{first:02}:00"]
        spans = [(0, first), (last, 24)]
        return [f"{begin:02}:00-{end:02}:00" for begin, end in spans if begin < end]


def subscriptions(connection: Connection) -> tuple[Subscription, ...]:
    """All that are on, whose account or channel is on, oldest first."""
    query = (
        select(
            subscription,
            user.c.name.label("person"),
            user.c.language.label("person_language"),
            user.c.role,
            user.c.employee,
            notify_channel.c.name.label("channel_name"),
            notify_channel.c.language.label("channel_language"),
        )
        .outerjoin(user, user.c.id == subscription.c.account)
        .outerjoin(notify_channel, notify_channel.c.id == subscription.c.channel)
        .where(subscription.c.enabled, user.c.disabled.is_not(True), notify_channel.c.enabled.is_not(False))
        .order_by(subscription.c.id)
    )
    places: dict[int, list[Place]] = {}
    for row in connection.execute(select(account_place)):
        places.setdefault(row.account, []).append(Place(row.site, row.counter))
    return tuple(_subscription(row, places) for row in connection.execute(query).mappings())


def subscribe(
    connection: Connection,
    *,
    account: int | None,
    channel: int | None,
    sites: Sequence[str],
    digest_hour: int | None,
    quiet_from: int,
    quiet_until: int,
    time_zone: str,
    by: str,
    now_ns: int,
) -> int:
    """Tell somebody from now on; raises `NotifyError`."""
    if (account is None) == (channel is None):
        raise NotifyError("choose a person or a channel")
    hours = [quiet_from, quiet_until, digest_hour or 0]
    if not all(0 <= hour <= 23 for hour in hours):
        raise NotifyError(f"hours {hours} must be 0 to 23")
    if time_zone not in available_timezones():
        raise NotifyError(f"time zone {time_zone[:64]!r} does not exist; use one of the IANA names, e.g. Europe/Moscow")
    table, wanted = (user, account) if account is not None else (notify_channel, channel)
    if connection.execute(select(table.c.id).where(table.c.id == wanted)).first() is None:
        raise NotifyError("the person or channel that was chosen is no more; choose another one")
    values = {
        "account": account,
        "channel": channel,
        "sites": json.dumps(sorted(set(sites))),
        "digest_hour": digest_hour,
        "quiet_from": quiet_from,
        "quiet_until": quiet_until,
        "time_zone": time_zone,
        "enabled": True,
        "made_by": by,
        "made_ns": now_ns,
    }
    made: int = connection.execute(insert(subscription).values(values).returning(subscription.c.id)).scalar_one()
    return made


def unsubscribe(connection: Connection, number: int) -> bool:
    """Tell somebody no more; False where nobody was told."""
    return connection.execute(delete(subscription).where(subscription.c.id == number)).rowcount > 0


def alarms_since(connection: Connection, since_ns: int) -> list[dict[str, Any]]:
    """Alarms that were found since then and are still to be looked at by somebody, in order of their raise."""
    open_ = (alarm.c.life != "withdrawn") & alarm.c.acknowledged_ns.is_(None)
    # Found since then: raised since then, or a few days before it.
    query = select(alarm).where(alarm.c.made_ns >= since_ns, alarm.c.raised_ns >= since_ns - 3 * 86_400 * 10**9, open_)
    return [dict(row) for row in connection.execute(query.order_by(alarm.c.raised_ns, alarm.c.id)).mappings()]


def _subscription(row: RowMapping, places: Mapping[int, Sequence[Place]]) -> Subscription:
    account = row["account"]
    bindings = None
    if account is not None:
        bindings = (Binding(Role(row["role"]), tuple(sorted(places.get(account, ()))), row["employee"] or None),)
    names = ("id", "account", "channel", "digest_hour", "quiet_from", "quiet_until", "time_zone", "made_ns")
    return Subscription(
        **{name: row[name] for name in names},
        sites=tuple(json.loads(row["sites"])),
        name=row["person"] if account is not None else row["channel_name"],
        language=row["person_language"] if account is not None else row["channel_language"],
        bindings=bindings,
    )
