"""`earshot bridge update …`: releases and offers, from a shell on the bridge's machine."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from cloud_bridge import service
from cloud_bridge.blobs import BlobError, open_blobs
from cloud_bridge.config import Config, ConfigError, load
from cloud_bridge.store import migrate, queries
from cloud_bridge.store.engine import Store
from cloud_bridge.store.users import add_audit
from cloud_bridge.updates import offers

_config = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/earshot/bridge.toml"),
    show_default=True,
    help="The bridge's configuration.",
)


@click.group("update")
def update_group() -> None:
    """Software updates of boxes."""


@update_group.command()
@click.argument("bundle", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--release", "version", required=True, help="Version that the bundle was made with, e.g. 1.4.2.")
@_config
def add(bundle: Path, version: str, path: Path) -> None:
    """Take BUNDLE, a signed .raucb file, into the store. Nothing is offered by that."""
    with _store(path) as (store, config):
        blobs = open_blobs(config.blobs.url, config.blobs.options)
        row = offers.add_release(store, blobs, bundle, version, _operator(), time.time_ns())
        click.echo(f"{row.version}  {row.bytes} bytes  sha256 {row.sha256}")


@update_group.command("offer")
@click.argument("version")
@click.argument("boxes", metavar="[SITE/BOX]...", nargs=-1)
@click.option("--all", "everywhere", is_flag=True, help="All boxes that the bridge knows.")
@click.option("--force", is_flag=True, help="Also where it is older than what runs, or has failed there before.")
@_config
def make(version: str, boxes: tuple[str, ...], *, everywhere: bool, force: bool, path: Path) -> None:
    """Offer the release VERSION (or a bundle by its SHA-256) to boxes; who is away gets it when it is back."""
    if bool(boxes) == everywhere:
        raise click.UsageError("name boxes as SITE/BOX, or all of them by --all")
    with _store(path) as (store, config):
        wanted = offers.find_release(store, version)
        if wanted is None:
            raise offers.UpdateError(f"there is no release {version}; 'earshot bridge update list' shows what there is")
        chosen = queries.box_names(store) if everywhere else [_pair(name) for name in boxes]
        by, now_ns = _operator(), time.time_ns()
        made = offers.make_offers(store, chosen, wanted, base_url=config.enrol.url, by=by, now_ns=now_ns, force=force)
        add_audit(store, at_ns=now_ns, user=by, action="update.offer", object=f"{wanted.version} to {len(made)} boxes")
        click.echo(f"offered {wanted.version} to {len(made)} boxes")


@update_group.command("list")
@_config
def show(path: Path) -> None:
    """Print releases, and the last offer of each box with how it gets on."""
    with _store(path) as (store, _):
        for row in offers.releases(store):
            click.echo(f"release {row.version}  {row.bytes} bytes  sha256 {row.sha256}")
        for (site, box), offer in sorted(offers.last_offers(store).items()):
            percent = "" if offer.percent is None else f" {offer.percent} %"
            reason = f": {offer.reason}" if offer.reason else ""
            click.echo(f"{site}/{box}  {offer.version}  {offer.state}{percent}{reason}  offer {offer.id}")


@update_group.command()
@click.argument("offer")
@_config
def withdraw(offer: str, path: Path) -> None:
    """Take an offer back, by its id, while the box has not installed it."""
    with _store(path) as (store, _):
        by, now_ns = _operator(), time.time_ns()
        if not offers.withdraw(store, offer, now_ns):
            raise offers.UpdateError(f"offer {offer} is none that could be taken back")
        add_audit(store, at_ns=now_ns, user=by, action="update.withdraw", object=offer)


def _pair(name: str) -> tuple[str, str]:
    site, slash, box = name.partition("/")
    if not (site and slash and box):
        raise offers.UpdateError(f"{name!r} names no box; write SITE/BOX")
    return site, box


def _operator() -> str:
    return f"shell:{getpass.getuser()}"


@contextmanager
def _store(path: Path) -> Iterator[tuple[Store, Config]]:
    """The migrated store; what a person can remedy ends with its message alone."""
    try:
        config = load(path)
        with closing(service.open_configured_store(config)) as store:
            migrate.check(store)
            yield store, config
    except (ConfigError, offers.UpdateError) as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from error
    except (SQLAlchemyError, BlobError) as error:
        click.echo(str(error), err=True)
        raise SystemExit(1) from error
