"""The check-lists of a press as a part of its page: what was found, what may be filled, marks on the waveform."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from cloud_bridge.access.table import Action
from cloud_bridge.checklists import sheets
from cloud_bridge.checklists.definition import Answer, Factor, Item, Purpose, said
from cloud_bridge.checklists.sheets import Sheet
from cloud_bridge.checklists.store import fillable
from cloud_bridge.web.i18n import Translator
from cloud_bridge.web.permits import may
from cloud_bridge.web.review_view import clock
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of


class MarkView(Struct, frozen=True):
    """An answer that points at a second of the sound."""

    at_s: float
    clock: str
    text: str
    kind: str


class FoundView(Struct, frozen=True):
    """An answer worth showing in short: a cause that was found, a demand that was not met."""

    text: str
    factor: str
    note: str
    at_s: float | None
    clock: str


class SheetView(Struct, frozen=True, kw_only=True):
    """A check-list of a press in short. `state`: none, draft or done; `hidden` while a second person scores it."""

    checklist: str
    title: str
    purpose: str
    state: str
    mine: bool
    user: str
    when: str
    hidden: bool
    score: str
    score_range: str
    failed: bool
    found: tuple[FoundView, ...]
    note: str
    url: str


def context(request: AnyRequest, press_id: str) -> dict[str, Any]:
    """`sheets` and `marks` of a press, and what may be filled for it, for whom they concern."""
    if not may(request, Action.SCORE):
        return {"sheets": (), "marks": ()}
    store, account, translator = services_of(request).store, the_visitor(request).user.id, translator_of(request)
    known = [one for one in sheets.of_press(store, press_id) if one.turn == 1]
    views = [sheet_view(translator, one, account) for one in known]
    begun = {one.checklist for one in known}
    views += [
        _empty(version.checklist, str(version.purpose), said(version.definition.title, translator.language), press_id)
        for version in fillable(store)
        if version.checklist not in begun
    ]
    views.sort(key=lambda one: (one.purpose, one.title))
    return {"sheets": tuple(views), "marks": marks(translator, [one for one in known if one.shows_to(account)])}


def sheet_view(t: Translator, sheet: Sheet, account: int) -> SheetView:
    """A sheet in short."""
    done, hidden = sheet.done_ns is not None, not sheet.shows_to(account)
    score, score_range = ("", "") if hidden else score_text(t, sheet)
    return SheetView(
        checklist=sheet.checklist,
        title=said(sheet.definition.title, t.language),
        purpose=str(sheet.purpose),
        state="done" if done else "draft",
        mine=sheet.account == account,
        user=sheet.user,
        when=t.moment(sheet.done_ns or sheet.changed_ns),
        hidden=hidden,
        score=score,
        score_range=score_range,
        failed=bool(sheet.failed_by) and not hidden,
        found=() if hidden or not done else _found(t, sheet),
        note="" if hidden else sheet.note,
        url=f"/sheets/{sheet.checklist}/{sheet.press}",
    )


def score_text(t: Translator, sheet: Sheet) -> tuple[str, str]:
    """The score in percent, and the range that what is unknown leaves open; empty where there is none."""
    if sheet.score is None and sheet.low is None:
        return "", ""

    def percent(value: float) -> str:
        return t("unit.percent", value=t.number(100 * value))

    score = "" if sheet.score is None else percent(sheet.score)
    if sheet.low is None or sheet.high is None or sheet.low == sheet.high:
        return score, ""
    return score, t("sheet.range", low=percent(sheet.low), high=percent(sheet.high))


def marks(t: Translator, known: list[Sheet]) -> tuple[MarkView, ...]:
    """The seconds that answers of sheets point at, in order."""
    found = []
    for sheet in known:
        for item in sheet.definition.items:
            reply = sheet.replies.get(item.id)
            if reply is None or reply.at_s is None:
                continue
            text = f"{said(item.text, t.language)}: {answer_text(t, sheet.purpose, item, reply.value)}"
            found.append(MarkView(reply.at_s, clock(reply.at_s), text, _kind(sheet.purpose, item, reply.value)))
    return tuple(sorted(found, key=lambda one: one.at_s))


def answer_text(t: Translator, purpose: Purpose, item: Item, value: str) -> str:
    """An answer in words."""
    if value in set(Answer):
        found = purpose is Purpose.CAUSES and value in {Answer.YES, Answer.NO}
        return t(f"sheet.found_{value}" if found else f"sheet.answer_{value}")
    return t("sheet.point", value=value, points=item.points)


def _kind(purpose: Purpose, item: Item, value: str) -> str:
    """good, bad or open."""
    if value in {Answer.UNKNOWN, Answer.NOT_APPLICABLE}:
        return "open"
    if purpose is Purpose.CAUSES:
        return "bad" if value == Answer.YES else "good"
    if value in {Answer.YES, Answer.NO}:
        return "good" if value == Answer.YES else "bad"
    return "good" if int(value) > (item.points + 1) / 2 else "bad"


def _found(t: Translator, sheet: Sheet) -> tuple[FoundView, ...]:
    found = []
    for item in sheet.definition.items:
        reply = sheet.replies.get(item.id)
        if reply is None or _kind(sheet.purpose, item, reply.value) != "bad":
            continue
        factor = str(item.factor or Factor.OTHER) if sheet.purpose is Purpose.CAUSES else ""
        at = "" if reply.at_s is None else clock(reply.at_s)
        found.append(FoundView(said(item.text, t.language), factor, reply.note, reply.at_s, at))
    return tuple(found)


def _empty(checklist: str, purpose: str, title: str, press_id: str) -> SheetView:
    return SheetView(
        checklist=checklist,
        title=title,
        purpose=purpose,
        state="none",
        mine=False,
        user="",
        when="",
        hidden=False,
        score="",
        score_range="",
        failed=False,
        found=(),
        note="",
        url=f"/sheets/{checklist}/{press_id}",
    )
