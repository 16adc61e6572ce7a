"""Programs that ask the API: the token behind a Bearer header, what it opens, and how often it may ask."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from litestar.exceptions import TooManyRequestsException

from cloud_bridge.store import tokens
from cloud_bridge.store.engine import Store
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.tokens import Token

_BEARER = "bearer "
_MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Program:
    """A program, by its token."""

    token: Token

    @property
    def name(self) -> str:
        """As the audit trail names it; no account has a name like that by chance."""
        return f"token {self.token.id} {self.token.name}"

    def scope(self, wanted: str | None) -> Scope | None:
        """Where the token opens what needs the scope `wanted`; None: nowhere."""
        return self.token.scope if wanted in self.token.scopes else None


@dataclass(slots=True)
class Rates:
    """How often each token asked in the current minute; of this process alone."""

    _minute: int = 0
    _asked: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, token: int, now_ns: int, limit: int) -> None:
        """Count one request; raises `TooManyRequestsException` where the minute has had its `limit`."""
        minute = now_ns // _MINUTE_NS
        with self._lock:
            if minute != self._minute:
                self._minute = minute
                self._asked.clear()
            asked = self._asked.get(token, 0)
            if asked >= limit:
                wait_s = 60 - now_ns % _MINUTE_NS // 1_000_000_000
                raise TooManyRequestsException(
                    f"this token has asked {limit} times in this minute; ask again in {wait_s} s",
                    headers={"retry-after": str(wait_s)},
                )
            self._asked[token] = asked + 1


def bearer_of(header: str) -> str | None:
    """The secret of an Authorization header; None where it is of another kind."""
    return header[len(_BEARER) :].strip() if header.lower().startswith(_BEARER) else None


def look_up_program(store: Store, secret: str, rates: Rates, *, limit: int, now_ns: int) -> Program | None:
    """The program of a secret, None where it is none's; raises `TooManyRequestsException`."""
    token = tokens.find(store, secret, now_ns)
    if token is None:
        return None
    rates.count(token.id, now_ns, limit)
    return Program(token)
