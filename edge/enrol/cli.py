"""`earshot enrol`: the box gets its certificate, keeps it valid, and tells how it stands."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click

from edge.config import Config, load
from edge.config_cli import config_option
from edge.enrol.identity import FAULTS, Enrolled, Identity, IdentityError, Order
from edge.faultpoint import from_environment
from edge.hardware import hardware_name

REFUSED_STATUS = 77
"""Exit status where a person has to do something: trying again at once is of no use."""


@click.command()
@click.option("--bridge", "url", help="The bridge's address, such as https://bridge.example.")
@click.option("--code", help="The code that the bridge's page has shown; '-' reads it from standard input.")
@click.option("--renew", is_flag=True, help="Get a new certificate now, although the present one lasts.")
@click.option("--status", is_flag=True, help="Only tell how it stands, as JSON.")
@config_option
def enrol(url: str | None, code: str | None, renew: bool, status: bool, path: Path) -> None:  # noqa: FBT001 - click
    """Enrol this box at the bridge with a one-time code; without one, do what is due: a begun enrolment, a renewal.

    The code is kept until the bridge has answered, so an interrupted enrolment goes on by itself. Exit status 77: the
    bridge refuses, a person has to do something; 1: it can't be reached now.
    """
    config = load(path)
    identity = Identity.of(config, from_environment(names=FAULTS))
    if status:
        click.echo(json.dumps(standing(config, identity), indent=2))
        return
    if (url is None) != (code is None):
        raise click.UsageError("--bridge and --code come together")
    from edge.enrol.exchange import RefusedByBridge, attempt, checked_url, renew_now  # noqa: PLC0415 - cryptography

    hardware, software = hardware_name(), f"earshot {version('earshot')}"
    try:
        if url is not None and code is not None:
            text = sys.stdin.readline() if code == "-" else code
            box = config.box
            identity.keep_order(Order(bridge_url=checked_url(url), code=text.strip(), site=box.site, box=box.name))
        enrolled: Enrolled | None
        if renew:
            enrolled = renew_now(identity, hardware=hardware, software=software)
        else:
            enrolled = attempt(identity, time.time_ns(), hardware=hardware, software=software)
    except RefusedByBridge as error:
        click.echo(f"earshot: {error}", err=True)
        raise SystemExit(REFUSED_STATUS) from error
    except IdentityError as error:
        raise click.ClickException(str(error)) from error
    if enrolled is None:
        click.echo("not enrolled, and nothing is asked for; 'earshot enrol --bridge URL --code CODE' does it", err=True)
        return
    click.echo(f"enrolled as {enrolled.site}/{enrolled.box} until {_day(enrolled.expires_ns)}")
    if not config.uplink.enrolled:
        click.echo("set uplink.enrolled = true, so that the box uses it", err=True)


def standing(config: Config, identity: Identity) -> dict[str, object]:
    """How it stands, for programs: `state` is none, waiting, refused or enrolled; `trouble` is the last failure."""
    enrolled, order, trouble = identity.enrolled(), identity.order(), identity.trouble()
    state = "enrolled" if enrolled else "none"
    if order is not None:
        state = "refused" if trouble is not None and trouble.refused else "waiting"
    return {
        "state": state,
        "used": config.uplink.enrolled,
        "bridge": order.bridge_url if order else enrolled.bridge_url if enrolled else None,
        "name": _name(enrolled) if enrolled else None,
        "until": _day(enrolled.expires_ns) if enrolled else None,
        "trouble": trouble.reason if trouble else None,
    }


def _name(enrolled: Enrolled) -> str:
    return f"{enrolled.site}/{enrolled.box}"


def _day(unix_ns: int) -> str:
    return datetime.fromtimestamp(unix_ns // 1_000_000_000, UTC).date().isoformat()
