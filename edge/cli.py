"""The command `earshot`. Each subcommand loads what it needs when it runs, so that none needs all libraries."""

from __future__ import annotations

import importlib
import secrets
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click

from drivers.contract import DriverError
from edge import logs
from edge.config import Config, ConfigError, load
from edge.config_append import append_button, require_free
from edge.config_cli import config_group, config_option
from edge.enrol.cli import enrol
from edge.eye.cli import eye, models_group, smile
from edge.field.cli import bundle, doctor, logs_command, status
from edge.local_client import NoAnswer, ask_box
from edge.outbox_types import OutboxError
from edge.provision.cli import provision
from edge.provision.flash_cli import flash_config
from edge.update.cli import update_command
from ringbuffer.errors import RingError

# The bridge is a package of its own, which the box neither needs nor knows; it is found by name when it is asked for.
_ELSEWHERE = {
    "bridge": "cloud_bridge.cli",
    "rules": "cloud_bridge.rules.cli",
    "simulate": "cloud_bridge.simulate.cli",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands; those of packages that are not installed are left out."""
        return sorted([*super().list_commands(ctx), *(name for name in _ELSEWHERE if _is_installed(name))])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name; raises `ClickException` where its package lacks a library."""
        return _load(cmd_name) if cmd_name in _ELSEWHERE else super().get_command(ctx, cmd_name)


def _load(name: str) -> click.Command:
    try:
        command: click.Command = getattr(importlib.import_module(_ELSEWHERE[name]), name)
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"'earshot {name}' needs {error.name}, which is not installed; install earshot[bridge]"
        ) from error
    return command


def _is_installed(name: str) -> bool:
    try:
        _load(name)
    except click.ClickException:
        return False
    return True


@click.group(cls=_Commands)
@click.version_option(package_name="earshot")
def cli() -> None:
    """Earshot: the sound around a button press, from a service counter to the cloud."""


for command in (
    config_group,
    eye,
    smile,
    models_group,
    doctor,
    status,
    logs_command,
    bundle,
    enrol,
    provision,
    flash_config,
    update_command,
):
    cli.add_command(command)


@cli.command()
@config_option
def ear(path: Path) -> None:
    """Run the ear: microphone to ring."""
    from edge.ear import run_ear  # noqa: PLC0415 - the sound libraries

    config = load(path)
    logs.set_up("ear", f"{config.box.site}/{config.box.name}")
    run_ear(config, _stop_at_signals())


@cli.command()
@config_option
def box(path: Path) -> None:
    """Run the box: buttons, tracks, outbox, uplink, local page."""
    from edge.app import die_with_any_thread, run_box  # noqa: PLC0415 - everything else

    config = load(path)
    logs.set_up("box", f"{config.box.site}/{config.box.name}")
    die_with_any_thread()
    run_box(config, _stop_at_signals())


@cli.command()
@click.option("--name", default="button", show_default=True, help="Name of the button.")
@click.option("--timeout", "timeout_s", type=float, default=60.0, show_default=True, help="Seconds to wait for a key.")
@click.option(
    "--write",
    "path",
    metavar="CONFIG",
    type=click.Path(path_type=Path),
    help="Append it to this configuration, where that is good with it.",
)
def learn(name: str, timeout_s: float, path: Path | None) -> None:
    """Press a key on any input device; prints the [[buttons]] piece of the configuration."""
    from edge.learn import learn as learn_button  # noqa: PLC0415 - the input library

    if path is not None:
        require_free(path, name)
    click.echo("Press the button now…", err=True)
    piece = learn_button(sys.stdout, name=name, timeout_s=timeout_s)
    if path is not None:
        append_button(path, piece, name)
        click.echo(f"Written to {path}; look at its trigger, then restart 'earshot box'.", err=True)


@cli.command()
@click.argument("button")
@click.option("--employee", help="Who presses, where the button does not say.")
@click.option("--request-id", help="Repeat with the same one after a failure: it stays one press.")
@config_option
def press(button: str, employee: str | None, request_id: str | None, path: Path) -> None:
    """Press BUTTON through the box's local page; prints the id of the press once it is durable."""
    body = {"button": button, "request_id": request_id or secrets.token_hex(16)}
    if employee is not None:
        body["employee"] = employee
    click.echo(_ask(load(path), "/press", body)["press"])


@cli.command()
@click.argument("button")
@click.argument("employee", required=False)
@config_option
def shift(button: str, employee: str | None, path: Path) -> None:
    """Bind the shared BUTTON to EMPLOYEE from now on; to nobody without one."""
    _ask(load(path), "/shift", {"button": button, "employee": employee})
    click.echo(f"{button}: {employee or 'nobody'}")


def _ask(config: Config, path: str, body: dict[str, Any]) -> dict[str, Any]:
    try:
        return ask_box(config, "POST", path, body)
    except NoAnswer as error:
        raise click.ClickException(str(error)) from error


def _stop_at_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def main() -> None:
    """Console entry. Exit code 2: the configuration can't be used; 1: a device, the ring or the outbox can't."""
    try:
        cli(prog_name="earshot")
    except ConfigError as error:
        click.echo(f"earshot: {error}", err=True)
        sys.exit(2)
    except (DriverError, RingError, OutboxError) as error:
        click.echo(f"earshot: {error}", err=True)
        sys.exit(1)
