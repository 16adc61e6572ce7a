"""The author's form of a check-list: read into a definition, and shown from one.

Fields are `title.<language>`, `s<k>.title.<language>` and `s<k>.i<n>.<what>`; their order in the form is the order of
sections and items, their numbers say nothing. What has no text is left out.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from msgspec import Struct

from cloud_bridge.checklists.definition import Definition, Factor, Item, Kind, Purpose, Section, Words
from cloud_bridge.web.i18n import LANGUAGES

_FIELD: Final = re.compile(r"s([0-9]{1,4})\.(?:i([0-9]{1,4})\.)?([a-z]+)(?:\.([a-z]{2}))?")
_ITEM_ID: Final = re.compile(r"[a-z0-9_]{1,32}")


class ItemView(Struct, frozen=True, kw_only=True):
    """An item as the form shows it; `name` begins its fields."""

    name: str
    id: str
    words: dict[str, str]
    kind: str
    points: int
    weight: str
    may_not_apply: bool
    auto_fail: bool
    factor: str


class SectionFields(Struct, frozen=True, kw_only=True):
    """A section as the form shows it."""

    name: str
    words: dict[str, str]
    items: tuple[ItemView, ...]


def languages_of(definition: Definition, reader: str) -> tuple[str, ...]:
    """The reader's language, and the others that the check-list is written in."""
    texts = [definition.title, *(section.title for section in definition.sections)]
    texts += [item.text for item in definition.items]
    written = [one for one in LANGUAGES if any(words.get(one) for words in texts)]
    return (reader, *(one for one in written if one != reader))


def fields_of(definition: Definition) -> tuple[SectionFields, ...]:
    """The form of a definition, with an empty item after each section's last."""
    sections = []
    for k, section in enumerate((*definition.sections, Section(title={}, items=()))):
        items = [_item_view(f"s{k}.i{n}.", item) for n, item in enumerate(section.items)]
        items.append(empty_item(f"s{k}.i{len(section.items)}."))
        sections.append(SectionFields(name=f"s{k}.", words=dict(section.title), items=tuple(items)))
    return tuple(sections)


def empty_item(name: str) -> ItemView:
    """An item that nobody has written yet."""
    return _item_view(name, Item(id="", text={}))


def read_definition(data: Mapping[str, Any], purpose: Purpose) -> Definition:
    """The definition of a sent form; what is wrong in it is found when it is published."""
    sections: dict[str, Words] = {}
    items: dict[str, dict[str, dict[str, Any]]] = {}
    for name, value in data.items():
        match = _FIELD.fullmatch(name)
        if match is None or not isinstance(value, str):
            continue
        section, item, what, language = match.groups()
        sections.setdefault(section, {})
        if item is None:
            if what == "title" and language in LANGUAGES:
                sections[section][language] = _line(value)
            continue
        found = items.setdefault(section, {}).setdefault(item, {"text": {}})
        if what == "text" and language in LANGUAGES:
            found["text"][language] = _line(value)
        else:
            found[what] = value.strip()
    made = []
    for section, title in sections.items():
        written = [_item(one, purpose) for one in items.get(section, {}).values() if any(one["text"].values())]
        if written or any(title.values()):
            made.append(Section(title=_kept(title), items=tuple(written)))
    title = {one: _line(str(data.get(f"title.{one}", ""))) for one in LANGUAGES}
    return Definition(title=_kept(title), sections=tuple(made))


def _item(found: Mapping[str, Any], purpose: Purpose) -> Item:
    known = found.get("id", "")
    scale = found.get("kind") == Kind.SCALE and purpose is Purpose.STANDARD
    factor = Factor.STAFF if found.get("factor") == Factor.STAFF else Factor.OTHER
    return Item(
        id=known if _ITEM_ID.fullmatch(known) else secrets.token_hex(4),
        text=_kept(found["text"]),
        kind=Kind.SCALE if scale else Kind.YES_NO,
        points=int(_number(found.get("points", ""), 5)),
        weight=_number(found.get("weight", ""), 1.0),
        may_not_apply=purpose is Purpose.STANDARD and "na" in found,
        auto_fail=purpose is Purpose.STANDARD and "fail" in found,
        factor=factor if purpose is Purpose.CAUSES else None,
    )


def _number(text: str, otherwise: float) -> float:
    with suppress(ValueError):
        return float(text.replace(",", "."))
    return otherwise if not text else -1.0


def _line(text: str) -> str:
    return " ".join(text.split())


def _kept(words: Mapping[str, str]) -> Words:
    return {language: text for language, text in words.items() if text}


def _item_view(name: str, item: Item) -> ItemView:
    return ItemView(
        name=name,
        id=item.id,
        words=dict(item.text),
        kind=str(item.kind),
        points=item.points,
        weight=f"{item.weight:g}",
        may_not_apply=item.may_not_apply,
        auto_fail=item.auto_fail,
        factor=str(item.factor or Factor.STAFF),
    )
