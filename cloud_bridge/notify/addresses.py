"""Where a webhook may go: to addresses of the public internet, and to the private networks that were allowed.

A URL that people enter makes this machine send requests, so it must not reach what only this machine can reach. The
name is resolved here, every address that it has must be allowed, and the connection goes to the very one that was
looked at: what the name means a moment later does not matter.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from msgspec import Struct

from cloud_bridge.config import ConfigError, Notify
from cloud_bridge.notify.outbox import NotifyError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

_URL_CHARS = 2000
# Wrappings of an IPv4 address in an IPv6 one: what is inside decides.
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


class Target(Struct, frozen=True):
    """A webhook's URL, taken apart."""

    scheme: str
    host: str
    port: int
    path: str


def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a name; raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Reach:
    """What may be reached. Raises `ConfigError` for a network that is none."""

    def __init__(self, config: Notify, look_up: Resolve = resolve) -> None:
        try:
            self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(text) for text in config.webhook_networks)
        except ValueError as error:
            raise ConfigError(f"notify.webhook_networks: {error}; write 10.1.0.0/16") from error
        self._http = config.webhook_http
        self._look_up = look_up

    def target(self, url: str) -> Target:
        """The parts of a URL that a webhook may have; raises `NotifyError`. Says nothing of where its name leads."""
        if len(url) > _URL_CHARS or not url.isascii() or not url.isprintable() or any(sign in url for sign in " \\"):
            raise NotifyError(f"{url[:60]!r} is no address of a webhook; write https://host/path in plain characters")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise NotifyError(f"{url[:60]!r} is no address of a webhook: {error}") from error
        schemes = ("https", "http") if self._http else ("https",)
        if parts.scheme not in schemes or not parts.hostname:
            raise NotifyError(f"{url[:60]!r}: a webhook's address begins with {' or '.join(schemes)}:// and a host")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise NotifyError(f"{url[:60]!r}: a webhook's address has no user, password or fragment; it is signed")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), path)

    def address_of(self, target: Target) -> str:
        """The address to connect to; raises `NotifyError` where any that the name has may not be reached, `OSError`."""
        found = [ipaddress.ip_address(text.partition("%")[0]) for text in self._look_up(target.host, target.port)]
        if not found:
            raise NotifyError(f"{target.host} has no address")
        for address in found:
            if not self.allows(address):
                raise NotifyError(
                    f"{target.host} is {address}, which is not of the public internet; "
                    "an administrator can allow its network in notify.webhook_networks"
                )
        return str(found[0])

    def allows(self, address: Address) -> bool:
        """Whether an address may be reached."""
        inner = _unwrapped(address)
        if any(inner.version == network.version and inner in network for network in self._networks):
            return True
        return inner.is_global and not (inner.is_multicast or inner.is_reserved or inner.is_unspecified)


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    for inner in (address.ipv4_mapped, address.sixtofour, address.teredo and address.teredo[1]):
        if inner:
            return inner
    if any(address in network for network in _NAT64) or int(address) >> 32 == 0:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
