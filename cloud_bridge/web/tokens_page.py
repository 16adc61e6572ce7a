"""The page of tokens: which programs may do what, until when; a new token is shown once."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Meta, Struct

from cloud_bridge.access.table import Action
from cloud_bridge.store import tokens
from cloud_bridge.store.org import Organisation, Place, organisation
from cloud_bridge.store.scope import EVERYTHING
from cloud_bridge.store.tokens import Token, TokenError, TokenScope
from cloud_bridge.web import audit
from cloud_bridge.web.html import page
from cloud_bridge.web.i18n import Translator
from cloud_bridge.web.permits import needs
from cloud_bridge.web.reports import place_choices
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of

_SHOWN_MAX = 200
# One box that is ticked comes as itself, several as a list.
_Ticked = Annotated[str, Meta(max_length=127)] | Annotated[list[str], Meta(max_length=500)]


class TokenForm(Struct, frozen=True):
    """A token to be made. `places`: <site> or <site>/<counter>; none: everywhere."""

    name: Annotated[str, Meta(max_length=200)]
    days: Annotated[str, Meta(max_length=6)] = "365"
    scopes: _Ticked = ""
    places: _Ticked = ""


class TokenView(Struct, frozen=True, kw_only=True):
    """A token in words; `state` is valid, expired or revoked."""

    id: int
    name: str
    scopes: str
    places: str
    made: str
    made_by: str
    expires: str
    used: str
    state: str


@get("/tokens", opt=needs(Action.MAKE_TOKENS), sync_to_thread=True, include_in_schema=False)
def show_tokens(request: AnyRequest) -> Template:
    """All tokens, and the form for another one."""
    return _page(request)


@post("/tokens/make", opt=needs(Action.MAKE_TOKENS), sync_to_thread=True, include_in_schema=False)
def make_token(request: AnyRequest, data: URLEncodedBody[TokenForm]) -> Template:
    """Make a token and show its secret, this once."""
    services, t = services_of(request), translator_of(request)
    known = {value for value, _ in place_choices(organisation(services.store), EVERYTHING)}
    chosen, at = _ticked(data.scopes), _ticked(data.places)
    scopes = [TokenScope(one) for one in chosen if one in set(TokenScope)]
    places = [Place(*one.split("/", 1)) for one in at if one in known]
    if len(scopes) < len(chosen) or len(places) < len(at):
        return _page(request, form=data, problem=t("tokens.choose"), status=400)
    days = int(data.days) if data.days.isascii() and data.days.isdigit() else 0
    by = the_visitor(request).name
    try:
        secret = tokens.make_token(
            services.store, data.name, scopes, places, days=days, by=by, now_ns=services.now_ns()
        )
    except TokenError as error:
        return _page(request, form=data, problem=t("tokens.refused", reason=str(error)), status=400)
    made = tokens.list_tokens(services.store)[0]
    said = " ".join([str(made.id), made.name, *sorted(made.scopes), *at])
    audit.record(services, request, "token.make", said)
    return _page(request, secret=secret)


@post("/tokens/{token:int}/revoke", opt=needs(Action.MAKE_TOKENS), sync_to_thread=True, include_in_schema=False)
def revoke_token(request: AnyRequest, token: FromPath[int]) -> Redirect:
    """Make a token invalid at once."""
    services = services_of(request)
    if not 0 < token < 2**63 or not tokens.revoke(services.store, token, services.now_ns()):
        raise NotFoundException
    audit.record(services, request, "token.revoke", str(token))
    return Redirect("/tokens", status_code=303)


ROUTES = (show_tokens, make_token, revoke_token)


def _page(
    request: AnyRequest,
    *,
    form: TokenForm | None = None,
    secret: str | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Template:
    services, t = services_of(request), translator_of(request)
    organised = organisation(services.store)
    now_ns = services.now_ns()
    return page(
        request,
        "tokens.html",
        "tokens",
        status=status,
        tokens=[_view(t, organised, one, now_ns) for one in tokens.list_tokens(services.store)[:_SHOWN_MAX]],
        scopes=[str(one) for one in TokenScope],
        places=place_choices(organised, EVERYTHING),
        form=form or TokenForm(""),
        ticked=[] if form is None else [*_ticked(form.scopes), *_ticked(form.places)],
        secret=secret,
        problem=problem,
        address=str(request.base_url).rstrip("/"),
    )


def _ticked(value: list[str] | str) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def _view(t: Translator, organised: Organisation, token: Token, now_ns: int) -> TokenView:
    titles = dict(place_choices(organised, EVERYTHING))
    names = [f"{place.site}/{place.counter}" if place.counter else place.site for place in token.places]
    state = "valid" if token.is_valid(now_ns) else "expired" if token.revoked_ns is None else "revoked"
    return TokenView(
        id=token.id,
        name=token.name,
        scopes=", ".join(t(f"tokens.scope_{str(one).replace('.', '_')}") for one in sorted(token.scopes)),
        places=", ".join(titles.get(name, name) for name in names) or t("tokens.everywhere"),
        made=t.date(token.made_ns),
        made_by=token.made_by,
        expires=t.date(token.expires_ns),
        used=t.moment(token.used_ns) if token.used_ns is not None else t("tokens.unused"),
        state=state,
    )
