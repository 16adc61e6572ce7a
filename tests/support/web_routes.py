"""Every route of the pages, for tests that walk them all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from litestar import Litestar

PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
SAFE = {"GET", "HEAD"}
_NOTHING = {"int": "999999999", "path": "none"}


def handlers(app: Litestar) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(path, method, opt) of every handler, without what answers OPTIONS; the path names the types of parameters."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            for method in sorted(map(str, handler.http_methods)):
                if method != "OPTIONS":
                    yield route.path, method, handler.opt


def concrete(path: str, values: Mapping[str, str] | None = None) -> str:
    """The path with its parameters replaced; one that is not in `values` names nothing that exists."""

    def value(match: re.Match[str]) -> str:
        return (values or {}).get(match[1]) or _NOTHING.get(match[2] or "", "0" * 32)

    return PARAMETER.sub(value, path)
