"""Checks of what the box was made to be: the settings on its card, and its certificate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from edge.enrol.identity import Enrolled, Identity, IdentityError, Trouble
from edge.field.findings import Finding, finding
from edge.field.surroundings import Surroundings
from edge.provision.trouble import trouble_of


def check_setup(around: Surroundings) -> Iterator[Finding]:
    """Whether the sheet on the boot partition could be used at the last start."""
    trouble = trouble_of(Path(around.config.box.data_dir))
    if trouble is None:
        yield finding("setup", "ok")
    else:
        yield finding("setup", "refused", problem=" / ".join(trouble.values()))


def check_identity(around: Surroundings) -> Iterator[Finding]:
    """How it stands with the certificate."""
    config = around.config
    if not config.uplink.enrolled:
        yield finding("identity", "unused")
        return
    identity = Identity.of(config)
    try:
        order, enrolled, trouble = identity.order(), identity.enrolled(), identity.trouble()
    except IdentityError as error:
        yield finding("identity", "unreadable", error=error)
        return
    if order is not None:
        if trouble is not None and trouble.refused:
            yield finding("identity", "refused", error=trouble.reason)
        else:
            yield finding("identity", "waiting", bridge=order.bridge_url, error=trouble.reason if trouble else "-")
    if enrolled is not None:
        yield _standing(around, enrolled, trouble)
    elif order is None:
        yield finding("identity", "none")


def _standing(around: Surroundings, enrolled: Enrolled, trouble: Trouble | None) -> Finding:
    box, now_ns = around.config.box, around.clock.wall_ns()
    name, until = f"{enrolled.site}/{enrolled.box}", _day(enrolled.expires_ns)
    if name != f"{box.site}/{box.name}":
        return finding("identity", "other", name=name, box=f"{box.site}/{box.name}")
    if now_ns >= enrolled.expires_ns:
        return finding("identity", "over", until=until)
    if trouble is not None and now_ns >= enrolled.renews_ns:
        return finding("identity", "late", until=until, error=trouble.reason)
    return finding("identity", "ok", name=name, until=until)


def _day(unix_ns: int) -> str:
    return datetime.fromtimestamp(unix_ns // 1_000_000_000, UTC).date().isoformat()
