"""The audit trail as the web writes it: who listened to what, who logged in from where, and how many guesses failed."""

from __future__ import annotations

import hashlib
import ipaddress

from sqlalchemy import Connection, func, insert, select

from cloud_bridge.store import tables as t
from cloud_bridge.store.users import AUDIT_OBJECT_CHARS, add_audit
from cloud_bridge.web.settings import Services
from cloud_bridge.web.visitor import AnyConnection, address_of, asker_name

ATTEMPT = "login.attempt"
LOGIN = "login"
REFUSED = "enrol.refused"
_NS = 1_000_000_000


def record(services: Services, request: AnyConnection, action: str, about: str, *, unless_within_s: float = 0) -> None:
    """Append what the visitor does. A player asks for one sound in many ranges: `unless_within_s` counts them once."""
    at_ns = services.now_ns()
    values = {
        "at_ns": at_ns,
        "user": asker_name(request),
        "action": action,
        "object": about[:AUDIT_OBJECT_CHARS],
        "address": address_of(request),
    }
    with services.store.write() as connection:
        if unless_within_s:
            same = [t.audit.c[name] == values[name] for name in ("user", "action", "object", "address")]
            recent = t.audit.c.at_ns > at_ns - int(unless_within_s * _NS)
            if connection.execute(select(t.audit.c.id).where(recent, *same).limit(1)).first() is not None:
                return
        connection.execute(insert(t.audit).values(values))


def allow_attempt(services: Services, name: str, address: str) -> bool:
    """Take one attempt to log in, before the password is looked at; False when too many failed lately.

    Failures are attempts that no login followed, counted an address and a name, known or not. Counting and taking are
    one transaction, so that guesses made at the same time do not slip through; being rows, they hold for all workers.
    """
    settings = services.settings
    now_ns = services.now_ns()
    since_ns = now_ns - int(settings.login_window_s * _NS)
    network = _network(address)
    with services.store.write() as connection:
        if (
            _failures(connection, since_ns, "address", network) >= settings.login_failures_address
            or _failures(connection, since_ns, "object", _name_key(name)) >= settings.login_failures_user
        ):
            return False
        # People type passwords into the wrong field: a name that is no account's is kept only as a digest.
        known = connection.execute(select(t.user.c.name).where(t.user.c.name == name.strip())).scalar()
        _append(connection, at_ns=now_ns, user=known or "", action=ATTEMPT, name=name, network=network)
    return True


def record_login(services: Services, name: str, address: str) -> None:
    """Append a login; it settles the attempt that it followed."""
    with services.store.write() as connection:
        _append(connection, at_ns=services.now_ns(), user=name, action=LOGIN, name=name, network=_network(address))


def may_enrol(services: Services, address: str) -> bool:
    """Whether a box behind this address may try to enrol or renew; False when too much was refused lately."""
    since_ns = services.now_ns() - int(services.settings.enrol_window_s * _NS)
    same = (t.audit.c.action == REFUSED) & (t.audit.c.address == _network(address)) & (t.audit.c.at_ns > since_ns)
    with services.store.read() as connection:
        refused = connection.execute(select(func.count()).select_from(t.audit).where(same)).scalar_one()
    return int(refused) < services.settings.enrol_failures_address


def record_box(services: Services, action: str, by: str, about: str, address: str) -> None:
    """Append what a box did without a person: it enrolled with a code, renewed, or was refused."""
    add_audit(services.store, at_ns=services.now_ns(), user=by, action=action, object=about, address=_network(address))


def _append(connection: Connection, *, at_ns: int, user: str, action: str, name: str, network: str) -> None:
    values = {"at_ns": at_ns, "user": user, "action": action, "object": _name_key(name), "address": network}
    connection.execute(insert(t.audit).values(values))


def _failures(connection: Connection, since_ns: int, column: str, value: str) -> int:
    query = (
        select(t.audit.c.action, func.count())
        .where(t.audit.c.at_ns > since_ns, t.audit.c[column] == value, t.audit.c.action.in_((ATTEMPT, LOGIN)))
        .group_by(t.audit.c.action)
    )
    counts = {row[0]: int(row[1]) for row in connection.execute(query)}
    return counts.get(ATTEMPT, 0) - counts.get(LOGIN, 0)


def _name_key(name: str) -> str:
    return "name:" + hashlib.sha256(name.strip().encode()).hexdigest()[:32]


def _network(address: str) -> str:
    # One subscriber has a whole IPv6 /64 to guess from.
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
