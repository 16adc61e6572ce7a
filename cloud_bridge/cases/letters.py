"""The client of a case: how to reach one, what was written, what was replied. Messages leave through the outbox."""

from __future__ import annotations

import re

from sqlalchemy import Connection, delete, insert, select, update

from cloud_bridge.cases import tree, work
from cloud_bridge.cases.rows import CaseError, Contact, Message, Status
from cloud_bridge.cases.tree import CaseValues
from cloud_bridge.notify import outbox
from cloud_bridge.notify.outbox import NotifyError
from cloud_bridge.store import tables_case as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.tables_notify import notification

_PHONE = re.compile(r"\+?[0-9]{5,20}")
_NAME_CHARS = 200


def contact(store: Store, case: int) -> Contact | None:
    """The client of a case, or None."""
    with store.read() as connection:
        return _contact(connection, case)


def set_contact(store: Store, case: int, wanted: Contact, *, by: str, now_ns: int) -> None:
    """Say who the client is; nothing in it removes what is known. Raises `CaseError`."""
    clean = _clean(wanted)
    with store.write() as connection:
        tree.lock_live(connection, case)
        if _contact(connection, case) == clean:
            return
        connection.execute(delete(t.case_contact).where(t.case_contact.c.case == case))
        known = clean != Contact()
        if known:
            row = {"case": case, "name": clean.name, "email": clean.email, "phone": clean.phone}
            connection.execute(insert(t.case_contact).values(row | {"changed_by": by, "changed_ns": now_ns}))
        tree.change(connection, case, now_ns, {})
        # What the history says stays for ever, so it does not say who.
        tree.note(connection, case, kind="contact", user=by, at_ns=now_ns, known=known)


def write(store: Store, case: int, subject: str, text: str, *, by: str, now_ns: int, then_wait: bool = False) -> int:
    """Send the client of a case an e-mail; the message's number. `then_wait`: the case waits for the reply.

    Raises `CaseError` where there is no address or nothing to say.
    """
    said = work.checked_text(text)
    title = " ".join(subject.split())[:200]
    if not title:
        raise CaseError("subject", "the message has no subject")
    with store.write() as connection:
        row = tree.lock_live(connection, case)
        known = _contact(connection, case)
        if known is None or not known.email:
            raise CaseError("no_address", f"no e-mail address of the client of case {case} is known; enter it first")
        message = _insert(connection, row, "out", known.email, title, said, by, now_ns)
        sent = outbox.enqueue(
            connection,
            key=f"case {case} message {message}",
            to=outbox.to_address(known.email),
            subject=title,
            text=said,
            now_ns=now_ns,
        )
        connection.execute(update(t.case_message).where(t.case_message.c.id == message).values(notification=sent))
        tree.note(connection, case, kind="wrote", user=by, at_ns=now_ns, message=message)
        if then_wait and not tree.is_closed(row):
            work.enter_status(connection, row, Status.WAITING, by=by, now_ns=now_ns)
        else:
            tree.change(connection, case, now_ns, {})
        return message


def take_down(store: Store, case: int, text: str, *, by: str, now_ns: int) -> int:
    """Keep what the client replied; the message's number. A case that waited is worked on again. Raises `CaseError`."""
    said = work.checked_text(text)
    with store.write() as connection:
        row = tree.lock_live(connection, case)
        known = _contact(connection, case)
        message = _insert(connection, row, "in", known.email if known else "", "", said, by, now_ns)
        tree.note(connection, case, kind="replied", user=by, at_ns=now_ns, message=message)
        if row["status"] == Status.WAITING:
            work.enter_status(connection, row, Status.WORK, by=by, now_ns=now_ns)
        else:
            tree.change(connection, case, now_ns, {})
        return message


def messages(store: Store, root: int) -> tuple[Message, ...]:
    """What was written and replied in a case and those merged into it, oldest first."""
    with store.read() as connection:
        query = (
            select(t.case_message, notification.c.state.label("delivery"))
            .outerjoin(notification, notification.c.id == t.case_message.c.notification)
            .where(t.case_message.c.case.in_(tree.family(connection, root)))
            .order_by(t.case_message.c.at_ns, t.case_message.c.id)
        )
        rows = connection.execute(query).mappings().all()
    return tuple(Message(**{name: row[name] for name in Message.__struct_fields__}) for row in rows)


def normal_phone(text: str) -> str:
    """A number as it is kept and looked for: digits, with the plus in front."""
    return re.sub(r"[\s().\-\N{NO-BREAK SPACE}]", "", text)


def normal_email(text: str) -> str:
    """An address as it is kept and looked for; raises `CaseError` for what is none."""
    try:
        return outbox.mail_address(text).lower()
    except NotifyError as error:
        raise CaseError("email", str(error)) from error


def _clean(wanted: Contact) -> Contact:
    name = " ".join(wanted.name.split())
    if len(name) > _NAME_CHARS:
        raise CaseError("name", f"the name has {len(name)} characters; {_NAME_CHARS} at most")
    phone = normal_phone(wanted.phone)
    if phone and not _PHONE.fullmatch(phone):
        raise CaseError("phone", f"{wanted.phone[:40]!r} is no telephone number; write digits, e.g. +371 2000 0000")
    return Contact(name=name, email=normal_email(wanted.email) if wanted.email.strip() else "", phone=phone)


def _contact(connection: Connection, case: int) -> Contact | None:
    row = connection.execute(select(t.case_contact).where(t.case_contact.c.case == case)).one_or_none()
    return None if row is None else Contact(name=row.name, email=row.email, phone=row.phone)


def _insert(
    connection: Connection, row: CaseValues, direction: str, address: str, subject: str, text: str, by: str, now_ns: int
) -> int:
    values = {"case": row["id"], "at_ns": now_ns, "user": by, "direction": direction, "address": address}
    made = insert(t.case_message).values(values | {"subject": subject, "text": text}).returning(t.case_message.c.id)
    return int(connection.execute(made).scalar_one())
