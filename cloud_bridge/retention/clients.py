"""Removing a client: sound and pictures of their presses (where asked for), then contact, messages and every mention.

Sound goes first, for it is found by the contact: a process that dies in between finds the rest when it comes back.
What is under a legal hold stays, and the proof says so.
"""

from __future__ import annotations

import json
import re

from sqlalchemy import Connection, select, update

from cloud_bridge.blobs import Blobs
from cloud_bridge.cases import tree
from cloud_bridge.cases.rows import Contact
from cloud_bridge.retention import holds, persons
from cloud_bridge.retention.belonging import belonging, tracks_of_press
from cloud_bridge.retention.persons import PersonRemoval
from cloud_bridge.retention.removing import Removal
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_case as tc
from cloud_bridge.store.engine import Store
from cloud_bridge.store.removal_lock import lock_removals

GONE = "[…]"
_WORD_CHARS_MIN = 3


def remove_client(store: Store, blobs: Blobs, person: PersonRemoval, now_ns: int) -> bool:
    """All that a request asks for; safe to repeat; whether it is done. Raises `BlobError`, then it stays open."""
    subject = person.subject or ""
    with store.read() as connection:
        cases = persons.cases_of_client(connection, subject)
    kept: list[str] = []
    for case in cases:
        with store.read() as connection:
            if holds.is_held(connection, None, holds.path_of(connection, case)):
                continue
            presses = select(tc.case_press.c.press).where(tc.case_press.c.case == case)
            mine = sorted(connection.execute(presses).scalars()) if person.with_sound else []
        here = [press for press in mine if not _remove_sound(store, blobs, person, press, now_ns)]
        kept += here
        # By its words the case is found again when the hold on a press is lifted.
        if not here:
            _remove_words(store, blobs, person, case, now_ns)
    with store.write() as connection:
        lock_removals(connection)
        left = list(persons.cases_of_client(connection, subject))
        return persons.finish(connection, person.id, now_ns, {"cases": left, "presses": kept})


def _remove_sound(store: Store, blobs: Blobs, person: PersonRemoval, press: str, now_ns: int) -> bool:
    """Sound and pictures of a press; False where a hold keeps some."""
    with store.read() as connection:
        tracks = tracks_of_press(connection, press)
    done = True
    for track in tracks:
        with store.write() as connection:
            lock_removals(connection)
            query = select(tp.track).where(tp.track.c.id == track).with_for_update()
            row = dict(connection.execute(query).mappings().one())
            if row["removed_ns"] is not None:
                continue
            if belonging(connection, row).held:
                done = False
                continue
            _removal(connection, blobs, person, now_ns).track(row, press)
            persons.add_counts(connection, person.id, {row["kind"]: 1})
    return done


def _remove_words(store: Store, blobs: Blobs, person: PersonRemoval, case: int, now_ns: int) -> None:
    with store.write() as connection:
        lock_removals(connection)
        if holds.is_held(connection, None, holds.path_of(connection, case)):
            return
        row = connection.execute(select(tc.case_contact).where(tc.case_contact.c.case == case)).one_or_none()
        known = Contact() if row is None else Contact(name=row.name, email=row.email, phone=row.phone)
        gone = _removal(connection, blobs, person, now_ns).client(case)
        mentions = _forget(connection, case, [person.subject or "", known.name, known.email, known.phone])
        tree.note(connection, case, kind="person_removed", user=person.made_by, at_ns=now_ns)
        persons.add_counts(connection, person.id, {"client_rows": gone, "mentions": mentions})


def _forget(connection: Connection, case: int, words: list[str]) -> int:
    """Blot out what names the client in what people wrote about the case; how many texts."""
    named = sorted({word for word in words if len(word) >= _WORD_CHARS_MIN}, key=len, reverse=True)
    if not named:
        return 0
    pattern = re.compile("|".join(re.escape(word) for word in named), re.IGNORECASE)
    blotted = 0
    file = connection.execute(select(tc.case_file).where(tc.case_file.c.id == case)).mappings().one()
    texts = {name: pattern.sub(GONE, file[name]) for name in ("title", "measure") if file[name]}
    if any(text != file[name] for name, text in texts.items()):
        connection.execute(update(tc.case_file).where(tc.case_file.c.id == case).values(texts))
        blotted += 1
    for event in connection.execute(select(tc.case_event).where(tc.case_event.c.case == case)).mappings().all():
        values = {name: pattern.sub(GONE, event[name]) for name in ("text", "data")}
        if any(value != event[name] for name, value in values.items()):
            # Still JSON: what is put in has nothing that JSON would have to escape.
            json.loads(values["data"])
            connection.execute(update(tc.case_event).where(tc.case_event.c.id == event["id"]).values(values))
            blotted += 1
    return blotted


def _removal(connection: Connection, blobs: Blobs, person: PersonRemoval, now_ns: int) -> Removal:
    return Removal(connection, blobs, now_ns, why="person", user=person.made_by, person=person.id)
