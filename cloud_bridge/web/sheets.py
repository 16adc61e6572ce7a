"""Filling a check-list for a press: its form, alone or as a page, saved as it grows; a second person's, too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from litestar import get, post
from litestar.exceptions import NotFoundException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Response, Template
from msgspec import Struct

from cloud_bridge.access.table import Action
from cloud_bridge.checklists import second, sheets
from cloud_bridge.checklists.definition import ChecklistError, Definition, Purpose, said
from cloud_bridge.checklists.sheets import Reply, Sheet
from cloud_bridge.checklists.store import fillable
from cloud_bridge.store import org, queries
from cloud_bridge.web import audit, sheet_part
from cloud_bridge.web.html import page
from cloud_bridge.web.permits import needs, sight_of
from cloud_bridge.web.press_view import named, press_view, track_view
from cloud_bridge.web.presses import known_id
from cloud_bridge.web.review_acts import PART
from cloud_bridge.web.review_view import clock, employee_text, place_text
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of

_BODY_BYTES = 512 * 1024
_CHECKLIST = re.compile(r"[0-9a-z]{1,32}")
_PLACE = re.compile(r"(?:([0-9]{1,4}):)?([0-9]{1,5}(?:[.,][0-9]{1,3})?)")


class FieldView(Struct, frozen=True, kw_only=True):
    """An item of the form, with what was answered."""

    id: str
    text: str
    answers: tuple[tuple[str, str], ...]
    value: str
    at: str
    note: str
    weight: str
    auto_fail: bool
    factor: str


class SectionView(Struct, frozen=True):
    """Items under a heading."""

    title: str
    fields: tuple[FieldView, ...]


@get("/sheets/{checklist:str}/{press_id:str}", opt=needs(Action.SCORE), sync_to_thread=True, include_in_schema=False)
def show_sheet(request: AnyRequest, checklist: FromPath[str], press_id: FromPath[str]) -> Template:
    """The sheet of a press: the visitor's own to fill, another's to read."""
    detail = _press(request, press_id)
    known = _of_turn_1(request, checklist, press_id)
    account = the_visitor(request).user.id
    if known is not None and not known.shows_to(account):
        raise NotFoundException
    if known is not None:
        definition, purpose = known.definition, known.purpose
    else:
        current = next((one for one in fillable(services_of(request).store) if one.checklist == checklist), None)
        if current is None:
            raise NotFoundException
        definition, purpose = current.definition, current.purpose
    action = f"/sheets/{checklist}/{press_id}/save"
    context = form_context(request, definition, purpose, known, action)
    return _page(request, detail, context, known)


@post(
    "/sheets/{checklist:str}/{press_id:str}/save",
    opt=needs(Action.SCORE),
    sync_to_thread=True,
    include_in_schema=False,
    request_max_body_size=_BODY_BYTES,
)
def save_sheet(
    request: AnyRequest, checklist: FromPath[str], press_id: FromPath[str], data: URLEncodedBody[dict[str, Any]]
) -> Response[Any]:
    """Keep the visitor's answers; `done` finishes the sheet."""
    _press(request, press_id)
    if _CHECKLIST.fullmatch(checklist) is None:
        raise NotFoundException
    services, user = services_of(request), the_visitor(request).user
    at_ns = services.now_ns()
    try:
        sheet = sheets.begin(services.store, checklist, press_id, account=user.id, user=user.name, at_ns=at_ns)
        _save(request, sheet, data, f"{checklist} {press_id}")
    except ChecklistError as error:
        raise ValidationException(str(error)) from error
    return _saved(request, f"/sheets/{checklist}/{press_id}")


@get("/second", opt=needs(Action.SCORE), sync_to_thread=True, include_in_schema=False)
def show_second(request: AnyRequest) -> Template:
    """Sheets that wait for a second person."""
    services, translator = services_of(request), translator_of(request)
    organisation = org.organisation(services.store)
    titles = {one.checklist: said(one.definition.title, translator.language) for one in fillable(services.store)}
    found = second.waiting(services.store, sight_of(request), the_visitor(request).user.id)
    rows = [
        {
            "first": one.first,
            "title": titles.get(one.checklist, one.checklist),
            "what": named(translator, "trigger", one.trigger),
            "trigger": one.trigger,
            "when": translator.moment(one.wall_ns),
            "place": place_text(organisation, one.site, one.box, one.button),
            "mine": one.mine,
        }
        for one in found
    ]
    return page(request, "second.html", "second", rows=rows)


@post("/second/{sheet_id:str}/take", opt=needs(Action.SCORE), sync_to_thread=True, include_in_schema=False)
def take_second(request: AnyRequest, sheet_id: FromPath[str]) -> Redirect:
    """Take a second scoring on."""
    services, user = services_of(request), the_visitor(request).user
    first = _first(request, sheet_id)
    try:
        second.take(services.store, first.id, account=user.id, user=user.name, at_ns=services.now_ns())
    except ChecklistError as error:
        raise ValidationException(str(error)) from error
    audit.record(services, request, "checklist.take_second", f"{first.checklist} {first.press}")
    return Redirect(f"/second/{first.id}", status_code=303)


@get("/second/{sheet_id:str}", opt=needs(Action.SCORE), sync_to_thread=True, include_in_schema=False)
def show_second_sheet(request: AnyRequest, sheet_id: FromPath[str]) -> Template:
    """The visitor's own second scoring; nothing of the first is in it."""
    first = _first(request, sheet_id)
    own = _own_second(request, first)
    context = form_context(request, own.definition, own.purpose, own, f"/second/{first.id}/save")
    return _page(request, _press(request, first.press), context, own)


@post(
    "/second/{sheet_id:str}/save",
    opt=needs(Action.SCORE),
    sync_to_thread=True,
    include_in_schema=False,
    request_max_body_size=_BODY_BYTES,
)
def save_second(request: AnyRequest, sheet_id: FromPath[str], data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
    """Keep the second person's answers."""
    first = _first(request, sheet_id)
    own = _own_second(request, first)
    try:
        _save(request, own.id, data, f"second {first.checklist} {first.press}")
    except ChecklistError as error:
        raise ValidationException(str(error)) from error
    return _saved(request, "/second" if "done" in data else f"/second/{first.id}")


def form_context(
    request: AnyRequest, definition: Definition, purpose: Purpose, sheet: Sheet | None, action: str
) -> dict[str, Any]:
    """What `_sheet_form.html` shows."""
    translator = translator_of(request)
    replies = sheet.replies if sheet is not None else {}
    sections = tuple(
        SectionView(
            said(section.title, translator.language),
            tuple(
                FieldView(
                    id=item.id,
                    text=said(item.text, translator.language),
                    answers=tuple(
                        (value, sheet_part.answer_text(translator, purpose, item, value)) for value in item.answers
                    ),
                    value=replies[item.id].value if item.id in replies else "",
                    at=_place_text(replies[item.id].at_s) if item.id in replies else "",
                    note=replies[item.id].note if item.id in replies else "",
                    weight=translator.number(item.weight, 0 if item.weight.is_integer() else 1),
                    auto_fail=item.auto_fail,
                    factor=str(item.factor or ""),
                )
                for item in section.items
            ),
        )
        for section in definition.sections
    )
    mine = sheet is None or sheet.account == the_visitor(request).user.id
    return {
        "title": said(definition.title, translator.language),
        "purpose": str(purpose),
        "sections": sections,
        "note": sheet.note if sheet else "",
        "done": sheet is not None and sheet.done_ns is not None,
        "mine": mine,
        "summary": sheet_part.sheet_view(translator, sheet, the_visitor(request).user.id) if sheet else None,
        "action": action,
    }


def _page(request: AnyRequest, detail: Any, context: dict[str, Any], sheet: Sheet | None) -> Template:
    if PART in request.headers:
        return page(request, "_sheet_form.html", "", form=context)
    services, translator = services_of(request), translator_of(request)
    audit.record(services, request, "press.view", detail.press.id, unless_within_s=services.settings.listen_again_s)
    organisation = org.organisation(services.store)
    row = detail.press
    return page(
        request,
        "sheet.html",
        "review",
        form=context,
        press=press_view(translator, row),
        place=place_text(organisation, row.site, row.box, row.button),
        employee=employee_text(organisation, row.employee),
        tracks=[track_view(translator, track) for track in detail.tracks],
        snapshot=None,
        marks=sheet_part.marks(translator, [sheet] if sheet else []),
    )


def _save(request: AnyRequest, sheet: str, data: Mapping[str, Any], about: str) -> None:
    services = services_of(request)
    done = "done" in data
    sheets.save(
        services.store,
        sheet,
        read_replies(data),
        _text(data, "note").replace("\r\n", "\n"),
        account=the_visitor(request).user.id,
        at_ns=services.now_ns(),
        done=done,
    )
    if done:
        audit.record(services, request, "checklist.fill", about)


def read_replies(data: Mapping[str, Any]) -> dict[str, Reply]:
    """The answers of a form: `a.<item>`, with the place in the sound `s.<item>` and a note `n.<item>`."""
    return {
        item: Reply(value=value, at_s=read_place(_text(data, f"s.{item}")), note=_text(data, f"n.{item}").strip())
        for name, value in data.items()
        if (item := name.removeprefix("a.")) != name and isinstance(value, str) and value
    }


def read_place(text: str) -> float | None:
    """Seconds of "83.4" or "1:23.4"; raises `ValidationException`."""
    if not text.strip():
        return None
    match = _PLACE.fullmatch(text.strip())
    if match is None:
        raise ValidationException(f"{text[:20]!r} is no place in the sound; write 1:23 or 83")
    return 60 * int(match[1] or 0) + float(match[2].replace(",", "."))


def _place_text(at_s: float | None) -> str:
    if at_s is None:
        return ""
    tenths = round(at_s * 10) % 10
    return f"{clock(int(at_s * 10 + 0.5) / 10)}.{tenths}" if tenths else clock(at_s)


def _saved(request: AnyRequest, target: str) -> Response[Any]:
    if PART in request.headers:
        return Response(None, status_code=204)
    return Redirect(target, status_code=303)


def _press(request: AnyRequest, press_id: str) -> Any:
    detail = queries.press(services_of(request).store, known_id(press_id), sight_of(request))
    if detail is None:
        raise NotFoundException
    return detail


def _of_turn_1(request: AnyRequest, checklist: str, press_id: str) -> Sheet | None:
    known = sheets.of_press(services_of(request).store, press_id)
    return next((one for one in known if one.checklist == checklist and one.turn == 1), None)


def _first(request: AnyRequest, sheet_id: str) -> Sheet:
    first = sheets.by_id(services_of(request).store, known_id(sheet_id))
    if first is None or first.turn != 1:
        raise NotFoundException
    _press(request, first.press)
    return first


def _own_second(request: AnyRequest, first: Sheet) -> Sheet:
    account = the_visitor(request).user.id
    known = sheets.of_press(services_of(request).store, first.press)
    own = (one for one in known if one.checklist == first.checklist and one.turn == 2 and one.account == account)
    found = next(own, None)
    if found is None:
        raise NotFoundException
    return found


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name, "")
    return value if isinstance(value, str) else ""


ROUTES: Final[tuple[BaseRouteHandler, ...]] = (
    show_sheet,
    save_sheet,
    show_second,
    take_second,
    show_second_sheet,
    save_second,
)
