"""Tokens of programs: made once, shown once, kept as a digest."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct
from sqlalchemy import RowMapping, insert, select, update

from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Place
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.tables_token import api_token

PREFIX = "earshot_"
"""What a token begins with, so that one that leaks is recognised."""
DAYS_MAX = 1100
_DAY_NS = 86_400_000_000_000
_TOUCH_NS = 60_000_000_000


class TokenScope(StrEnum):
    """What a program may do."""

    PRESSES_READ = "presses.read"
    TRACKS_READ = "tracks.read"
    RECEIPTS_READ = "receipts.read"
    RECEIPTS_WRITE = "receipts.write"
    REPORTS_READ = "reports.read"


class TokenError(ValueError):
    """A token cannot be made as asked; the message names the value and the remedy."""


class Token(Struct, frozen=True, kw_only=True):
    """A token without its secret. `places` empty: everywhere."""

    id: int
    name: str
    scopes: frozenset[TokenScope]
    places: tuple[Place, ...]
    made_by: str
    made_ns: int
    expires_ns: int
    used_ns: int | None
    revoked_ns: int | None

    @property
    def scope(self) -> Scope:
        """Of which presses and receipts it may do what it may."""
        return Scope(places=self.places)

    def is_valid(self, now_ns: int) -> bool:
        """Whether it still opens anything."""
        return self.revoked_ns is None and now_ns < self.expires_ns


def make_token(
    store: Store, name: str, scopes: Sequence[TokenScope], places: Sequence[Place], *, days: int, by: str, now_ns: int
) -> str:
    """Make a token for `days`; returns the secret, which nobody sees again. Raises `TokenError`."""
    name = name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise TokenError(f"name {name[:100]!r} of a token must have 1 to 100 printable characters")
    if not scopes:
        raise TokenError("a token without a scope opens nothing; choose at least one")
    if not 1 <= days <= DAYS_MAX:
        raise TokenError(f"a token for {days} days cannot be; choose 1 to {DAYS_MAX}")
    secret = PREFIX + secrets.token_urlsafe(32)
    values = {
        "key": _key(secret),
        "name": name,
        "scopes": " ".join(sorted(set(scopes))),
        "places": json.dumps([[place.site, place.counter] for place in sorted(set(places))]),
        "made_by": by,
        "made_ns": now_ns,
        "expires_ns": now_ns + days * _DAY_NS,
    }
    with store.write() as connection:
        connection.execute(insert(api_token).values(values))
    return secret


def find(store: Store, secret: str, now_ns: int) -> Token | None:
    """The token of a secret while it is valid, else None; notes once a minute that it was used."""
    if not secret.startswith(PREFIX):
        return None
    with store.read() as connection:
        row = connection.execute(select(api_token).where(api_token.c.key == _key(secret))).mappings().one_or_none()
    token = None if row is None else _token(row)
    if token is None or not token.is_valid(now_ns):
        return None
    if token.used_ns is None or now_ns - token.used_ns >= _TOUCH_NS:
        with store.write() as connection:
            connection.execute(update(api_token).where(api_token.c.id == token.id).values(used_ns=now_ns))
    return token


def list_tokens(store: Store) -> tuple[Token, ...]:
    """All tokens, newest first, those that are no longer valid among them."""
    with store.read() as connection:
        return tuple(
            _token(row) for row in connection.execute(select(api_token).order_by(api_token.c.id.desc())).mappings()
        )


def revoke(store: Store, token: int, now_ns: int) -> bool:
    """Make a token invalid at once; False where it is not valid or there is none."""
    valid = (api_token.c.id == token) & api_token.c.revoked_ns.is_(None) & (api_token.c.expires_ns > now_ns)
    with store.write() as connection:
        return connection.execute(update(api_token).where(valid).values(revoked_ns=now_ns)).rowcount > 0


def _key(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _token(row: RowMapping) -> Token:
    known = set(TokenScope)
    return Token(
        id=row["id"],
        name=row["name"],
        # One that a later version knows opens nothing here.
        scopes=frozenset(TokenScope(one) for one in row["scopes"].split() if one in known),
        places=tuple(Place(site, counter) for site, counter in json.loads(row["places"])),
        made_by=row["made_by"],
        made_ns=row["made_ns"],
        expires_ns=row["expires_ns"],
        used_ns=row["used_ns"],
        revoked_ns=row["revoked_ns"],
    )
