"""The local page as a Litestar application. It knows HTTP; what it asks for goes to `Asks`."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar
from urllib.parse import quote

import msgspec
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Template
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig

from edge.config import Config
from edge.requests import Done, Refused
from edge.web.display import display_handlers
from edge.web.doctor import Examine, Examiner, doctor_handlers
from edge.web.guard import COOKIE, host_is_ours, offered_tokens, origin_is_ours, own_names, token_fits
from edge.web.words import LANGUAGES, catalogue, choose
from edge.wire import Name, Strict, Text

_FOLDER = Path(__file__).parent
_BODY_BYTES_MAX = 16 * 1024
_LANGUAGE_COOKIE = "earshot_lang"
_FORM = "application/x-www-form-urlencoded"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    # "no-referrer" would make browsers send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

RequestId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:-]{1,100}$")]
AnyRequest = Request[Any, Any, Any]


class Busy(Exception):
    """The main thread has not answered in time."""


class Asks(Protocol):
    """What the page asks for; each raises `Busy`."""

    async def press(
        self, button: str, employee: str | None, request_id: str | None, mono_ns: int, *, from_network: bool
    ) -> Done | Refused:
        """Make a press durable."""
        ...

    async def shift(self, button: str, employee: str | None, mono_ns: int) -> Refused | None:
        """Bind a shared button."""
        ...

    async def state(self) -> dict[str, Any]:
        """The state of the box."""
        ...

    async def display(self) -> dict[str, Any]:
        """What the Loyalty Display shows."""
        ...


class PressBody(Strict, frozen=True):
    """POST /press. `request_id` makes a repetition the same press; `token` only in forms."""

    button: Name
    employee: Text | None = None
    request_id: RequestId | None = None
    token: str | None = None


class ShiftBody(Strict, frozen=True):
    """POST /shift. Without `employee` (or an empty one) nobody is on shift."""

    button: Name
    employee: Text | None = None
    token: str | None = None


class LoginBody(Strict, frozen=True):
    """POST /login: the token is kept in a cookie that other sites can't use."""

    token: str


_Body = TypeVar("_Body", PressBody, ShiftBody, LoginBody)


class _Answer(Exception):
    """Ends a handler early with this status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def create_app(config: Config, asks: Asks, mono_ns: Callable[[], int], examine: Examine) -> Litestar:
    """The application for one box. Presses are stamped by `mono_ns` before anything else is looked at."""
    names = own_names(config.web.host)
    token = config.web.token

    def check(request: AnyRequest) -> None:
        host = request.headers.get("host", "")
        if not host_is_ours(host, names):
            raise _Answer(421, f"host {host[:100]!r} is not this box; use its address or its own name")
        if request.method == "POST" and not origin_is_ours(
            host, request.headers.get("origin"), request.headers.get("sec-fetch-site")
        ):
            raise _Answer(403, "another site's page asks; use the page of the box itself")

    def authorized(request: AnyRequest, form_token: str | None) -> bool:
        headers = request.headers
        return token_fits(token, offered_tokens(headers.get("authorization"), headers.get("cookie"), form_token))

    async def body(request: AnyRequest, kind: type[_Body]) -> _Body:
        check(request)
        try:
            if is_form(request):
                form = {key: value for key, value in (await request.form()).items() if value != ""}
                found = msgspec.convert(form, kind)
            else:
                found = msgspec.json.decode(await request.body(), type=kind)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
            raise _Answer(400, f"the request is not understood: {error}") from error
        if not authorized(request, found.token):
            raise _Answer(401, "the token is missing or wrong; send 'Authorization: Bearer <web.token>'")
        return found

    @post("/press", request_max_body_size=_BODY_BYTES_MAX)
    async def press(request: AnyRequest) -> Response[Any]:
        now_ns = mono_ns()
        wanted = await body(request, PressBody)
        done = await asks.press(
            wanted.button, wanted.employee, wanted.request_id, now_ns, from_network=not is_this_box(request)
        )
        if isinstance(done, Refused):
            raise _Answer(503 if done.is_temporary else 404, done.reason)
        if is_form(request):
            return back(f"?done={quote(wanted.button)}")
        return Response({"press": done.press, "repeated": done.repeated}, status_code=202)

    @post("/shift", request_max_body_size=_BODY_BYTES_MAX)
    async def shift(request: AnyRequest) -> Response[Any]:
        now_ns = mono_ns()
        wanted = await body(request, ShiftBody)
        refused = await asks.shift(wanted.button, wanted.employee, now_ns)
        if refused is not None:
            raise _Answer(503 if refused.is_temporary else 404, refused.reason)
        if is_form(request):
            return back("?done=shift")
        return Response({"button": wanted.button, "employee": wanted.employee}, status_code=202)

    @post("/login", request_max_body_size=_BODY_BYTES_MAX)
    async def login(request: AnyRequest) -> Response[Any]:
        wanted = await body(request, LoginBody)
        response = back("")
        response.set_cookie(COOKIE, wanted.token, httponly=True, samesite="strict", max_age=30 * 86400)
        return response

    @get("/state")
    async def state(request: AnyRequest) -> Response[Any]:
        check(request)
        return Response(await asks.state())

    @get("/")
    async def page(request: AnyRequest) -> Template:
        check(request)
        language = language_of(request)
        texts = catalogue(language)
        context = {
            "t": texts,
            "language": language,
            "languages": LANGUAGES,
            "box": config.box,
            "buttons": config.buttons,
            "shared": [button for button in config.buttons if button.shared],
            "state": await asks.state(),
            "done": request.query_params.get("done"),
            "needs_token": not authorized(request, None),
            "request_id": lambda: secrets.token_hex(16),
        }
        response = Template("panel.html", context=context)
        if "lang" in request.query_params:
            response.set_cookie(_LANGUAGE_COOKIE, language, samesite="strict", max_age=365 * 86400)
        return response

    def admit(request: AnyRequest) -> None:
        check(request)
        if not authorized(request, None):
            raise _Answer(401, "the token of the box is needed; enter it on the panel, or send it as a bearer token")

    def answer(request: AnyRequest, reply: _Answer) -> Response[Any]:
        if is_form(request) and reply.status != 421:
            language = language_of(request)
            context = {"t": catalogue(language), "language": language, "reason": reply.reason}
            return Template("refused.html", context=context, status_code=reply.status)
        return Response({"error": reply.reason}, status_code=reply.status, media_type=MediaType.JSON)

    def busy(_request: AnyRequest, _error: Busy) -> Response[Any]:
        reason = "the box has not answered in time; send the same request_id again, it makes no second press"
        return Response({"error": reason}, status_code=503, headers={"Retry-After": "1"})

    return Litestar(
        route_handlers=[
            press,
            shift,
            login,
            state,
            page,
            *display_handlers(check=check, state=asks.display, language_of=language_of),
            *doctor_handlers(config, Examiner(examine), admit=admit, state=asks.state, language_of=language_of),
            create_static_files_router(path="/static", directories=[_FOLDER / "static"]),
        ],
        template_config=TemplateConfig(directory=_FOLDER / "templates", engine=JinjaTemplateEngine),
        exception_handlers={_Answer: answer, Busy: busy},
        response_headers=_HEADERS,
        openapi_config=None,
        logging_config=None,
    )


def is_form(request: AnyRequest) -> bool:
    """Whether a page's form was sent, which wants a page as the answer."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM


def is_this_box(request: AnyRequest) -> bool:
    """Whether the request was sent on this machine."""
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def language_of(request: AnyRequest) -> str:
    """The language that was chosen, now or before, else the browser's."""
    chosen = request.query_params.get("lang") or request.cookies.get(_LANGUAGE_COOKIE)
    return choose(chosen, request.headers.get("accept-language", ""))


def back(query: str) -> Response[Any]:
    """To the page again, by GET."""
    return Redirect(f"/{query}", status_code=303)
