"""What a version of a check-list asks, and what an answer is worth."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from math import isfinite
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from cloud_bridge.analytics.checklist import Item as ScoredItem
from cloud_bridge.analytics.checklist import Mark, Score, score

ITEMS_MAX = 100
TITLE_CHARS, TEXT_CHARS = 120, 300
_ITEM_ID = re.compile(r"[a-z0-9_]{1,32}")

Words = dict[Annotated[str, Meta(max_length=8)], str]
"""A text by language; one of them is enough."""


class ChecklistError(ValueError):
    """A check-list cannot be as asked; the message names the place, the value and the remedy."""


class Purpose(StrEnum):
    """What a check-list is for: its items are causes of dissatisfaction, or demands of a standard."""

    CAUSES = "causes"
    STANDARD = "standard"


class Kind(StrEnum):
    """How an item is answered."""

    YES_NO = "yes_no"
    SCALE = "scale"


class Factor(StrEnum):
    """Whether a cause lies in the work of the staff."""

    STAFF = "staff"
    OTHER = "non_staff"


class Answer(StrEnum):
    """Answers that are no point of a scale. UNKNOWN never counts as failed."""

    YES = "yes"
    NO = "no"
    NOT_APPLICABLE = "na"
    UNKNOWN = "unknown"


class Item(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One question. `id` stays through all versions. A scale has `points` from 1 (worst) to `points` (best)."""

    id: str
    text: Words
    kind: Kind = Kind.YES_NO
    points: int = 5
    weight: float = 1.0
    may_not_apply: bool = True
    auto_fail: bool = False
    factor: Factor | None = None

    @property
    def answers(self) -> tuple[str, ...]:
        """What may be answered, in the order of a form."""
        scale = tuple(str(point) for point in range(1, self.points + 1))
        own = scale if self.kind is Kind.SCALE else (str(Answer.YES), str(Answer.NO))
        return (*own, *((str(Answer.NOT_APPLICABLE),) if self.may_not_apply else ()), str(Answer.UNKNOWN))


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Items under a heading."""

    title: Words
    items: tuple[Item, ...]


class Definition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of one version."""

    title: Words
    sections: tuple[Section, ...]

    @property
    def items(self) -> Iterator[Item]:
        """All items, in order."""
        for section in self.sections:
            yield from section.items

    def item(self, item_id: str) -> Item | None:
        """The item of an id."""
        return next((item for item in self.items if item.id == item_id), None)


def said(words: Words, language: str) -> str:
    """A text in a language; in another one where it has not that one."""
    return words.get(language) or next((text for text in words.values() if text), "")


def encode(definition: Definition) -> str:
    """As the database keeps it."""
    return msgspec.json.encode(definition).decode()


def decode(text: str) -> Definition:
    """From what the database keeps."""
    return msgspec.json.decode(text, type=Definition)


def require(definition: Definition, purpose: Purpose) -> None:
    """Raise `ChecklistError` for what cannot be published."""
    _require_words(definition.title, "the check-list's title", TITLE_CHARS)
    items = list(definition.items)
    if not 1 <= len(items) <= ITEMS_MAX:
        raise ChecklistError(f"a check-list has 1 to {ITEMS_MAX} items; this one has {len(items)}")
    seen: set[str] = set()
    for number, section in enumerate(definition.sections, 1):
        _require_words(section.title, f"the title of section {number}", TITLE_CHARS)
        if not section.items:
            raise ChecklistError(f"section {number} has no item; add one or remove the section")
        for item in section.items:
            _require_item(item, purpose, f"item {said(item.text, 'en')[:40] or item.id!r} of section {number}")
            if item.id in seen:
                raise ChecklistError(f"item id {item.id!r} is there twice; make one of them anew")
            seen.add(item.id)


def mark_of(item: Item, answer: str) -> float | Mark:
    """What an answer is worth, 0 … 1; raises `ChecklistError` for what cannot be answered here."""
    if answer not in item.answers:
        raise ChecklistError(f"item {item.id!r} cannot be answered {answer!r}; answer one of {', '.join(item.answers)}")
    match answer:
        case Answer.NOT_APPLICABLE:
            return Mark.NOT_APPLICABLE
        case Answer.UNKNOWN:
            return Mark.UNKNOWN
        case Answer.YES:
            return 1.0
        case Answer.NO:
            return 0.0
    return (int(answer) - 1) / (item.points - 1)


def score_of(definition: Definition, answers: Mapping[str, str]) -> Score:
    """The score of answers by item; what was left out is unknown. Raises `ChecklistError`."""
    return score(
        ScoredItem(item.id, item.weight, mark_of(item, answers.get(item.id, Answer.UNKNOWN)), item.auto_fail)
        for item in definition.items
    )


def _require_item(item: Item, purpose: Purpose, where: str) -> None:
    _require_words(item.text, where, TEXT_CHARS)
    if _ITEM_ID.fullmatch(item.id) is None:
        raise ChecklistError(f"{where} has the id {item.id[:40]!r}; write 1 to 32 of a-z, 0-9 and _")
    if not (isfinite(item.weight) and 0 < item.weight <= 1000):
        raise ChecklistError(f"{where} has weight {item.weight}; a weight is more than 0 and at most 1000")
    if not 2 <= item.points <= 10:
        raise ChecklistError(f"{where} has a scale of {item.points} points; give 2 to 10")
    if purpose is Purpose.CAUSES and (item.factor is None or item.kind is not Kind.YES_NO):
        raise ChecklistError(f"{where} is a cause: say yes/no, and whether it lies in the work of the staff")


def _require_words(words: Words, where: str, longest: int) -> None:
    texts = [text for text in words.values() if text.strip()]
    if not texts:
        raise ChecklistError(f"{where} is empty; write it in one language at least")
    for text in texts:
        if len(text) > longest or not text.isprintable():
            raise ChecklistError(f"{where} has {len(text)} characters; at most {longest}, on one line")
