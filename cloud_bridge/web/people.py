"""Pages of accounts: who has which role where, whose sessions live, who is invited."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Meta, Struct

from cloud_bridge.access.table import Action
from cloud_bridge.store import accounts, invitations, org, users
from cloud_bridge.store.invitations import Invitation
from cloud_bridge.store.users import Role, User, UserError
from cloud_bridge.web import audit
from cloud_bridge.web.html import page
from cloud_bridge.web.people_view import (
    AccountForm,
    account_view,
    form_of,
    invitation_view,
    place_choices,
    read_places,
    read_role,
    session_view,
)
from cloud_bridge.web.permits import needs
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of

_PAGE_ROWS = 50
_SEES, _EDITS = needs(Action.SEE_ACCOUNTS), needs(Action.EDIT_ACCOUNTS)


class DisableForm(Struct, frozen=True):
    """Whether the account shall be disabled; empty: let in again."""

    disabled: Annotated[str, Meta(max_length=10)] = ""


class EndForm(Struct, frozen=True):
    """Which session shall end: its key, or "all"."""

    key: Annotated[str, Meta(pattern="^([0-9a-f]{64}|all)$")]


@get("/people", opt=_SEES, sync_to_thread=True, include_in_schema=False)
def show_people(
    request: AnyRequest,
    *,
    role: FromQuery[str] = "",
    after: Annotated[str, QueryParameter(max_length=100)] = "",
) -> Template:
    """Accounts and invitations."""
    if role and role not in set(Role):
        raise ValidationException(f"role must be one of {', '.join(Role)}")
    return _people_page(request, role=role, after=after)


@get("/people/{account:int}", opt=_SEES, sync_to_thread=True, include_in_schema=False)
def show_account(request: AnyRequest, account: FromPath[int]) -> Template:
    """One account with its sessions."""
    return _account_page(request, _known(request, account))


@post("/people/{account:int}/change", opt=_EDITS, sync_to_thread=True, include_in_schema=False)
def change_account(
    request: AnyRequest, account: FromPath[int], data: URLEncodedBody[AccountForm]
) -> Template | Redirect:
    """Role, places, address and person of an account."""
    services = services_of(request)
    user = _known(request, account)
    try:
        role, places = read_role(data), read_places(data, org.organisation(services.store))
        accounts.change_account(
            services.store,
            user.id,
            role=role,
            places=places,
            email=data.email.strip() or None,
            employee=data.employee.strip() or None,
        )
    except UserError as error:
        return _account_page(request, user, problem=error, form=data)
    where = ", ".join(data.ticked) if places else "everywhere"
    audit.record(services, request, "account.change", f"{user.name} {role} {where}")
    return Redirect(f"/people/{user.id}", status_code=303)


@post("/people/{account:int}/disable", opt=_EDITS, sync_to_thread=True, include_in_schema=False)
def disable_account(
    request: AnyRequest, account: FromPath[int], data: URLEncodedBody[DisableForm]
) -> Template | Redirect:
    """Shut an account out, with all its sessions, or let it in again."""
    services = services_of(request)
    user = _known(request, account)
    if data.disabled and user.id == the_visitor(request).user.id:
        own = UserError("this is your own account; ask another admin to disable it")
        return _account_page(request, user, problem=own)
    try:
        accounts.set_disabled(services.store, user.id, disabled=bool(data.disabled))
    except UserError as error:
        return _account_page(request, user, problem=error)
    audit.record(services, request, "account.disable" if data.disabled else "account.enable", user.name)
    return Redirect(f"/people/{user.id}", status_code=303)


@post("/people/{account:int}/sessions/end", opt=_EDITS, sync_to_thread=True, include_in_schema=False)
def end_session(request: AnyRequest, account: FromPath[int], data: URLEncodedBody[EndForm]) -> Redirect:
    """End one session of somebody, or all of them."""
    services = services_of(request)
    user = _known(request, account)
    if accounts.end_session(services.store, user.id, None if data.key == "all" else data.key):
        audit.record(services, request, "account.end_session", f"{user.name} {data.key[:16]}")
    return Redirect(f"/people/{user.id}", status_code=303)


@post("/people/invitations", opt=_EDITS, sync_to_thread=True, status_code=200, include_in_schema=False)
def make_invitation(request: AnyRequest, data: URLEncodedBody[AccountForm]) -> Template:
    """Make a link and show it; this once, for nobody can read it again."""
    services = services_of(request)
    try:
        secret, made = invitations.invite(
            services.store,
            data.name,
            read_role(data),
            read_places(data, org.organisation(services.store)),
            email=data.email.strip() or None,
            employee=data.employee.strip() or None,
            by=the_visitor(request).name,
            now_ns=services.now_ns(),
        )
    except UserError as error:
        return _people_page(request, problem=error, form=data)
    audit.record(services, request, "invitation.make", f"{made.name} {made.role} {made.key[:16]}")
    base = services.settings.enrol_url or str(request.base_url).rstrip("/")
    return _people_page(request, made=made, link=f"{base}/invite/{secret}")


@post("/people/invitations/{key:str}/withdraw", opt=_EDITS, sync_to_thread=True, include_in_schema=False)
def withdraw_invitation(request: AnyRequest, key: FromPath[str]) -> Redirect:
    """Make an open link worthless."""
    services = services_of(request)
    if not invitations.withdraw(services.store, key, services.now_ns()):
        raise NotFoundException
    audit.record(services, request, "invitation.withdraw", key[:16])
    return Redirect("/people", status_code=303)


def _known(request: AnyRequest, account: int) -> User:
    found = users.user(services_of(request).store, account) if 0 <= account < 2**63 else None
    if found is None:
        raise NotFoundException
    return found


def _people_page(
    request: AnyRequest,
    *,
    role: str = "",
    after: str = "",
    made: Invitation | None = None,
    link: str = "",
    problem: UserError | None = None,
    form: AccountForm | None = None,
) -> Template:
    services = services_of(request)
    t = translator_of(request)
    known = org.organisation(services.store)
    now_ns = services.now_ns()
    rows = accounts.list_accounts(
        services.store, now_ns, after=after, role=Role(role) if role else None, limit=_PAGE_ROWS + 1
    )
    shown = rows[:_PAGE_ROWS]
    return page(
        request,
        "people.html",
        "people",
        status=200 if problem is None else 400,
        accounts=[account_view(t, known, row) for row in shown],
        invitations=[
            invitation_view(t, known, row, now_ns) for row in invitations.list_invitations(services.store, _PAGE_ROWS)
        ],
        roles=[str(one) for one in Role],
        role=role,
        after=shown[-1].user.name if len(rows) > _PAGE_ROWS else None,
        choices=place_choices(known),
        form=form or AccountForm(),
        made=None if made is None else invitation_view(t, known, made, now_ns),
        link=link,
        problem=None if problem is None else t("people.refused", reason=str(problem)),
    )


def _account_page(
    request: AnyRequest, user: User, *, problem: UserError | None = None, form: AccountForm | None = None
) -> Template:
    services = services_of(request)
    t = translator_of(request)
    known = org.organisation(services.store)
    places = org.places_of(services.store, user.id)
    sessions = users.list_sessions(services.store, user.id, services.now_ns())
    return page(
        request,
        "person.html",
        "people",
        status=200 if problem is None else 400,
        account=account_view(t, known, accounts.Account(user=user, places=places, seen_ns=None)),
        created=t.moment(user.created_ns),
        sessions=[session_view(t, session) for session in sessions],
        roles=[str(one) for one in Role],
        choices=place_choices(known),
        form=form or form_of(user, places),
        problem=None if problem is None else t("people.refused", reason=str(problem)),
    )


ROUTES = (
    show_people,
    show_account,
    change_account,
    disable_account,
    end_session,
    make_invitation,
    withdraw_invitation,
)
