"""JSON over HTTP to our own processes on loopback."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 10.0


class RefusedError(Exception):
    """The answer was not a success; the message holds status and text."""

    def __init__(self, method: str, url: str, status: int, text: str) -> None:
        super().__init__(f"{method} {url} was answered {status}: {text[:500]}")
        self.status = status


def get_json(url: str, token: str = "") -> dict[str, Any]:
    """The decoded answer, {} for an answer without JSON; raises `RefusedError`, `OSError`."""
    return _exchange("GET", url, None, token)


def post_json(url: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    """The same for a POST of `body`."""
    return _exchange("POST", url, body, token)


def _exchange(method: str, url: str, body: dict[str, Any] | None, token: str) -> dict[str, Any]:
    parts = urlsplit(url)
    headers = {"Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    payload = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        payload = json.dumps(body)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        connection.request(method, parts.path or "/", payload, headers)
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
    finally:
        connection.close()
    if response.status >= 300:
        raise RefusedError(method, url, response.status, text)
    if "json" not in response.getheader("Content-Type", ""):
        return {}
    decoded: dict[str, Any] = json.loads(text)
    return decoded
