"""Enrolment over HTTP: how a box that knows a one-time code, and nothing else, gets its certificate from the bridge.

A code is 25 characters, `XXXXX-XXXXX-XXXXX-XXXXX-XXXXX`, of an alphabet without look-alikes: five that name it,
nineteen (95 bits) that only the bridge and the reader of its page know, and one that catches typing errors. The secret
part never crosses the network. Both sides prove that they know it by an HMAC over all that they say, so whoever stands
between them, with whatever TLS certificate, can neither get a certificate, nor change one, nor send the box to a false
broker.

Later the box proves itself by its key and the bridge by that of its authority, in the same envelope.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from edge.wire.fields import END, Id, Name, Strict, WireError

CODE_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_ID_CHARS: Final = 5
CODE_SECRET_CHARS: Final = 19
CODE_CHARS: Final = CODE_ID_CHARS + CODE_SECRET_CHARS + 1
_GROUP: Final = 5
_LOOK_ALIKES: Final = str.maketrans("OIL", "011")

ENROL_PATH: Final = "/api/enrol"
RENEW_PATH: Final = "/api/enrol/renew"
_PEM_MAX: Final = 16 * 1024

CodeId = Annotated[str, Meta(pattern=f"^[{CODE_ALPHABET}]{{{CODE_ID_CHARS}}}" + END)]
Pem = Annotated[str, Meta(max_length=_PEM_MAX, pattern="^-----BEGIN ")]
OptionalPem = Annotated[str, Meta(max_length=8 * _PEM_MAX, pattern="^(-----BEGIN |$)")]
Label = Annotated[str, Meta(max_length=100, pattern=r"^[ -~]*" + END)]


class EnrolRequest(Strict, frozen=True):
    """Asks for the first certificate of a key. `hardware` and `software` are for people's eyes."""

    version: Literal[1]
    code: CodeId
    site: Name
    box: Name
    csr: Pem
    hardware: Label
    software: Label
    nonce: Id


class RenewRequest(Strict, frozen=True):
    """Asks for the next certificate of the key that `certificate` is for."""

    version: Literal[1]
    certificate: Pem
    hardware: Label
    software: Label
    nonce: Id


class Grant(Strict, frozen=True):
    """What an enrolled box is given. `broker_ca` and `bridge_ca` are PEM bundles; empty: the system's authorities."""

    version: Literal[1]
    site: Name
    box: Name
    certificate: Pem
    authority: Pem
    broker_host: Annotated[str, Meta(min_length=1, max_length=253)]
    broker_port: Annotated[int, Meta(ge=1, le=65535)]
    broker_ca: OptionalPem
    bridge_ca: OptionalPem


class Sealed(Strict, frozen=True):
    """A payload in the very characters that its proof was made over."""

    payload: Annotated[str, Meta(max_length=256 * 1024)]
    proof: Annotated[str, Meta(max_length=1024, pattern="^[0-9a-f]+" + END)]


class Code(Strict, frozen=True):
    """An enrolment code, taken apart."""

    id: CodeId
    secret: str

    @property
    def text(self) -> str:
        """The code as people see it."""
        whole = self.id + self.secret
        whole += _check_character(whole)
        return "-".join(whole[at : at + _GROUP] for at in range(0, CODE_CHARS, _GROUP))

    @property
    def masked(self) -> str:
        """The code as logs may show it."""
        return f"{self.id}-…"


def make_code(code_id: str, secret: str) -> Code:
    """A code of its two parts; raises `WireError` where they can't be ones."""
    if not re.fullmatch(f"[{CODE_ALPHABET}]{{{CODE_ID_CHARS}}}", code_id):
        raise WireError(f"{code_id!r} can't name a code")
    if not re.fullmatch(f"[{CODE_ALPHABET}]{{{CODE_SECRET_CHARS}}}", secret):
        raise WireError("the secret part of a code has another form")
    return Code(id=code_id, secret=secret)


def parse_code(text: str) -> Code:
    """A code as a person typed it: case, spaces, dashes and the look-alikes O, I, L don't matter.

    Raises `WireError`, which never quotes the secret, for another length, a foreign character or a typing error.
    """
    plain = re.sub(r"[\s\-\u2010-\u2015]", "", text).upper().translate(_LOOK_ALIKES)
    if len(plain) != CODE_CHARS:
        raise WireError(f"an enrolment code has {CODE_CHARS} characters, this one has {len(plain)}; copy it again")
    if foreign := sorted(set(plain) - set(CODE_ALPHABET)):
        raise WireError(f"an enrolment code has no {', '.join(map(repr, foreign[:5]))}; copy it again")
    body, check = plain[:-1], plain[-1]
    if _check_character(body) != check:
        raise WireError(f"the enrolment code {body[:CODE_ID_CHARS]}-… has a typing error; copy it again")
    return Code(id=body[:CODE_ID_CHARS], secret=body[CODE_ID_CHARS:])


def letters(data: bytes, count: int) -> str:
    """The first `count` characters, five bits each, of uniformly random bytes; raises `ValueError` for too few."""
    if len(data) * 8 < count * 5:
        raise ValueError(f"{count} characters need {count * 5} bits, there are {len(data) * 8}")
    bits = int.from_bytes(data)
    width = len(data) * 8
    return "".join(CODE_ALPHABET[(bits >> (width - 5 * (at + 1))) & 31] for at in range(count))


def prove_request(code: Code, payload: bytes) -> str:
    """The proof of an `EnrolRequest`'s bytes."""
    return _mac(code, b"request", payload)


def prove_grant(code: Code, request: bytes, payload: bytes) -> str:
    """The proof of a `Grant`'s bytes, which is good for that one request alone."""
    return _mac(code, b"grant", hashlib.sha256(request).digest() + payload)


def proofs_equal(one: str, other: str) -> bool:
    """Whether two proofs are the same, in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def renewal_bytes(payload: bytes) -> bytes:
    """What the box's key signs (ECDSA, SHA-256) for a `RenewRequest`'s bytes."""
    return b"earshot renewal 1\0" + payload


def renewal_grant_bytes(request: bytes, payload: bytes) -> bytes:
    """What the authority's key signs (ECDSA, SHA-256) for the `Grant` that answers a renewal."""
    return b"earshot renewal grant 1\0" + hashlib.sha256(request).digest() + payload


def seal(payload: bytes, proof: str) -> bytes:
    """The envelope's bytes."""
    return msgspec.json.encode(Sealed(payload=payload.decode(), proof=proof))


def _mac(code: Code, purpose: bytes, data: bytes) -> str:
    key = hmac.digest((code.id + code.secret).encode(), b"earshot enrolment 1 " + purpose, "sha256")
    return hmac.new(key, data, "sha256").hexdigest()


def _check_character(body: str) -> str:
    return CODE_ALPHABET[hashlib.sha256(b"earshot code " + body.encode()).digest()[0] >> 3]
