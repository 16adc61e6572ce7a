"""Asking a running box through its own page, from a command on the same machine."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any

from edge.config import Config

_TIMEOUT_S = 10.0


class NoAnswer(Exception):
    """The box does not answer, or refuses; the message says what to look at."""


def ask_box(config: Config, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The JSON answer of the local page; raises `NoAnswer`."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.web.host, config.web.host)
    headers = {"Content-Type": "application/json"}
    if config.web.token:
        headers["Authorization"] = f"Bearer {config.web.token}"
    connection = HTTPConnection(host, config.web.port, timeout=_TIMEOUT_S)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except (OSError, HTTPException, ValueError) as error:
        raise NoAnswer(
            f"the box does not answer at {host}:{config.web.port}: {error}; is 'earshot box' running and web enabled?"
        ) from error
    finally:
        connection.close()
    if response.status >= 300:
        raise NoAnswer(str(answer.get("error", response.status)))
    return answer
