"""What is said of presses now: read for many at once, and written back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, delete, func, insert, select, update

from cloud_bridge.store import tables as tt
from cloud_bridge.store import tables_review as t
from cloud_bridge.store import tables_snapshot as ts
from cloud_bridge.store.engine import Store

PARTS: Final = ("verdict", "note", "tags", "score", "reviewed")


class State(Struct, frozen=True, kw_only=True):
    """What is said of a press. `snapshot` is the one that `score` belongs to; `reviewed` is the person's own."""

    verdict: str | None = None
    note: str = ""
    tags: tuple[str, ...] = ()
    snapshot: str | None = None
    score: int | None = None
    reviewed: bool = False
    changed_by: str = ""
    changed_ns: int | None = None

    def plain(self, part: str) -> Any:
        """A part as JSON gives it back."""
        value = getattr(self, part)
        return list(value) if part == "tags" else value

    def changed(self, parts: Mapping[str, Any]) -> State:
        """With other parts."""
        known = dict(parts)
        if "tags" in known:
            known["tags"] = tuple(known["tags"])
        return replace(self, **known)


class Person(Struct, frozen=True):
    """Who acts, from where, when."""

    account: int
    user: str
    address: str
    at_ns: int


def state(store: Store, press: str, account: int) -> State:
    """What is said of one press."""
    with store.read() as connection:
        return states(connection, [press], account)[press]


def states(connection: Connection, presses: Sequence[str], account: int) -> dict[str, State]:
    """What is said of each of `presses` (a few hundred at most)."""
    found = {press: State() for press in presses}
    for row in connection.execute(select(t.judgement).where(t.judgement.c.press.in_(presses))):
        said = {"verdict": row.verdict, "note": row.note, "changed_by": row.changed_by, "changed_ns": row.changed_ns}
        found[row.press] = replace(found[row.press], **said)
    tags = select(t.judgement_tag).where(t.judgement_tag.c.press.in_(presses)).order_by(t.judgement_tag.c.tag)
    for row in connection.execute(tags):
        found[row.press] = replace(found[row.press], tags=(*found[row.press].tags, row.tag))
    seen = select(t.review.c.press).where(t.review.c.account == account, t.review.c.press.in_(presses))
    for row in connection.execute(seen):
        found[row.press] = replace(found[row.press], reviewed=True)
    for row in connection.execute(_scores(presses)):
        found[row.press] = replace(found[row.press], snapshot=row.id, score=row.score)
    return found


def known_tags(store: Store, limit: int = 50) -> tuple[str, ...]:
    """Tags that were used lately, to be offered again."""
    with store.read() as connection:
        rows = connection.execute(select(t.tag.c.name).order_by(t.tag.c.used_ns.desc(), t.tag.c.name).limit(limit))
        return tuple(row.name for row in rows)


def remember_tags(connection: Connection, tags: Iterable[str], at_ns: int) -> None:
    """Offer tags again from now on."""
    for name in sorted(tags):
        if connection.execute(update(t.tag).where(t.tag.c.name == name).values(used_ns=at_ns)).rowcount == 0:
            connection.execute(insert(t.tag).values(name=name, used_ns=at_ns))


def write(
    connection: Connection, changed: Mapping[str, tuple[State, State]], person: Person, spent_s: float | None
) -> None:
    """Write what became of each press, (before, after) by its id."""
    for press, (old, new) in changed.items():
        if (old.verdict, old.note) != (new.verdict, new.note):
            _write_judgement(connection, press, new, person)
        if old.tags != new.tags:
            connection.execute(delete(t.judgement_tag).where(t.judgement_tag.c.press == press))
            if new.tags:
                connection.execute(insert(t.judgement_tag), [{"press": press, "tag": tag} for tag in new.tags])
        if old.score != new.score and new.snapshot is not None:
            said = {"snapshot": new.snapshot, "score": new.score, "user": person.user, "at_ns": person.at_ns}
            connection.execute(insert(ts.qualification).values(said))
            about = f"{new.snapshot} {'none' if new.score is None else new.score}"
            line = {"at_ns": person.at_ns, "user": person.user, "action": "snapshot.qualify", "object": about}
            connection.execute(insert(tt.audit).values(line | {"address": person.address}))
    _write_looks(connection, changed, person, spent_s)


def _write_judgement(connection: Connection, press: str, new: State, person: Person) -> None:
    values = {"verdict": new.verdict, "note": new.note, "changed_by": person.user, "changed_ns": person.at_ns}
    same = t.judgement.c.press == press
    if connection.execute(update(t.judgement).where(same).values(values)).rowcount == 0:
        connection.execute(insert(t.judgement).values(press=press, **values))


def _write_looks(
    connection: Connection, changed: Mapping[str, tuple[State, State]], person: Person, spent_s: float | None
) -> None:
    looked = [press for press, (old, new) in changed.items() if new.reviewed and not old.reviewed]
    if looked:
        row = {"account": person.account, "at_ns": person.at_ns, "spent_s": spent_s if len(changed) == 1 else None}
        connection.execute(insert(t.review), [{"press": press, **row} for press in looked])
    for press, (old, new) in changed.items():
        if old.reviewed and not new.reviewed:
            own = (t.review.c.account == person.account, t.review.c.press == press)
            connection.execute(delete(t.review).where(*own))


def _scores(presses: Sequence[str]) -> Any:
    newest = (
        select(func.max(ts.qualification.c.id))
        .where(ts.qualification.c.snapshot == ts.snapshot.c.id)
        .scalar_subquery()
        .correlate(ts.snapshot)
    )
    own = (
        (tt.press.c.id == ts.snapshot.c.press)
        & (tt.press.c.site == ts.snapshot.c.site)
        & (tt.press.c.box == ts.snapshot.c.box)
    )
    return (
        select(ts.snapshot.c.press, ts.snapshot.c.id, ts.qualification.c.score)
        .join(tt.press, own)
        .outerjoin(ts.qualification, ts.qualification.c.id == newest)
        .where(ts.snapshot.c.press.in_(presses))
        # The first one is the press's, as everywhere.
        .order_by(ts.snapshot.c.id.desc())
    )
