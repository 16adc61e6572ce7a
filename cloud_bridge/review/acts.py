"""What people do in the review: each act is one step, of one press or of many, kept with its changes, and undone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import Connection, insert, select, update

from cloud_bridge.review import state as now
from cloud_bridge.review.state import Person
from cloud_bridge.store import tables_review as t
from cloud_bridge.store.engine import Store

VERDICTS = ("false", "check", "true")
NOTE_CHARS = 2000
TAGS_MAX = 20
SPENT_MAX_S = 3600.0
_BATCH = 400


class ReviewError(ValueError):
    """What was asked cannot be said of a press; the message names the value and the remedy."""


class Say(Struct, frozen=True, kw_only=True):
    """What an act says; what is left out stays as it is. `score` is of the press's snapshot, where it has one."""

    verdict: str | UnsetType | None = UNSET
    note: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    add_tag: str | UnsetType = UNSET
    score: int | UnsetType | None = UNSET
    reviewed: bool | UnsetType = UNSET
    spent_s: float | None = None


class Undone(Struct, frozen=True):
    """What came of taking a step back: changes that were, and those that others have changed since and were left."""

    presses: int
    kept: int


def act(store: Store, person: Person, presses: Sequence[str], say: Say) -> int | None:
    """Say something of presses; the step, or None where nothing changed by it. Raises `ReviewError`."""
    _require(say)
    with store.write() as connection:
        changes = _Changes(person)
        for some in _batches(presses):
            known = now.states(connection, some, person.account)
            for press in some:
                changes.add(press, known[press], _after(known[press], say))
        step = changes.keep(connection, len(presses), say.spent_s)
        now.remember_tags(connection, changes.tags, person.at_ns)
    return step


def undo(store: Store, person: Person, step: int) -> Undone:
    """Take one's own step back; what was changed since stays. Raises `ReviewError` where that cannot be."""
    with store.write() as connection:
        row = connection.execute(select(t.review_step).where(t.review_step.c.id == step)).one_or_none()
        if row is None or row.account != person.account:
            raise ReviewError(f"step {step} is not yours to take back")
        if row.undone_by is not None:
            raise ReviewError("this is taken back already")
        wanted: dict[str, dict[str, tuple[Any, Any]]] = defaultdict(dict)
        query = select(t.review_change).where(t.review_change.c.step == step)
        for change in connection.execute(query):
            old, new = msgspec.json.decode(change.old), msgspec.json.decode(change.new)
            wanted[change.press][change.what] = (old, new)
        changes, kept = _Changes(person), 0
        for some in _batches(list(wanted)):
            known = now.states(connection, some, person.account)
            for press in some:
                back = {what: old for what, (old, new) in wanted[press].items() if known[press].plain(what) == new}
                kept += len(wanted[press]) - len(back)
                changes.add(press, known[press], known[press].changed(back))
        undone_by = changes.keep(connection, len(wanted), None)
        connection.execute(update(t.review_step).where(t.review_step.c.id == step).values(undone_by=undone_by or step))
    return Undone(len(changes.presses), kept)


class Told(Struct, frozen=True, kw_only=True):
    """One change of a press, for its history."""

    user: str
    at_ns: int
    what: str
    old: Any
    new: Any


def history(store: Store, press: str, account: int, limit: int = 50) -> tuple[Told, ...]:
    """What was said of a press and by whom, newest first; who has looked at it is told of oneself only."""
    change, step = t.review_change, t.review_step
    query = (
        select(change, step.c.user, step.c.at_ns)
        .join(step, step.c.id == change.c.step)
        .where(change.c.press == press, (change.c.what != "reviewed") | (step.c.account == account))
        .order_by(change.c.step.desc(), change.c.what)
        .limit(limit)
    )
    with store.read() as connection:
        return tuple(
            Told(
                user=row.user,
                at_ns=row.at_ns,
                what=row.what,
                old=msgspec.json.decode(row.old),
                new=msgspec.json.decode(row.new),
            )
            for row in connection.execute(query)
        )


def spent(store: Store, account: int, limit: int = 100) -> tuple[float, ...]:
    """The seconds that a person took for each of the last presses that they reviewed one by one, in rising order."""
    query = select(t.review.c.spent_s).where(t.review.c.account == account, t.review.c.spent_s.is_not(None))
    with store.read() as connection:
        rows = connection.execute(query.order_by(t.review.c.at_ns.desc()).limit(limit))
        return tuple(sorted(row.spent_s for row in rows))


def clean_tag(text: str) -> str:
    """A tag as it is kept: lower case, single blanks. Raises `ReviewError`."""
    tag = " ".join(text.lower().split())
    if not 1 <= len(tag) <= t.TAG_CHARS or not tag.isprintable() or "," in tag:
        raise ReviewError(f"tag {text[:60]!r} cannot be; give 1 to {t.TAG_CHARS} characters without a comma")
    return tag


class _Changes:
    """Gathers what an act changes, and writes it: the new state, and the step that tells of it."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._rows: list[dict[str, Any]] = []
        self._after: dict[str, tuple[now.State, now.State]] = {}
        self.tags: set[str] = set()

    @property
    def presses(self) -> set[str]:
        return set(self._after)

    def add(self, press: str, old: now.State, new: now.State) -> None:
        changed = [what for what in now.PARTS if old.plain(what) != new.plain(what)]
        if not changed:
            return
        self._after[press] = (old, new)
        self.tags |= set(new.tags) - set(old.tags)
        self._rows += [
            {"press": press, "what": what, "old": _json(old.plain(what)), "new": _json(new.plain(what))}
            for what in changed
        ]

    def keep(self, connection: Connection, presses: int, spent_s: float | None) -> int | None:
        if not self._rows:
            return None
        person = self._person
        values = {"account": person.account, "user": person.user, "at_ns": person.at_ns, "presses": presses}
        made = insert(t.review_step).values(**values).returning(t.review_step.c.id)
        step = int(connection.execute(made).scalar_one())
        connection.execute(insert(t.review_change), [{"step": step} | row for row in self._rows])
        now.write(connection, self._after, person, spent_s)
        return step


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _after(state: now.State, say: Say) -> now.State:
    changed: dict[str, Any] = {}
    if say.verdict is not UNSET:
        changed["verdict"] = say.verdict
    if say.note is not UNSET:
        changed["note"] = say.note.strip()
    if say.tags is not UNSET:
        changed["tags"] = sorted({clean_tag(tag) for tag in say.tags})
    if say.add_tag is not UNSET:
        changed["tags"] = sorted({*state.tags, clean_tag(say.add_tag)})
    if say.score is not UNSET and state.snapshot is not None:
        changed["score"] = say.score
    if say.reviewed is not UNSET:
        changed["reviewed"] = say.reviewed
    return state.changed(changed)


def _require(say: Say) -> None:
    if say.verdict is not UNSET and say.verdict is not None and say.verdict not in VERDICTS:
        raise ReviewError(f"verdict {say.verdict[:20]!r} is none; say {', '.join(VERDICTS)}, or nothing")
    if say.note is not UNSET and len(say.note) > NOTE_CHARS:
        raise ReviewError(f"a note has at most {NOTE_CHARS} characters; this one has {len(say.note)}")
    if say.tags is not UNSET and len(say.tags) > TAGS_MAX:
        raise ReviewError(f"a press has at most {TAGS_MAX} tags")
    if say.score is not UNSET and say.score not in {None, *range(1, 6)}:
        raise ReviewError(f"a snapshot's score is 1 to 5, not {say.score}")
    if say.spent_s is not None and not 0 <= say.spent_s <= SPENT_MAX_S:
        raise ReviewError(f"{say.spent_s:g} s were not spent on one press")


def _batches(presses: Sequence[str]) -> Iterable[Sequence[str]]:
    for begin in range(0, len(presses), _BATCH):
        yield presses[begin : begin + _BATCH]
