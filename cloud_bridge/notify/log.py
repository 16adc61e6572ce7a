"""The delivery log, channels and webhooks as the pages list and change them."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from cloud_bridge.notify.outbox import NotifyError
from cloud_bridge.notify.webhooks import make_secret
from cloud_bridge.store.engine import Store
from cloud_bridge.store.tables import user
from cloud_bridge.store.tables_notify import notification, notification_attempt, notify_channel, webhook

EVENTS = (
    "alarm.raised",
    "alarm.acknowledged",
    "alarm.cleared",
    "alarm.withdrawn",
    "case.warned",
    "case.escalated",
)
"""What webhooks may ask for."""
_NAME_CHARS = 100


class MessageRow(Struct, frozen=True, kw_only=True):
    """A message and what became of it; `detail` is the last attempt's answer, `who` a name, None: an address."""

    id: int
    kind: str
    subject: str
    state: str
    attempts: int
    made_ns: int
    next_ns: int
    sent_ns: int | None
    who: str | None
    address: str | None
    detail: str | None


class HookRow(Struct, frozen=True, kw_only=True):
    """A webhook without its key."""

    id: int
    name: str
    url: str
    events: tuple[str, ...]
    enabled: bool
    made_by: str
    made_ns: int


class ChannelRow(Struct, frozen=True, kw_only=True):
    """A channel; its `url` holds a secret."""

    id: int
    name: str
    url: str
    language: str
    enabled: bool


def messages(
    store: Store, *, state: str = "", hook: int | None = None, before: int | None = None, limit: int = 50
) -> tuple[MessageRow, ...]:
    """Messages, the newest first; those of one webhook, or of everybody else."""
    where: list[ColumnElement[bool]] = [true()]
    where.append(notification.c.kind != "webhook" if hook is None else notification.c.webhook == hook)
    if state:
        where.append(notification.c.state == state)
    if before is not None:
        where.append(notification.c.id < before)
    last = (
        select(notification_attempt.c.detail)
        .where(notification_attempt.c.notification == notification.c.id)
        .order_by(notification_attempt.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    names = ("id", "kind", "subject", "state", "attempts", "made_ns", "next_ns", "sent_ns", "address")
    query = (
        select(
            *[notification.c[name] for name in names],
            func.coalesce(user.c.name, notify_channel.c.name).label("who"),
            last.label("detail"),
        )
        .outerjoin(user, user.c.id == notification.c.account)
        .outerjoin(notify_channel, notify_channel.c.id == notification.c.channel)
        .where(*where)
        .order_by(notification.c.id.desc())
        .limit(limit)
    )
    with store.read() as connection:
        return tuple(MessageRow(**row) for row in connection.execute(query).mappings())


def channels(connection: Connection) -> tuple[ChannelRow, ...]:
    """All channels by name."""
    columns = [notify_channel.c[name] for name in ChannelRow.__struct_fields__]
    rows = connection.execute(select(*columns).order_by(notify_channel.c.name)).mappings()
    return tuple(ChannelRow(**row) for row in rows)


def make_channel(connection: Connection, *, name: str, url: str, language: str, by: str, now_ns: int) -> int:
    """A channel whose address has been checked; raises `NotifyError`."""
    values = {"name": _name(name), "url": url, "language": language, "enabled": True, "made_by": by, "made_ns": now_ns}
    try:
        made: int = connection.execute(
            insert(notify_channel).values(values).returning(notify_channel.c.id)
        ).scalar_one()
    except IntegrityError as error:
        raise NotifyError(f"channel {name.strip()!r} exists already; choose another name") from error
    return made


def switch_channel(connection: Connection, channel: int, *, enabled: bool) -> bool:
    """Switch a channel on or off; False where there is none."""
    same = notify_channel.c.id == channel
    return connection.execute(update(notify_channel).where(same).values(enabled=enabled)).rowcount > 0


def hooks(connection: Connection) -> tuple[HookRow, ...]:
    """Webhooks that were not removed, oldest first."""
    rows = connection.execute(_hooks().order_by(webhook.c.id)).mappings()
    return tuple(_hook(row) for row in rows)


def find_hook(connection: Connection, hook: int) -> HookRow | None:
    """One webhook that was not removed."""
    row = connection.execute(_hooks().where(webhook.c.id == hook)).mappings().one_or_none()
    return None if row is None else _hook(row)


def make_hook(
    connection: Connection, *, name: str, url: str, events: Collection[str], by: str, now_ns: int
) -> tuple[int, str]:
    """A webhook whose address has been checked; its id and the key of its signatures. Raises `NotifyError`."""
    wanted = [event for event in EVENTS if event in events]
    if not wanted:
        raise NotifyError("choose at least one event")
    secret = make_secret()
    values = {
        "name": _name(name),
        "url": url,
        "secret": secret,
        "events": json.dumps(wanted),
        "enabled": True,
        "retired": False,
        "made_by": by,
        "made_ns": now_ns,
    }
    made: int = connection.execute(insert(webhook).values(values).returning(webhook.c.id)).scalar_one()
    return made, secret


def change_hook(connection: Connection, hook: int, *, enabled: bool | None = None, retired: bool = False) -> bool:
    """Switch a webhook on or off, or remove it for good; False where there is none."""
    values = {} if enabled is None else {"enabled": enabled}
    values |= {"retired": True, "enabled": False} if retired else {}
    same = (webhook.c.id == hook) & webhook.c.retired.is_(False)
    return connection.execute(update(webhook).where(same).values(values)).rowcount > 0


def hook_of_message(connection: Connection, message: int) -> int | None:
    """The webhook that a message went to."""
    found: int | None = connection.execute(select(notification.c.webhook).where(notification.c.id == message)).scalar()
    return found


def _hooks() -> Select[Any]:
    names = HookRow.__struct_fields__
    return select(*[webhook.c[name] for name in names]).where(webhook.c.retired.is_(False))


def _hook(row: RowMapping) -> HookRow:
    return HookRow(**{**row, "events": tuple(json.loads(row["events"]))})


def _name(text: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= _NAME_CHARS or not text.isprintable():
        raise NotifyError(f"name {text[:_NAME_CHARS]!r} must have 1 to {_NAME_CHARS} printable characters")
    return text
