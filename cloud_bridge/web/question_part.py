"""Questions as parts of pages: those about a press, and those that wait for the visitor (`mine_part`, for /mine)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from msgspec import Struct

from cloud_bridge.access.table import Action
from cloud_bridge.review import questions
from cloud_bridge.review.questions import Question
from cloud_bridge.store import staff
from cloud_bridge.store.org import Organisation, Place, organisation
from cloud_bridge.store.rows import PressRow
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.sight import Sight
from cloud_bridge.web.i18n import Translator, zone
from cloud_bridge.web.permits import may, scope_of, sight_of
from cloud_bridge.web.press_view import named
from cloud_bridge.web.review_view import employee_text, place_text
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of

HOURS_USUAL = 8


class QuestionView(Struct, frozen=True, kw_only=True):
    """A question in words. `press` is empty where the visitor does not see the press itself."""

    id: str
    press: str
    what: str
    when: str
    place: str
    employee: str
    text: str
    asked: str
    due: str
    due_iso: str
    overdue: bool
    state: str
    answer: str
    answered: str
    may_answer: bool
    may_withdraw: bool


def question_part(request: AnyRequest, press: PressRow, known: Organisation | None = None) -> dict[str, Any]:
    """For `_questions.html` on a page of one press: what was asked, and whether the visitor may ask."""
    services = services_of(request)
    known = known or organisation(services.store)
    found = [one for one in questions.of_press(services.store, press.id) if _may_see(request, one)]
    may_ask = may(request, Action.ASK_OPERATOR)
    people: list[tuple[str, str]] = []
    if may_ask:
        # Those who work at the site, as far as the visitor reaches there.
        places = [one for one in scope_of(request, Action.ASK_OPERATOR).places if one.site == press.site]
        sight = Sight(Scope(places=tuple(places) or (Place(press.site),)), known)
        people += staff.people_in(services.store, sight, known, services.now_ns())
    if press.employee and press.employee not in {name for name, _ in people}:
        people.insert(0, (press.employee, press.employee))
    return {
        "questions": tuple(question_view(request, one, known) for one in found),
        "may_ask": may_ask,
        "ask_people": people,
        "ask_employee": press.employee or "",
        "ask_hours": questions.LIMITS_H,
        "ask_hours_usual": HOURS_USUAL,
        "ask_press": press.id,
    }


def mine_part(request: AnyRequest) -> dict[str, Any]:
    """For `_my_questions.html` on /mine: what waits for the visitor's answer, and what they have asked themselves."""
    services = services_of(request)
    known = organisation(services.store)
    mine: dict[str, Any] = {"waiting": (), "settled": (), "asked_open": ()}
    if may(request, Action.ANSWER_QUESTION):
        sight = sight_of(request, Action.ANSWER_QUESTION)
        waiting, settled = questions.waiting(services.store, sight), questions.settled(services.store, sight)
        mine["waiting"] = tuple(question_view(request, one, known) for one in waiting)
        mine["settled"] = tuple(question_view(request, one, known) for one in settled)
    if may(request, Action.ASK_OPERATOR):
        asked = questions.of_asker(services.store, the_visitor(request).user.id)
        mine["asked_open"] = tuple(question_view(request, one, known) for one in asked)
    return {"my_questions": mine}


def question_view(request: AnyRequest, question: Question, known: Organisation) -> QuestionView:
    """A question in words; its times are of the site's clock."""
    translator = _of_site(translator_of(request), known, question.site)
    is_open = question.state == "open"
    return QuestionView(
        id=question.id,
        press=question.press if _sees_press(request, question) else "",
        what=named(translator, "trigger", question.trigger),
        when=translator.moment(question.wall_ns),
        place=place_text(known, question.site, question.box, question.button),
        employee=employee_text(known, question.employee),
        text=question.text,
        asked=translator("question.asked", user=question.asked_by, time=translator.moment(question.asked_ns)),
        due=translator.moment(question.due_ns),
        due_iso=translator.iso(question.due_ns),
        overdue=question.is_overdue(services_of(request).now_ns()),
        state=question.state,
        answer=question.answer,
        answered=""
        if question.answered_ns is None
        else translator(
            "question.answered", user=question.answered_by or "", time=translator.moment(question.answered_ns)
        ),
        may_answer=is_open and _reaches(request, Action.ANSWER_QUESTION, question),
        may_withdraw=is_open and _reaches(request, Action.ASK_OPERATOR, question),
    )


def _of_site(translator: Translator, known: Organisation, site: str) -> Translator:
    here = known.sites.get(site)
    return translator if here is None else replace(translator, time_zone=zone(here.time_zone))


def _may_see(request: AnyRequest, question: Question) -> bool:
    """An operator sees questions to themselves, not those to a colleague about the same press."""
    return any(_reaches(request, action, question) for action in (Action.ASK_OPERATOR, Action.ANSWER_QUESTION))


def _sees_press(request: AnyRequest, question: Question) -> bool:
    if not may(request, Action.SEE_PRESSES):
        return False
    sight = sight_of(request, Action.SEE_PRESSES)
    return sight.holds(question.site, question.box, question.button, question.press_employee)


def _reaches(request: AnyRequest, action: Action, question: Question) -> bool:
    if not may(request, action):
        return False
    return sight_of(request, action).holds(question.site, question.box, question.button, question.employee)
