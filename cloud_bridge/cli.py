"""`earshot bridge …`: run the bridge, bring its database up to date, make accounts."""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from cloud_bridge import service
from cloud_bridge.blobs import BlobError
from cloud_bridge.config import Config, ConfigError, load
from cloud_bridge.enrol.cli import ca, code, revoke
from cloud_bridge.store import migrate, users
from cloud_bridge.updates.cli import update_group
from edge import wire

_config = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/earshot/bridge.toml"),
    show_default=True,
    help="The bridge's configuration.",
)


@click.group()
def bridge() -> None:
    """The cloud bridge: takes what boxes send, keeps it, shows it."""


@bridge.command()
@_config
def run(path: Path) -> None:
    """Take messages in and serve the pages, in one process."""
    _run(path, ingest=True, web=True)


@bridge.command()
@_config
def ingest(path: Path) -> None:
    """Take messages in only; any number of these may run beside each other."""
    _run(path, ingest=True, web=False)


@bridge.command()
@_config
def web(path: Path) -> None:
    """Serve the pages only."""
    _run(path, ingest=False, web=True)


@bridge.command("migrate")
@_config
def migrate_command(path: Path) -> None:
    """Bring the database's schema up to date (does nothing where it is)."""

    def work(config: Config) -> None:
        with closing(service.open_configured_store(config)) as store:
            click.echo(f"the database has schema {migrate.upgrade(store)}")

    _guarded(path, work)


@bridge.group()
def admin() -> None:
    """Accounts of people who use the pages."""


@admin.command()
@click.argument("user")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@click.option("--role", type=click.Choice([str(role) for role in users.Role]), default=str(users.Role.ADMIN))
@_config
def create(user: str, password_stdin: bool, role: str, path: Path) -> None:  # noqa: FBT001 - click passes flags so
    """Make an account; asks for the password."""
    password = _password(from_stdin=password_stdin)

    def work(config: Config) -> None:
        with closing(service.open_configured_store(config)) as store:
            migrate.check(store)
            made = users.create_user(store, user, password, users.Role(role))
            click.echo(f"{made.name} may log in as {made.role}")

    _guarded(path, work)


@admin.command("password")
@click.argument("user")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@_config
def set_password(user: str, password_stdin: bool, path: Path) -> None:  # noqa: FBT001 - click passes flags so
    """Give an account another password and end its sessions."""
    password = _password(from_stdin=password_stdin)

    def work(config: Config) -> None:
        with closing(service.open_configured_store(config)) as store:
            migrate.check(store)
            found = users.user_by_name(store, user)
            if found is None:
                raise users.UserError(f"user {user!r} does not exist; make it with 'earshot bridge admin create'")
            users.set_password(store, found.id, password)
            click.echo(f"{found.name} has a new password and no session")

    _guarded(path, work)


@bridge.group()
def box() -> None:
    """Boxes' accounts at the broker."""


@box.command()
@click.argument("site")
@click.argument("name")
def add(site: str, name: str) -> None:
    """Print a new password for a box and what to do with it at the broker and on the box. Changes nothing."""
    try:
        wire.parse_topic(wire.topic(site, name, "status"))
    except wire.WireError as error:
        _fail(f"site {site!r} or box {name!r} cannot stand in a topic: {error}")
    user, password = f"{site}/{name}", secrets.token_urlsafe(24)
    click.echo(
        f"""At the broker (docs/broker: one set of rules serves every box), add the account and reload:

    mosquitto_passwd -b /etc/mosquitto/earshot.passwd {user} {password}
    systemctl reload mosquitto

On the box, in /etc/earshot/box.toml:

    [box]
    site = "{site}"
    name = "{name}"

    [uplink]
    user = "{user}"
    password = "{password}\""""
    )


bridge.add_command(ca)
bridge.add_command(code)
bridge.add_command(update_group)
box.add_command(revoke)


def _run(path: Path, *, ingest: bool, web: bool) -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    _guarded(path, lambda config: service.run(config, ingest=ingest, web=web))


def _guarded(path: Path, work: Callable[[Config], Any]) -> None:
    """Load the configuration and work; what a person can remedy ends with its message alone."""
    try:
        work(load(path))
    except (ConfigError, users.UserError) as error:
        _fail(str(error))
    except (SQLAlchemyError, BlobError, service.PartDied) as error:
        _fail(str(error), code=1)


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def _fail(message: str, code: int = 2) -> None:
    click.echo(message, err=True)
    raise SystemExit(code)
