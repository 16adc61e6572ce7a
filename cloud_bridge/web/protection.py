"""Headers that keep browsers from doing harm, and errors that say no more than they should."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlsplit

from litestar import Response
from litestar.datastructures import MutableScopeHeaders
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.response import Redirect, Template
from litestar.types import Message, Scope

from cloud_bridge.web.html import page
from cloud_bridge.web.visitor import AnyRequest

log = logging.getLogger("earshot.web")

_PROGRAM_PATHS = ("/api/", "/schema", "/metrics", "/healthz")
_PAGE_CODES = (400, 403, 404, 429, 500)


def make_header_hook(*, https: bool) -> Callable[[Message, Scope], Awaitable[None]]:
    """A `before_send` hook that gives every answer, of whatever origin, the protecting headers."""

    async def add_headers(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        nonce = scope.get("state", {}).get("style_nonce")
        style = f"'self' 'nonce-{nonce}'" if nonce else "'self'"
        headers = MutableScopeHeaders.from_message(message)
        headers["content-security-policy"] = (
            f"default-src 'none'; script-src 'self'; style-src {style}; img-src 'self'; media-src 'self'; "
            "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        headers["x-content-type-options"] = "nosniff"
        headers["x-frame-options"] = "DENY"
        headers["referrer-policy"] = "same-origin"
        headers["cross-origin-opener-policy"] = "same-origin"
        headers["cross-origin-resource-policy"] = "same-origin"
        headers["permissions-policy"] = "camera=(), microphone=(), geolocation=()"
        if https:
            headers["strict-transport-security"] = "max-age=31536000"

    return add_headers


def local_path(target: str) -> str:
    """`target` when it is a path of ours, else the front page: no redirect leads elsewhere."""
    parts = urlsplit(target)
    plain = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if plain and not parts.scheme and not parts.netloc else "/"


def answer_error(request: AnyRequest, error: Exception) -> Response[object] | Template | Redirect:
    """Errors for people as pages, for programs as JSON; without a session pages lead to the login."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status >= 500:
        log.error("%s %r failed", request.method, request.url.path, exc_info=error)
    path = request.url.path
    if path.startswith(_PROGRAM_PATHS):
        detail = error.detail if isinstance(error, HTTPException) and status < 500 else "internal error"
        headers = {"cache-control": "no-store"} | ((error.headers or {}) if isinstance(error, HTTPException) else {})
        if status == 401:
            headers["www-authenticate"] = "Bearer"
        return Response({"status_code": status, "detail": detail}, status_code=status, headers=headers)
    if isinstance(error, NotAuthorizedException):
        if "hx-request" in request.headers:
            return Response(None, status_code=401, headers={"hx-redirect": "/login"})
        if "text/event-stream" in request.headers.get("accept", ""):
            return Response(None, status_code=401)
        query = request.scope["query_string"].decode("latin-1")
        target = path + (f"?{query}" if query else "") if request.method == "GET" else "/"
        return Redirect(f"/login?next={quote(target)}" if target != "/" else "/login", status_code=303)
    code = next((known for known in _PAGE_CODES if known == status), 404 if status < 500 else 500)
    return page(request, "error.html", "", status=status, code=code, status_text=str(status))
