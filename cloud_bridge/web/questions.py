"""Asking the people who were there: a question about a press, its answer, taking it back."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import post
from litestar.exceptions import NotFoundException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from cloud_bridge.access.table import Action
from cloud_bridge.review import questions
from cloud_bridge.review.questions import Question, QuestionError
from cloud_bridge.store.sight import sees_press
from cloud_bridge.web import audit
from cloud_bridge.web.permits import needs, sight_of
from cloud_bridge.web.presses import known_id
from cloud_bridge.web.protection import local_path
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor

_Text = Annotated[str, Meta(max_length=4 * questions.TEXT_CHARS)]


class AskForm(Struct, frozen=True):
    """A question to `employee`; an answer is wanted after so many working hours."""

    text: _Text
    employee: Annotated[str, Meta(max_length=500)]
    hours: int
    next: str = ""


class AnswerForm(Struct, frozen=True):
    """An answer."""

    text: _Text
    next: str = ""


class BackForm(Struct, frozen=True):
    """Where to go back to."""

    next: str = ""


@post("/presses/{press_id:str}/ask", opt=needs(Action.ASK_OPERATOR), sync_to_thread=True, include_in_schema=False)
def ask(request: AnyRequest, press_id: FromPath[str], data: URLEncodedBody[AskForm]) -> Redirect:
    """Ask a person about a press."""
    services, user = services_of(request), the_visitor(request).user
    if not sees_press(services.store, sight_of(request), known_id(press_id)):
        raise NotFoundException
    try:
        made = questions.ask(
            services.store,
            press_id,
            data.employee,
            data.text,
            hours=data.hours,
            account=user.id,
            user=user.name,
            at_ns=services.now_ns(),
        )
    except QuestionError as error:
        raise ValidationException(str(error)) from error
    audit.record(services, request, "question.ask", f"{made} {press_id} {data.employee}")
    return _back(data.next, press_id)


@post(
    "/questions/{question_id:str}/answer",
    opt=needs(Action.ANSWER_QUESTION),
    sync_to_thread=True,
    include_in_schema=False,
)
def answer(request: AnyRequest, question_id: FromPath[str], data: URLEncodedBody[AnswerForm]) -> Redirect:
    """Answer a question; leads back to where it was read."""
    services = services_of(request)
    question = _known(request, question_id)
    try:
        questions.answer(
            services.store, question.id, data.text, user=the_visitor(request).name, at_ns=services.now_ns()
        )
    except QuestionError as error:
        raise ValidationException(str(error)) from error
    audit.record(services, request, "question.answer", f"{question.id} {question.press}")
    return _back(data.next, question.press)


@post(
    "/questions/{question_id:str}/withdraw",
    opt=needs(Action.ASK_OPERATOR),
    sync_to_thread=True,
    include_in_schema=False,
)
def withdraw(request: AnyRequest, question_id: FromPath[str], data: URLEncodedBody[BackForm]) -> Redirect:
    """Take a question back that nobody has answered."""
    services = services_of(request)
    question = _known(request, question_id)
    try:
        questions.withdraw(services.store, question.id)
    except QuestionError as error:
        raise ValidationException(str(error)) from error
    audit.record(services, request, "question.withdraw", f"{question.id} {question.press}")
    return _back(data.next, question.press)


def _known(request: AnyRequest, question_id: str) -> Question:
    question = questions.by_id(services_of(request).store, known_id(question_id))
    sight = sight_of(request)
    if question is None or not sight.holds(question.site, question.box, question.button, question.employee):
        raise NotFoundException("there is no such question")
    return question


def _back(target: str, press_id: str) -> Redirect:
    return Redirect(local_path(target) if target else f"/presses/{press_id}#questions", status_code=303)


ROUTES: Final[tuple[BaseRouteHandler, ...]] = (ask, answer, withdraw)
