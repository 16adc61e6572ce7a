"""Where an invitation's link leads: the person chooses a name and a password, and is in."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Meta, Struct

from cloud_bridge.store import invitations, org
from cloud_bridge.store.users import PASSWORD_MIN, UserError, add_audit
from cloud_bridge.web.html import page
from cloud_bridge.web.people_view import places_text
from cloud_bridge.web.visitor import PUBLIC, AnyRequest, address_of, begin_session, services_of, translator_of


class AcceptForm(Struct, frozen=True):
    """The name and the password that a person chooses."""

    name: Annotated[str, Meta(max_length=200)]
    password: Annotated[str, Meta(max_length=1000)]
    again: Annotated[str, Meta(max_length=1000)]


@get("/invite/{secret:str}", opt=PUBLIC, sync_to_thread=True, include_in_schema=False)
def show_invitation(request: AnyRequest, secret: FromPath[str]) -> Template:
    """The form; where the link is used, over or none, one answer for all of them."""
    return _page(request, secret)


@post("/invite/{secret:str}/accept", opt=PUBLIC, sync_to_thread=True, include_in_schema=False)
def accept_invitation(
    request: AnyRequest, secret: FromPath[str], data: URLEncodedBody[AcceptForm]
) -> Template | Redirect:
    """Make the account and begin its session."""
    services = services_of(request)
    t = translator_of(request)
    if data.password != data.again:
        return _page(request, secret, problem=t("invite.differ"), name=data.name)
    try:
        user = invitations.accept(services.store, secret, data.name, data.password, t.language, services.now_ns())
    except UserError as error:
        return _page(request, secret, problem=t("people.refused", reason=str(error)), name=data.name)
    if user is None:
        return _page(request, secret)
    add_audit(
        services.store,
        at_ns=services.now_ns(),
        user=user.name,
        action="invitation.accept",
        object=f"{user.name} {user.role}",
        address=address_of(request),
    )
    return Redirect("/", status_code=303, cookies=[begin_session(services, user, request)])


def _page(request: AnyRequest, secret: str, *, problem: str | None = None, name: str | None = None) -> Template:
    services = services_of(request)
    t = translator_of(request)
    found = invitations.find_invitation(services.store, secret, services.now_ns())
    status = 404 if found is None else 200 if problem is None else 400
    return page(
        request,
        "invite.html",
        "",
        status=status,
        found=found is not None,
        action=f"/invite/{secret}/accept",
        login_name=name if name is not None else found.name if found else "",
        role=t(f"role.{found.role}") if found else "",
        places=places_text(t, org.organisation(services.store), found.places) if found else "",
        password_min=PASSWORD_MIN,
        problem=problem,
    )


ROUTES = (show_invitation, accept_invitation)
