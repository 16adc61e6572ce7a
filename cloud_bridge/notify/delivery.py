"""Delivers what is in the outbox: each message by one process at a time, again with growing pauses until it is taken.

A message that a carrier took is never sent again. Only a process that died between the carrier's word and the note of
it leaves that open; the message is then repeated under the same id, by which mailboxes and programs know it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Row, func, insert, select, update

from cloud_bridge.config import Notify
from cloud_bridge.notify.addresses import Reach
from cloud_bridge.notify.carrier import Carrier, Parcel, Refused
from cloud_bridge.notify.channels import Channels
from cloud_bridge.notify.mail import Mailer
from cloud_bridge.notify.outbox import FAILED, SENT, VOID, WAITING, File
from cloud_bridge.notify.webhooks import Webhooks
from cloud_bridge.store.engine import Store
from cloud_bridge.store.tables import user
from cloud_bridge.store.tables_alarm import alarm
from cloud_bridge.store.tables_notify import (
    notification,
    notification_attempt,
    notification_file,
    notify_channel,
    webhook,
)

ATTEMPTS_MAX = 30
"""About a day, by the pauses between them."""
_NS = 1_000_000_000
_PAUSE_S = 30
_PAUSE_MAX_S = 3600
_ON_ITS_WAY_NS = 600 * _NS
_PARTS_A_ROUND = 10

Carriers = Mapping[str, Carrier]


def make_carriers(config: Notify) -> Carriers:
    """A carrier for each kind of message; raises `ConfigError`."""
    return {"mail": Mailer(config), "channel": Channels(config.services), "webhook": Webhooks(Reach(config))}


@dataclass(frozen=True, slots=True)
class _Taken:
    """A message that this process has taken on itself to deliver; `parcel` None: there is nobody to send it to."""

    id: int
    kind: str
    attempts: int
    parcel: Parcel | None
    problem: str = ""


def deliver_due(store: Store, carriers: Carriers, now_ns: int) -> bool:
    """Deliver some of what is due; whether more waits."""
    due = (notification.c.state == WAITING) & (notification.c.next_ns <= now_ns)
    query = select(notification.c.id).where(due).order_by(notification.c.next_ns, notification.c.id)
    with store.read() as connection:
        ids = connection.execute(query.limit(_PARTS_A_ROUND + 1)).scalars().all()
    for message in ids[:_PARTS_A_ROUND]:
        taken = _take(store, message, now_ns)
        if taken is not None:
            _carry(store, carriers[taken.kind], taken, now_ns)
    return len(ids) > _PARTS_A_ROUND


def again(connection: Connection, message: int, now_ns: int) -> bool:
    """Try a message once more that was given up or waits for its next attempt; False where there is none such."""
    same = (notification.c.id == message) & notification.c.state.in_((FAILED, WAITING))
    values = {"state": WAITING, "attempts": 0, "next_ns": now_ns}
    return connection.execute(update(notification).where(same).values(values)).rowcount > 0


def replay(connection: Connection, message: int, now_ns: int) -> int | None:
    """Send a webhook's event once more under the id that it had, whatever became of it; the new message's id."""
    row = connection.execute(
        select(notification).where(notification.c.id == message, notification.c.kind == "webhook")
    ).one_or_none()
    if row is None:
        return None
    # The number of earlier replays makes the key; two at once make one.
    first = row.key.partition(" replay ")[0]
    count = select(func.count()).where(notification.c.key.startswith(f"{first} replay ", autoescape=True))
    key = f"{first} replay {connection.execute(count.select_from(notification)).scalar_one() + 1}"
    values = {
        "key": key,
        "kind": row.kind,
        "webhook": row.webhook,
        "subject": row.subject,
        "body": row.body,
        "made_ns": row.made_ns,
        "state": WAITING,
        "attempts": 0,
        "next_ns": now_ns,
    }
    made: int = connection.execute(insert(notification).values(values).returning(notification.c.id)).scalar_one()
    return made


def pause_ns(attempts: int) -> int:
    """How long to wait after so many attempts."""
    return int(min(_PAUSE_MAX_S, _PAUSE_S * 2 ** min(attempts - 1, 20))) * _NS


def _take(store: Store, message: int, now_ns: int) -> _Taken | None:
    with store.write() as connection:
        row = connection.execute(select(notification).where(notification.c.id == message)).one()
        if row.state != WAITING or row.next_ns > now_ns:
            return None
        if row.alarm is not None and _is_void(connection, row.alarm):
            connection.execute(update(notification).where(notification.c.id == message).values(state=VOID))
            return None
        # Should this process die, another one takes it up again.
        mine = update(notification).where(
            notification.c.id == message, notification.c.attempts == row.attempts, notification.c.state == WAITING
        )
        values = {"attempts": row.attempts + 1, "next_ns": now_ns + _ON_ITS_WAY_NS}
        if not connection.execute(mine.values(values)).rowcount:
            return None
        parcel, problem = _parcel(connection, row)
    return _Taken(message, row.kind, row.attempts + 1, parcel, problem)


def _is_void(connection: Connection, alarm_id: str) -> bool:
    query = select(alarm.c.acknowledged_ns, alarm.c.life).where(alarm.c.id == alarm_id)
    row = connection.execute(query).one_or_none()
    return row is None or row.acknowledged_ns is not None or row.life == "withdrawn"


def _parcel(connection: Connection, row: Row[tuple[object, ...]]) -> tuple[Parcel | None, str]:
    secret = ""
    address: str | None = row.address
    problem = "nobody to send it to"
    if row.account is not None:
        person = connection.execute(select(user.c.email, user.c.disabled).where(user.c.id == row.account)).one_or_none()
        address = None if person is None or person.disabled else person.email
        problem = "the account is disabled or has no e-mail address"
    elif row.channel is not None:
        known = select(notify_channel.c.url).where(notify_channel.c.id == row.channel, notify_channel.c.enabled)
        address, problem = connection.execute(known).scalar(), "the channel is switched off"
    elif row.webhook is not None:
        hook = connection.execute(select(webhook).where(webhook.c.id == row.webhook, webhook.c.enabled)).one_or_none()
        if hook is not None and not hook.retired:
            address, secret = hook.url, hook.secret
        problem = "the webhook is switched off"
    if not address:
        return None, problem
    query = select(notification_file).where(notification_file.c.notification == row.id).order_by(notification_file.c.n)
    files = tuple(File(one.name, one.content_type, one.data) for one in connection.execute(query))
    # A replayed event is the same event.
    key = row.key.partition(" replay ")[0] if row.kind == "webhook" else row.key
    parcel = Parcel(
        id=key.replace(" ", "_") if row.kind == "webhook" else key,
        address=address,
        subject=row.subject,
        text=row.body,
        made_ns=row.made_ns,
        secret=secret,
        files=files,
    )
    return parcel, ""


def _carry(store: Store, carrier: Carrier, taken: _Taken, now_ns: int) -> None:
    try:
        said, refusal = _hand_over(carrier, taken, now_ns), None
    except Refused as error:
        said, refusal = str(error), error
    values: dict[str, object] = {"state": SENT, "sent_ns": now_ns}
    if refusal is not None:
        given_up = refusal.final or taken.attempts >= ATTEMPTS_MAX
        values = {"state": FAILED} if given_up else {"next_ns": now_ns + pause_ns(taken.attempts)}
    with store.write() as connection:
        same = (notification.c.id == taken.id) & (notification.c.state == WAITING)
        connection.execute(update(notification).where(same).values(values))
        attempt = {"notification": taken.id, "at_ns": now_ns, "ok": refusal is None, "detail": said}
        connection.execute(insert(notification_attempt).values(attempt))


def _hand_over(carrier: Carrier, taken: _Taken, now_ns: int) -> str:
    if taken.parcel is None:
        raise Refused(taken.problem, final=True)
    return carrier.carry(taken.parcel, now_ns)
