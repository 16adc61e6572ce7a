"""Who asks: the session behind the cookie, or the token behind the header; what nobody in particular may ask."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.exceptions import NotAuthorizedException
from litestar.middleware.authentication import AbstractAuthenticationMiddleware, AuthenticationResult

from cloud_bridge.access.permissions import Binding
from cloud_bridge.store import org, users
from cloud_bridge.web.i18n import LANGUAGES, Language, Translator, negotiate
from cloud_bridge.web.programs import Program, bearer_of, look_up_program
from cloud_bridge.web.settings import Services

PUBLIC = {"public": True}
"""A handler's `opt` that lets everybody in; what other handlers need, `permits` says."""

PROGRAMS_PATH = "/api/v1/"
"""Where tokens open something."""
LANGUAGE_COOKIE = "earshot_language"
_NS = 1_000_000_000
_TOUCH_NS = 60 * _NS
_LIFE_NS = 30 * 86_400 * _NS
_AGENT_CHARS = 300


@dataclass(frozen=True, slots=True)
class Visitor:
    """A logged-in person, the session that says so, and what the person may do where."""

    user: users.User
    session: users.Session
    bindings: tuple[Binding, ...]

    @property
    def name(self) -> str:
        """The account's name."""
        return self.user.name


AnyConnection = ASGIConnection[Any, Any, Any, Any]
AnyRequest = Request[Any, Any, Any]


def services_of(connection: AnyConnection) -> Services:
    """The application's services."""
    services: Services = connection.app.state.services
    return services


def visitor_of(connection: AnyConnection) -> Visitor | None:
    """The person who asks, or None; also where routing failed before anybody was looked up."""
    asker = connection.scope.get("user")
    return asker if isinstance(asker, Visitor) else None


def program_of(connection: AnyConnection) -> Program | None:
    """The program that asks, or None."""
    asker = connection.scope.get("user")
    return asker if isinstance(asker, Program) else None


def asker_name(connection: AnyConnection) -> str:
    """Who asks, person or program, as the audit trail names them; raises the 401 where nobody does."""
    program = program_of(connection)
    return the_visitor(connection).name if program is None else program.name


def the_visitor(connection: AnyConnection) -> Visitor:
    """Who asks, in handlers that are not public."""
    visitor = visitor_of(connection)
    if visitor is None:
        raise NotAuthorizedException
    return visitor


def cookie_name(services: Services) -> str:
    """Name of the session cookie."""
    return f"{services.settings.cookie_prefix}earshot_session"


def address_of(connection: AnyConnection) -> str:
    """Where the request comes from, as the server (and a trusted proxy) says."""
    return connection.client.host if connection.client else "unknown"


def look_up(services: Services, token: str, *, prolong: bool) -> Visitor | None:
    """The visitor of a cookie's value. `prolong`: a person did this, the session lasts longer (once a minute)."""
    now_ns = services.now_ns()
    session = users.get_session(services.store, users.session_key(token), now_ns)
    if session is None or session.user is None:
        return None
    user = users.user(services.store, session.user)
    if user is None or user.disabled:
        return None
    if prolong and now_ns - session.seen_ns >= _TOUCH_NS:
        users.touch_session(services.store, session.key, now_ns, _expiry_ns(services, now_ns, session.created_ns))
    places = org.places_of(services.store, user.id)
    return Visitor(user, session, (Binding(user.role, places, user.employee or None),))


def begin_session(services: Services, user: users.User, request: AnyRequest) -> Cookie:
    """A new session and its cookie. The browser's earlier session, if any, ends: its value is never used again."""
    end_session(services, request)
    token = secrets.token_urlsafe(32)
    now_ns = services.now_ns()
    users.delete_expired_sessions(services.store, now_ns)
    users.put_session(
        services.store,
        users.Session(
            key=users.session_key(token),
            user=user.id,
            data=b"",
            created_ns=now_ns,
            seen_ns=now_ns,
            expires_ns=_expiry_ns(services, now_ns, now_ns),
            address=address_of(request),
            agent=request.headers.get("user-agent", "")[:_AGENT_CHARS],
        ),
    )
    return session_cookie(services, token)


def end_session(services: Services, request: AnyRequest) -> None:
    """End the session that the request came with, if any."""
    token = request.cookies.get(cookie_name(services))
    if token:
        users.delete_session(services.store, users.session_key(token))


def session_cookie(services: Services, token: str) -> Cookie:
    """The session cookie; an empty `token` removes it."""
    return Cookie(
        key=cookie_name(services),
        value=token,
        path="/",
        httponly=True,
        secure=services.settings.https,
        samesite="lax",
        max_age=None if token else 0,
    )


def translator_of(connection: AnyConnection) -> Translator:
    """Words in the language that was chosen, else the account's, else the browser's."""
    services = services_of(connection)
    visitor = visitor_of(connection)
    wanted = (connection.cookies.get(LANGUAGE_COOKIE), visitor.user.language if visitor else None)
    language: Language = negotiate(connection.headers.get("accept-language", ""))
    for one in reversed(wanted):
        language = next((known for known in LANGUAGES if known == one), language)
    return services.translator(language)


class SessionAuthentication(AbstractAuthenticationMiddleware):
    """Puts the `Visitor` (or None) into the scope; refusing is the business of the guard in `permits`."""

    async def authenticate_request(self, connection: AnyConnection) -> AuthenticationResult:
        """Look the session up in the database, off the event loop; of the API, a program's token before that."""
        services = services_of(connection)
        secret = bearer_of(connection.headers.get("authorization", ""))
        if secret is not None and connection.url.path.startswith(PROGRAMS_PATH):
            limit = services.settings.token_requests_a_minute
            program = await asyncio.to_thread(
                look_up_program, services.store, secret, services.rates, limit=limit, now_ns=services.now_ns()
            )
            return AuthenticationResult(user=program, auth=None)
        token = connection.cookies.get(cookie_name(services))
        if not token:
            return AuthenticationResult(user=None, auth=None)
        # A page that refreshes itself must not keep a session alive that nobody uses.
        by_itself = connection.scope.get("method") == "GET" and "hx-request" in connection.headers
        visitor = await asyncio.to_thread(look_up, services, token, prolong=not by_itself)
        return AuthenticationResult(user=visitor, auth=None)


def _expiry_ns(services: Services, now_ns: int, created_ns: int) -> int:
    return min(now_ns + int(services.settings.session_hours * 3600 * _NS), created_ns + _LIFE_NS)
