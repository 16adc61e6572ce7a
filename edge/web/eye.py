"""The page of `earshot eye --show` as a Litestar application: a password, then the camera's picture as it changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Response, get, post
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Stream, Template
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig

from edge.web.guard import host_is_ours, origin_is_ours, own_names, token_fits
from edge.web.words import catalogue, choose

_FOLDER = Path(__file__).parent
# Not the panel's cookie: both pages may be of one host, and cookies know no ports.
_COOKIE = "earshot_eye"
_BODY_BYTES_MAX = 4096
_BOUNDARY = "earshot-frame"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

AnyRequest = Request[Any, Any, Any]


def create_preview_app(host: str, password: str, pictures: Callable[[], AsyncIterator[bytes]]) -> Litestar:
    """The application; `pictures` gives JPEG files for as long as somebody looks."""
    names = own_names(host)

    def is_ours(request: AnyRequest) -> bool:
        return host_is_ours(request.headers.get("host", ""), names)

    def is_known(request: AnyRequest) -> bool:
        return token_fits(password, [request.cookies.get(_COOKIE, "")])

    def page(request: AnyRequest, *, refused: bool, status: int = 200) -> Template:
        language = choose(request.query_params.get("lang"), request.headers.get("accept-language", ""))
        context = {"t": catalogue(language), "language": language, "known": is_known(request), "refused": refused}
        return Template("eye.html", context=context, status_code=status)

    @get("/")
    async def show(request: AnyRequest) -> Template | Response[Any]:
        return page(request, refused=False) if is_ours(request) else Response("", status_code=421)

    @post("/login", request_max_body_size=_BODY_BYTES_MAX)
    async def login(request: AnyRequest) -> Template | Redirect | Response[Any]:
        headers = request.headers
        if not is_ours(request):
            return Response("", status_code=421)
        if not origin_is_ours(headers.get("host", ""), headers.get("origin"), headers.get("sec-fetch-site")):
            return Response("", status_code=403)
        offered = str((await request.form()).get("token", ""))
        if not token_fits(password, [offered]):
            return page(request, refused=True, status=401)
        response = Redirect("/", status_code=303)
        response.set_cookie(_COOKIE, offered, httponly=True, samesite="strict")
        return response

    @get("/stream")
    async def stream(request: AnyRequest) -> Stream | Response[Any]:
        if not is_ours(request) or not is_known(request):
            return Response("", status_code=401)
        return Stream(_parts(pictures()), media_type=f"multipart/x-mixed-replace; boundary={_BOUNDARY}")

    return Litestar(
        [show, login, stream, create_static_files_router("/static", [_FOLDER / "static"])],
        template_config=TemplateConfig(directory=_FOLDER / "templates", engine=JinjaTemplateEngine),
        response_headers=_HEADERS,
        openapi_config=None,
        logging_config=None,
    )


async def _parts(pictures: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for jpeg in pictures:
        head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        yield head.encode() + jpeg + b"\r\n"
