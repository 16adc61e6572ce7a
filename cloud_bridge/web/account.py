"""Logging in and out, the language, and where one is logged in."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.datastructures import Cookie
from litestar.exceptions import ValidationException
from litestar.params import QueryParameter, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Meta, Struct

from cloud_bridge.store import org, users
from cloud_bridge.web import audit
from cloud_bridge.web.html import page
from cloud_bridge.web.i18n import LANGUAGES
from cloud_bridge.web.people_view import places_text
from cloud_bridge.web.permits import SIGNED_IN
from cloud_bridge.web.protection import local_path
from cloud_bridge.web.visitor import (
    LANGUAGE_COOKIE,
    PUBLIC,
    AnyRequest,
    address_of,
    begin_session,
    end_session,
    services_of,
    session_cookie,
    the_visitor,
    translator_of,
    visitor_of,
)

_YEAR_S = 365 * 86_400
NextQuery = Annotated[str, QueryParameter(name="next", max_length=2000)]


class LoginForm(Struct, frozen=True):
    """What the login page sends."""

    name: Annotated[str, Meta(max_length=100)]
    password: Annotated[str, Meta(max_length=1000)]
    next: Annotated[str, Meta(max_length=2000)] = ""


class LanguageForm(Struct, frozen=True):
    """What the language buttons send."""

    language: str
    next: Annotated[str, Meta(max_length=2000)] = ""


class RevokeForm(Struct, frozen=True):
    """Which session shall end: its key, or "others"."""

    key: Annotated[str, Meta(pattern="^([0-9a-f]{64}|others)$")]


@get("/login", opt=PUBLIC, sync_to_thread=False, include_in_schema=False)
def show_login(request: AnyRequest, target: NextQuery = "") -> Template | Redirect:
    """The form; who is logged in goes on."""
    if visitor_of(request) is not None:
        return Redirect(local_path(target), status_code=303)
    return page(request, "login.html", "", next=local_path(target), problem=None)


@post("/login", opt=PUBLIC, sync_to_thread=True, include_in_schema=False)
def log_in(request: AnyRequest, data: URLEncodedBody[LoginForm]) -> Template | Redirect:
    """Begin a session. Unknown name and wrong password give the same answer in the same time."""
    services = services_of(request)
    t = translator_of(request)
    target = local_path(data.next)
    if not audit.allow_attempt(services, data.name, address_of(request)):
        return page(request, "login.html", "", status=429, next=target, problem=t("login.limited"))
    user = users.authenticate(services.store, data.name, data.password)
    if user is None:
        return page(request, "login.html", "", status=401, next=target, problem=t("login.failed"))
    audit.record_login(services, user.name, address_of(request))
    cookie = begin_session(services, user, request)
    return Redirect(target, status_code=303, cookies=[cookie])


@post("/logout", opt=SIGNED_IN, sync_to_thread=True, include_in_schema=False)
def log_out(request: AnyRequest) -> Redirect:
    """End the session."""
    services = services_of(request)
    audit.record(services, request, "logout", the_visitor(request).name)
    end_session(services, request)
    return Redirect("/login", status_code=303, cookies=[session_cookie(services, "")])


@post("/language", opt=PUBLIC, sync_to_thread=True, include_in_schema=False)
def choose_language(request: AnyRequest, data: URLEncodedBody[LanguageForm]) -> Redirect:
    """Remember the language in the browser and, for who is logged in, in the account."""
    services = services_of(request)
    if data.language not in LANGUAGES:
        raise ValidationException(f"language must be one of {', '.join(LANGUAGES)}")
    visitor = visitor_of(request)
    if visitor is not None:
        users.set_language(services.store, visitor.user.id, data.language)
    cookie = Cookie(
        key=LANGUAGE_COOKIE,
        value=data.language,
        path="/",
        max_age=_YEAR_S,
        httponly=True,
        secure=services.settings.https,
        samesite="lax",
    )
    return Redirect(local_path(data.next), status_code=303, cookies=[cookie])


@get("/account", opt=SIGNED_IN, sync_to_thread=True, include_in_schema=False)
def show_account(request: AnyRequest) -> Template:
    """What the visitor may do where, and where they are logged in."""
    services = services_of(request)
    visitor = the_visitor(request)
    t = translator_of(request)
    rows = [
        {
            "key": session.key,
            "agent": session.agent or t("account.agent_unknown"),
            "address": session.address,
            "current": session.key == visitor.session.key,
            "created": t.moment(session.created_ns),
            "seen": t.moment(session.seen_ns),
        }
        for session in users.list_sessions(services.store, visitor.user.id, services.now_ns())
    ]
    user = visitor.user
    return page(
        request,
        "account.html",
        "account",
        sessions=rows,
        role=t(f"role.{user.role}"),
        role_hint=t(f"role_hint.{user.role}"),
        places=places_text(t, org.organisation(services.store), org.places_of(services.store, user.id)),
        nameless=user.role is users.Role.OPERATOR and not user.employee,
    )


@post("/account/sessions/revoke", opt=SIGNED_IN, sync_to_thread=True, include_in_schema=False)
def revoke_session(request: AnyRequest, data: URLEncodedBody[RevokeForm]) -> Redirect:
    """End one of the visitor's own sessions, or all but this one."""
    services = services_of(request)
    visitor = the_visitor(request)
    own = users.list_sessions(services.store, visitor.user.id, services.now_ns())
    for session in own:
        if session.key != visitor.session.key and data.key in {session.key, "others"}:
            users.delete_session(services.store, session.key)
            audit.record(services, request, "session.revoke", session.key[:16])
    return Redirect("/account", status_code=303)
