"""Who may ask the local page for what: the token, and protection from other sites' pages in the same browser."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

COOKIE = "earshot_token"


def own_names(listen_host: str) -> frozenset[str]:
    """The names by which a browser may call this box; addresses are always allowed, see `host_is_ours`."""
    name = socket.gethostname().lower()
    names = {"localhost", name, f"{name.partition('.')[0]}.local"}
    if listen_host:
        names.add(listen_host.lower())
    return frozenset(names)


def host_is_ours(host_header: str, names: Iterable[str]) -> bool:
    """Whether the Host header is one of ours: DNS rebinding needs a foreign name, an address can't be rebound."""
    try:
        host = urlsplit(f"//{host_header}").hostname
    except ValueError:
        return False
    if not host:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.lower() in names
    return True


def origin_is_ours(host_header: str, origin: str | None, fetch_site: str | None) -> bool:
    """Whether a POST comes from our own page or from a program (which sends no Origin), never from another site."""
    if fetch_site not in (None, "same-origin", "none"):
        return False
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc.lower() == host_header.lower() != ""
    except ValueError:
        return False


def offered_tokens(authorization: str | None, cookie: str | None, form_token: str | None) -> list[str]:
    """All tokens that a request carries."""
    offered = [form_token] if form_token else []
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        offered.append(value.strip())
    try:
        jar = SimpleCookie(cookie or "")
    except CookieError:
        return offered
    if COOKIE in jar:
        offered.append(jar[COOKIE].value)
    return offered


def token_fits(expected: str, offered: Iterable[str]) -> bool:
    """Whether one is the configured token, in constant time; without a configured one everybody may."""
    if not expected:
        return True
    return any(hmac.compare_digest(token.encode(), expected.encode()) for token in offered)
