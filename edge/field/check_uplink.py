"""Checks of the way to the bridge, step by step: name, connection, TLS, login, access rules, bridge.

A connection of its own (client id `…-doctor`) is made, beside that of the box. It publishes one reply to a command that
nobody gave, which no bridge takes note of: access rules tell only of what is tried.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

from edge.config import ConfigError
from edge.enrol.identity import uplink_in_force
from edge.field.findings import Finding, finding
from edge.field.mqtt_probe import Probe, probe
from edge.field.surroundings import Surroundings
from edge.uplink import read_password, tls_context

_CONNECT_TIMEOUT_S = 5.0
_EXPIRES_SOON_S = 14 * 86400
_STEPS = ("broker_reach", "broker_tls", "broker_login", "broker_rules")


def check_uplink(around: Surroundings) -> Iterator[Finding]:
    """Every step; those after the first that fails are skipped."""
    found: list[Finding] = []
    probed = _walk(around, found)
    yield from found
    tried = {one.check for one in found}
    yield from (finding(step, "skipped") for step in _STEPS if step not in tried)
    for fault in () if around.state is None else around.state["health"]["faults"]:
        if fault.startswith("publish_refused"):
            yield finding("broker_rules", "write", error=fault)
    yield _bridge(around, probed)


def _walk(around: Surroundings, found: list[Finding]) -> Probe | None:
    """Add what each step finds; the last step's own result, None where it was not reached."""
    uplink = uplink_in_force(around.config)
    try:
        addresses = socket.getaddrinfo(uplink.host, uplink.port, type=socket.SOCK_STREAM)
    except OSError as error:
        found.append(finding("broker_name", "unknown", host=uplink.host, error=error.strerror or error))
        return None
    address = str(addresses[0][4][0])
    found.append(finding("broker_name", "ok", host=uplink.host, address=address))
    if not _connect(around, address, found):
        return None
    try:
        password = read_password(uplink)
    except ConfigError as error:
        found.append(finding("broker_login", "secret", error=error))
        return None
    probed = probe(around.config, password)
    user = uplink.user or "-"
    if not probed.answered:
        found.append(finding("broker_login", "silent"))
        return None
    if probed.refusal is not None:
        found.append(finding("broker_login", "refused", user=user, error=probed.refusal))
        return None
    found.append(finding("broker_login", "ok", user=user))
    if probed.denied is None:
        found.append(finding("broker_rules", "silent"))
    elif probed.denied:
        box = around.config.box
        found.append(finding("broker_rules", "read", topics=", ".join(probed.denied), user=f"{box.site}/{box.name}"))
    elif probed.mute is not None:
        found.append(finding("broker_rules", "write", error=probed.mute))
    else:
        found.append(finding("broker_rules", "ok"))
    return probed


def _connect(around: Surroundings, address: str, found: list[Finding]) -> bool:
    uplink = uplink_in_force(around.config)
    began_s = time.monotonic()
    try:
        raw = socket.create_connection((uplink.host, uplink.port), _CONNECT_TIMEOUT_S)
    except OSError as error:
        reason = error.strerror or str(error)
        found.append(finding("broker_reach", "refused", address=address, port=uplink.port, error=reason))
        return False
    with closing(raw):
        ms = round((time.monotonic() - began_s) * 1000)
        found.append(finding("broker_reach", "ok", address=address, port=uplink.port, ms=ms))
        try:
            context = tls_context(uplink)
        except ConfigError as error:
            found.append(finding("broker_tls", "files", error=error))
            return False
        if context is None:
            found.append(finding("broker_tls", "off"))
            return True
        try:
            with context.wrap_socket(raw, server_hostname=uplink.host) as wrapped:
                found.append(_certificate(around, wrapped))
        except (OSError, ssl.SSLError) as error:
            found.append(finding("broker_tls", "refused", error=error))
            return False
    return True


def _certificate(around: Surroundings, wrapped: ssl.SSLSocket) -> Finding:
    certificate = wrapped.getpeercert() or {}
    ends_s = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    until = datetime.fromtimestamp(ends_s, UTC).date().isoformat()
    if ends_s - around.clock.wall_ns() / 1e9 < _EXPIRES_SOON_S:
        return finding("broker_tls", "expiring", until=until)
    return finding("broker_tls", "ok", version=wrapped.version(), until=until)


def _bridge(around: Surroundings, probed: Probe | None) -> Finding:
    if probed is not None and probed.denied == ():
        return finding("bridge", "ok" if probed.bridge_online else "away")
    if around.state is not None and around.state["connected"]:
        return finding("bridge", "ok" if around.state["bridge_online"] else "away")
    return finding("bridge", "unknown")
