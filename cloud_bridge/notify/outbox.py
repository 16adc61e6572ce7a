"""The outbox: what is to be told, to whom, once. Enqueued in the transaction of the change that it tells of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from email.errors import HeaderParseError
from email.headerregistry import Address
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from cloud_bridge.store.tables_notify import notification, notification_file, webhook

KEY_CHARS = 200
WAITING, SENT, FAILED, VOID = "waiting", "sent", "failed", "void"
STATES = (WAITING, SENT, FAILED, VOID)


class NotifyError(ValueError):
    """Something cannot be told as asked; the message names the value and the remedy."""


class To(Struct, frozen=True):
    """Who is told: one of the four. Make it with `to_account`, `to_address`, `to_channel` or `to_webhook`."""

    account: int | None = None
    address: str | None = None
    channel: int | None = None
    webhook: int | None = None

    @property
    def kind(self) -> str:
        """How it is carried."""
        return "webhook" if self.webhook is not None else "channel" if self.channel is not None else "mail"


class File(Struct, frozen=True):
    """An attachment of a mail."""

    name: str
    content_type: str
    data: bytes


def to_account(account: int) -> To:
    """A person, at the e-mail address that the account has when the message is sent."""
    return To(account=account)


def to_address(address: str) -> To:
    """An e-mail address, such as a client's; raises `NotifyError` for what is none."""
    return To(address=mail_address(address))


def to_channel(channel: int) -> To:
    """A chat or another service, by the id of its row."""
    return To(channel=channel)


def to_webhook(hook: int) -> To:
    """Somebody's program, by the id of its row."""
    return To(webhook=hook)


def mail_address(text: str) -> str:
    """The address as it is written into a mail; raises `NotifyError` for what is no address."""
    text = text.strip()
    try:
        parsed = Address(addr_spec=text)
    except (HeaderParseError, ValueError, IndexError) as error:
        raise NotifyError(f"{text[:100]!r} is no e-mail address; write name@example.org") from error
    # What the library lets pass although no server takes it.
    if not (parsed.username and parsed.domain and text.isascii() and text.isprintable() and " " not in text):
        raise NotifyError(f"{text[:100]!r} is no e-mail address; write name@example.org")
    if len(text) > 254:
        raise NotifyError(f"{text[:60]!r}… has {len(text)} characters; an e-mail address has 254 at most")
    return text


def enqueue(
    connection: Connection,
    *,
    key: str,
    to: To,
    subject: str,
    text: str,
    now_ns: int,
    not_before_ns: int | None = None,
    files: Sequence[File] = (),
    alarm: str | None = None,
) -> int | None:
    """Put a message into the outbox; its id, or None where `key` has been enqueued before (nothing is changed then).

    `key` (200 characters at most) says what is told to whom, e.g. "case 17 warned account 3"; it makes telling safe to
    repeat. `alarm`: the message is void once that alarm is acknowledged or withdrawn. Raises `NotifyError`.
    """
    if not 1 <= len(key) <= KEY_CHARS:
        raise NotifyError(f"key {key[:60]!r} has {len(key)} characters; 1 to {KEY_CHARS} are allowed")
    values = {
        "key": key,
        "kind": to.kind,
        "account": to.account,
        "address": to.address,
        "channel": to.channel,
        "webhook": to.webhook,
        # A subject is a header: one line.
        "subject": " ".join(subject.split())[:300],
        "body": text,
        "alarm": alarm,
        "made_ns": now_ns,
        "state": WAITING,
        "attempts": 0,
        "next_ns": now_ns if not_before_ns is None else max(now_ns, not_before_ns),
    }
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(notification).values(values).on_conflict_do_nothing(index_elements=["key"])
    made = connection.execute(statement.returning(notification.c.id)).scalar()
    if made is None:
        return None
    rows = [
        {"notification": made, "n": n, "name": file.name, "content_type": file.content_type, "data": file.data}
        for n, file in enumerate(files)
    ]
    if rows:
        connection.execute(insert(notification_file), rows)
    return int(made)


def announce(connection: Connection, *, event: str, key: str, data: Mapping[str, Any], now_ns: int) -> int:
    """Enqueue an event for every webhook that wants it; the number of them. `data` is fit for JSON.

    `event` is a type such as alarm.raised; `key` makes it once-only, as in `enqueue`.
    """
    query = select(webhook.c.id, webhook.c.events).where(webhook.c.enabled, webhook.c.retired.is_(False))
    body = json.dumps({"type": event, "data": data}, ensure_ascii=False, separators=(",", ":"))
    told = 0
    for row in connection.execute(query.order_by(webhook.c.id)).all():
        if event in json.loads(row.events):
            hook = to_webhook(row.id)
            told += (
                enqueue(connection, key=f"{key} webhook {row.id}", to=hook, subject=event, text=body, now_ns=now_ns)
                is not None
            )
    return told
