"""`earshot bridge ca …`, `code …` and `box revoke`: the authority of the boxes' certificates, from a shell."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from cloud_bridge import service
from cloud_bridge.config import Config, ConfigError, load
from cloud_bridge.enrol.authority import CERTIFICATE, CRL, EnrolError, make_authority
from cloud_bridge.enrol.enrolment import Enrolment, Told, open_enrolment
from cloud_bridge.store import migrate
from cloud_bridge.store.users import add_audit

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/earshot/bridge.toml"),
    show_default=True,
    help="The bridge's configuration.",
)


@click.group()
def ca() -> None:
    """The authority that signs the boxes' certificates."""


@ca.command()
@config_option
def init(path: Path) -> None:
    """Make the authority, once. Keep a copy of its folder where nobody finds it: without it no box renews."""
    with _in_words():
        config = load(path)
        folder = Path(config.enrol.folder)
        make_authority(folder)
        told = Told.from_config(config)
        click.echo(
            f"made {folder}\n"
            f"at the broker: cafile {folder / CERTIFICATE}\n"
            f"               crlfile {folder / CRL}\n"
            f"boxes are told the broker {told.broker_host}:{told.broker_port} (enrol.broker_host, _port)"
        )


@ca.command()
@config_option
def show(path: Path) -> None:
    """Print the authority's certificate and fingerprint."""
    with _enrolment(path) as (enrolment, _):
        click.echo(f"SHA-256 {enrolment.authority.fingerprint}")
        click.echo(enrolment.authority.pem, nl=False)


@ca.command()
@config_option
def crl(path: Path) -> None:
    """Write the revocation list anew from the database, and print where it is."""
    with _enrolment(path) as (enrolment, _):
        click.echo(str(enrolment.write_revocation_list()))


@click.group()
def code() -> None:
    """Codes with which boxes enrol."""


@code.command()
@click.argument("site")
@click.argument("box", required=False)
@config_option
def make(site: str, box: str | None, path: Path) -> None:
    """Print a one-time code for BOX of SITE; without BOX for any one box of it."""
    with _enrolment(path) as (enrolment, config):
        by, now_ns = _operator(), time.time_ns()
        made, row = enrolment.make_code(site, box, by, now_ns)
        with closing(service.open_configured_store(config)) as store:
            add_audit(store, at_ns=now_ns, user=by, action="enrol.code", object=f"{row.id} {site}/{box or '*'}")
        click.echo(made.text)


@click.command()
@click.argument("site")
@click.argument("name")
@config_option
def revoke(site: str, name: str, path: Path) -> None:
    """Revoke the certificates of a box that is lost, stolen or out of use, and write the revocation list."""
    with _enrolment(path) as (enrolment, config):
        by, now_ns = _operator(), time.time_ns()
        count = enrolment.revoke(site, name, f"revoked by {by}", now_ns)
        if not count:
            raise EnrolError(f"{site}/{name} has no valid certificate")
        with closing(service.open_configured_store(config)) as store:
            add_audit(store, at_ns=now_ns, user=by, action="box.revoke", object=f"{site}/{name}")
        click.echo(f"revoked {count}; the broker refuses it once it has read {enrolment.authority.folder / CRL}")


def _operator() -> str:
    return f"shell:{getpass.getuser()}"


@contextmanager
def _enrolment(path: Path) -> Iterator[tuple[Enrolment, Config]]:
    with _in_words():
        config = load(path)
        with closing(service.open_configured_store(config)) as store:
            migrate.check(store)
            found = open_enrolment(store, config)
            if found is None:
                raise ConfigError(f"there is no authority in {config.enrol.folder}; make it: earshot bridge ca init")
            yield found, config


@contextmanager
def _in_words() -> Iterator[None]:
    """What a person can remedy ends with its message alone."""
    try:
        yield
    except (ConfigError, EnrolError) as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from error
    except (SQLAlchemyError, OSError) as error:
        click.echo(str(error), err=True)
        raise SystemExit(1) from error
