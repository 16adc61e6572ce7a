"""Carries events to other people's programs: signed as the Standard Webhooks specification says, never redirected.

`webhook-signature` is "v1," and the base64 of HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`, keyed by the
bytes behind the secret's whsec_. A repetition has the same id, a new timestamp and a new signature.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import secrets
import socket
import ssl
import threading
from contextlib import suppress

from cloud_bridge.notify.addresses import Reach, Target
from cloud_bridge.notify.carrier import Parcel, Refused
from cloud_bridge.notify.outbox import NotifyError

_TIMEOUT_S = 10.0
_WHOLE_S = 30.0
_ANSWER_BYTES = 300
_PREFIX = "whsec_"
_NS = 1_000_000_000


def make_secret() -> str:
    """A key, as receivers' libraries want it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Webhooks:
    """Posts to where `reach` allows; `tls` is what servers are checked against."""

    def __init__(self, reach: Reach, tls: ssl.SSLContext | None = None) -> None:
        self._reach = reach
        self._tls = tls or ssl.create_default_context()

    def carry(self, parcel: Parcel, now_ns: int) -> str:
        """See `Carrier`. Any 2xx is taken; nothing else is, redirects among it."""
        body = parcel.text.encode()
        timestamp_s = now_ns // _NS
        headers = {
            "content-type": "application/json",
            "user-agent": "Earshot",
            "webhook-id": parcel.id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": signature(parcel.secret, parcel.id, timestamp_s, body),
        }
        try:
            target = self._reach.target(parcel.address)
            connection = self._connection(target, self._reach.address_of(target))
        except NotifyError as error:
            raise Refused(str(error)) from error
        except OSError as error:
            raise Refused(f"the host cannot be found: {error}") from error
        # The limit of the socket holds for each piece of an answer; whoever sends it byte by byte has this long.
        ending = threading.Timer(_WHOLE_S, _cut, [connection])
        ending.start()
        try:
            connection.request("POST", target.path, body=body, headers=headers)
            answer = connection.getresponse()
            said = " ".join(answer.read(_ANSWER_BYTES).decode("utf-8", "replace").split())
        except (OSError, http.client.HTTPException) as error:
            raise Refused(f"{target.host}: {type(error).__name__} {error}"[:300]) from error
        finally:
            ending.cancel()
            connection.close()
        if not 200 <= answer.status < 300:
            # Gone is gone; anything else may be mended.
            raise Refused(f"{answer.status} {answer.reason}: {said}"[:400], final=answer.status == http.client.GONE)
        return str(answer.status)

    def _connection(self, target: Target, address: str) -> http.client.HTTPConnection:
        if target.scheme == "https":
            return _PinnedTls(target, address, self._tls)
        return _Pinned(target, address)


def _cut(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


class _Pinned(http.client.HTTPConnection):
    """To one address, whatever the name means by now."""

    def __init__(self, target: Target, address: str) -> None:
        super().__init__(target.host, target.port, timeout=_TIMEOUT_S)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), _TIMEOUT_S)


class _PinnedTls(http.client.HTTPSConnection):
    """The same with TLS, which still checks the name."""

    def __init__(self, target: Target, address: str, tls: ssl.SSLContext) -> None:
        super().__init__(target.host, target.port, timeout=_TIMEOUT_S, context=tls)
        self._address, self._name, self._checked = address, target.host, tls

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), _TIMEOUT_S)
        try:
            self.sock = self._checked.wrap_socket(plain, server_hostname=self._name)
        except BaseException:
            plain.close()
            raise
