"""What people do to cases: forms that lead back to the case, each a line of its history and of the audit trail."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from litestar import post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from cloud_bridge.access.table import Action
from cloud_bridge.cases import letters, limits, lists, members, work
from cloud_bridge.cases.rows import CaseError, Contact, Status, Verdict
from cloud_bridge.store.sight import sees_press
from cloud_bridge.web import audit
from cloud_bridge.web.cases import case_page, known_case
from cloud_bridge.web.cases_forms import (
    AssignForm,
    CloseForm,
    ContactForm,
    GatherForm,
    LetterForm,
    LimitForm,
    NumberForm,
    PolicyForm,
    QualifyForm,
    StatusForm,
    TextForm,
)
from cloud_bridge.web.cases_view import refusal
from cloud_bridge.web.html import page
from cloud_bridge.web.permits import needs, scope_of, sight_of
from cloud_bridge.web.presses import known_id
from cloud_bridge.web.protection import local_path
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of

_HOUR_S = 3600

Answer = Template | Redirect


@post("/cases/open", opt=needs(Action.WORK_CASES), sync_to_thread=True, include_in_schema=False)
def open_case(request: AnyRequest, data: URLEncodedBody[GatherForm]) -> Answer:
    """Make a case of a press; one that is in a case leads there."""
    return _gather(request, data, may_join=False)


@post("/cases/merge", opt=needs(Action.MERGE_CASES), sync_to_thread=True, include_in_schema=False)
def merge_presses(request: AnyRequest, data: URLEncodedBody[GatherForm]) -> Answer:
    """Make one case of presses, whatever cases they are in; leads to it (303, /cases/<number>)."""
    return _gather(request, data, may_join=True)


@post("/cases/policy", opt=needs(Action.EDIT_RULES), sync_to_thread=True, include_in_schema=False)
def set_policy(request: AnyRequest, data: URLEncodedBody[PolicyForm]) -> Answer:
    """Set what new cases get."""
    services = services_of(request)
    try:
        wanted = limits.Policy(limit_s=_seconds(data.limit), warn_before_s=_seconds(data.warn))
        limits.set_policy(services.store, wanted, by=the_visitor(request).name, now_ns=services.now_ns())
    except CaseError as error:
        return _refused(request, error)
    audit.record(services, request, "case.policy", f"{wanted.limit_s} s, warning {wanted.warn_before_s} s before")
    return Redirect("/cases", status_code=303)


@post("/cases/{case_id:int}/status", opt=needs(Action.WORK_CASES), sync_to_thread=True, include_in_schema=False)
def set_status(request: AnyRequest, case_id: FromPath[int], data: URLEncodedBody[StatusForm]) -> Answer:
    """Begin work, or wait."""
    act = _Act(request, case_id, "status", str(data.status), back=local_path(data.next) if data.next else "")
    return act.do(lambda: work.set_status(act.store, case_id, data.status, by=act.by, now_ns=act.now_ns))


@post("/cases/{case_id:int}/assign", opt=needs(Action.WORK_CASES), sync_to_thread=True, include_in_schema=False)
def assign(request: AnyRequest, case_id: FromPath[int], data: URLEncodedBody[AssignForm]) -> Answer:
    """Give the case to somebody."""
    account = _number(data.account) if data.account else None
    act = _Act(request, case_id, "assign", data.account or "nobody")
    return act.do(lambda: work.assign(act.store, case_id, account, by=act.by, now_ns=act.now_ns))


@post("/cases/{case_id:int}/qualify", opt=needs(Action.WORK_CASES), sync_to_thread=True, include_in_schema=False)
def qualify(request: AnyRequest, case_id: FromPath[int], data: URLEncodedBody[QualifyForm]) -> Answer:
    """Say what the case is: title, verdict, tags."""
    act = _Act(request, case_id, "qualify", data.verdict, typed=data)

    def change() -> None:
        if data.verdict and data.verdict not in set(Verdict):
            raise CaseError("verdict", f"verdict must be one of {', '.join(Verdict)}, or empty")
        row = known_case(request, case_id)
        # A closed case keeps its verdict, and may still get a better name.
        if row.status is not Status.CLOSED:
            verdict = Verdict(data.verdict) if data.verdict else None
            work.judge(act.store, case_id, verdict, by=act.by, now_ns=act.now_ns)
        work.rename(act.store, case_id, data.title, by=act.by, now_ns=act.now_ns)
        work.set_tags(act.store, case_id, data.tags.split(","), by=act.by, now_ns=act.now_ns)

    return act.do(change)


@post("/cases/{case_id:int}/comment", opt=needs(Action.WORK_CASES), sync_to_thread=True, include_in_schema=False)
def comment(request: AnyRequest, case_id: FromPath[int], data: URLEncodedBody[TextForm]) -> Answer:
    """Say something about the case."""
    act = _Act(request, case_id, "comment", typed=data, anchor="#log")
    return act.do(lambda: work.comment(act.store, case_id, data.text, by=act.by, now_ns=act.now_ns))


@post("/cases/{case_id:int}/limit", opt=needs(Action.CLOSE_CASES), sync_to_thread=True, include_in_schema=False)
def set_limit(request: AnyRequest, case_id: FromPath[int], data: URLEncodedBody[LimitForm]) -> Answer:
    """Give the case a new limit from now on."""
    act = _Act(request, case_id, "limit", data.hours)
    return act.do(lambda: work.set_limit(act.store, case_id, _seconds(data.hours), by=act.by, now_ns=act.now_ns))


@post("/cases/{case_id:int}/close", opt=needs(Action.CLOSE_CASES), sync_to_thread=True, include_in_schema=False)
def close(request: AnyRequest, case_id: FromPath[int], data: URLEncodedBody[CloseForm]) -> Answer:
    """Close the case with cause and measure."""
    act = _Act(request, case_id, "close", data.cause, typed=data)
    return act.do(lambda: work.close(act.store, case_id, data.cause, data.measure, by=act.by, now_ns=act.now_ns))


@post("/cases/{case_id:int}/reopen", opt=needs(Action.CLOSE_CASES), sync_to_thread=True, include_in_schema=False)
def reopen(request: AnyRequest, case_id: FromPath[int]) -> Answer:
    """Work on it again."""
    act = _Act(request, case_id, "reopen")
    return act.do(lambda: work.reopen(act.store, case_id, by=act.by, now_ns=act.now_ns))


@post("/cases/{case_id:int}/contact", opt=needs(Action.WRITE_TO_CLIENT), sync_to_thread=True, include_in_schema=False)
def set_contact(request: AnyRequest, case_id: FromPath[int], data: URLEncodedBody[ContactForm]) -> Answer:
    """Say who the client is."""
    act = _Act(request, case_id, "contact", typed=data, anchor="#client")
    wanted = Contact(name=data.name, email=data.email, phone=data.phone)
    return act.do(lambda: letters.set_contact(act.store, case_id, wanted, by=act.by, now_ns=act.now_ns))


@post("/cases/{case_id:int}/write", opt=needs(Action.WRITE_TO_CLIENT), sync_to_thread=True, include_in_schema=False)
def write(request: AnyRequest, case_id: FromPath[int], data: URLEncodedBody[LetterForm]) -> Answer:
    """Send the client an e-mail."""
    act = _Act(request, case_id, "write", typed=data, anchor="#client")
    return act.do(
        lambda: letters.write(
            act.store, case_id, data.subject, data.text, by=act.by, now_ns=act.now_ns, then_wait=bool(data.wait)
        )
    )


@post("/cases/{case_id:int}/reply", opt=needs(Action.WRITE_TO_CLIENT), sync_to_thread=True, include_in_schema=False)
def take_down(request: AnyRequest, case_id: FromPath[int], data: URLEncodedBody[TextForm]) -> Answer:
    """Keep what the client replied."""
    act = _Act(request, case_id, "reply", anchor="#client")
    return act.do(lambda: letters.take_down(act.store, case_id, data.text, by=act.by, now_ns=act.now_ns))


@post("/cases/{case_id:int}/merge", opt=needs(Action.MERGE_CASES), sync_to_thread=True, include_in_schema=False)
def merge(request: AnyRequest, case_id: FromPath[int], data: URLEncodedBody[NumberForm]) -> Answer:
    """Merge the case into another one."""
    act = _Act(request, case_id, "merge", data.into)
    target = known_case(request, lists.standing(act.store, known_case(request, _number(data.into)).id))
    return act.do(lambda: members.merge(act.store, case_id, target.id, by=act.by, now_ns=act.now_ns))


@post("/cases/{case_id:int}/unmerge", opt=needs(Action.MERGE_CASES), sync_to_thread=True, include_in_schema=False)
def unmerge(request: AnyRequest, case_id: FromPath[int]) -> Answer:
    """Take the case out of the one it is merged into."""
    act = _Act(request, case_id, "unmerge")
    return act.do(lambda: members.unmerge(act.store, case_id, by=act.by, now_ns=act.now_ns))


@post(
    "/cases/{case_id:int}/presses/{press_id:str}/remove",
    opt=needs(Action.MERGE_CASES),
    sync_to_thread=True,
    include_in_schema=False,
)
def remove_press(request: AnyRequest, case_id: FromPath[int], press_id: FromPath[str]) -> Answer:
    """Take a press out of the case."""
    press = known_id(press_id)
    act = _Act(request, case_id, "remove_press", press)
    return act.do(lambda: members.remove_press(act.store, case_id, press, by=act.by, now_ns=act.now_ns))


class _Act:
    """One thing that is done to a case that the visitor may do it to; a 404 for another."""

    def __init__(
        self,
        request: AnyRequest,
        case_id: int,
        action: str,
        about: str = "",
        *,
        typed: Struct | None = None,
        anchor: str = "",
        back: str = "",
    ) -> None:
        services = services_of(request)
        self._request = request
        self._row = known_case(request, case_id)
        self._action = action
        self._about = f"{case_id} {about}".strip()
        self._typed = msgspec.to_builtins(typed) if typed is not None else {}
        self._back = back or f"/cases/{case_id}{anchor}"
        self.store = services.store
        self.by = the_visitor(request).name
        self.now_ns = services.now_ns()

    def do(self, work: Callable[[], object]) -> Answer:
        """Do it, and lead back; what is refused is said above the case, with what was typed."""
        try:
            work()
        except CaseError as error:
            problem = refusal(translator_of(self._request), error)
            row = known_case(self._request, self._row.id)
            return case_page(self._request, row, problem=problem, typed=self._typed, status=400)
        audit.record(services_of(self._request), self._request, f"case.{self._action}", self._about)
        return Redirect(self._back, status_code=303)


def _gather(request: AnyRequest, data: GatherForm, *, may_join: bool) -> Answer:
    services = services_of(request)
    store = services.store
    given = data.presses if isinstance(data.presses, list) else [data.presses]
    presses = [known_id(press) for text in given for press in text.replace(",", " ").split()]
    sight, scope = sight_of(request), scope_of(request)
    for press in presses:
        if not sees_press(store, sight, press):
            raise NotFoundException("there is no such press")
    owners = set(lists.cases_of_presses(store, presses).values())
    into = _number(data.into) if data.into else None
    if not may_join:
        if owners:
            return Redirect(f"/cases/{min(owners)}", status_code=303)
        into, presses = None, presses[:1]
    if into is not None:
        owners.add(lists.standing(store, known_case(request, into).id))
    if any(lists.find_case(store, case, scope) is None for case in owners):
        raise NotFoundException("there is no such case")
    try:
        case = members.gather(
            store, presses, by=the_visitor(request).name, now_ns=services.now_ns(), into=into, title=data.title
        )
    except CaseError as error:
        return _refused(request, error)
    audit.record(services, request, "case.merge" if may_join else "case.open", f"{case} of {' '.join(presses)}")
    return Redirect(f"/cases/{case}", status_code=303)


def _refused(request: AnyRequest, error: CaseError) -> Template:
    problem = refusal(translator_of(request), error)
    return page(request, "case_refused.html", "cases", status=400, problem=problem)


def _number(text: str) -> int:
    digits = text.strip().lstrip("№# ")
    if not digits.isascii() or not digits.isdecimal():
        raise NotFoundException("there is no such case")
    return int(digits)


def _seconds(hours: str) -> int:
    try:
        value = float(hours.replace(",", "."))
        return int(value * _HOUR_S)
    except (ValueError, OverflowError) as error:
        raise CaseError("limit", f"{hours[:20]!r} is no number of hours") from error


ROUTES = (
    open_case,
    merge_presses,
    set_policy,
    set_status,
    assign,
    qualify,
    comment,
    set_limit,
    close,
    reopen,
    set_contact,
    write,
    take_down,
    merge,
    unmerge,
    remove_press,
)
"""All of them, for the application."""
