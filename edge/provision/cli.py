"""`earshot provision`: run at each start, before the box."""

from __future__ import annotations

from pathlib import Path

import click

from edge.faultpoint import from_environment
from edge.hardware import serial_number
from edge.provision.board_led import blink
from edge.provision.ledger import FAULTS, ProvisionError
from edge.provision.provision import Outcome, as_json
from edge.provision.provision import provision as run_provision


@click.command()
@click.option("--boot", type=click.Path(path_type=Path), required=True, help="Where the boot partition is mounted.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Where the data partition is mounted.")
def provision(boot: Path, data: Path) -> None:
    """Make the box what earshot.toml on the boot partition says. Safe to repeat, and to cut off at any moment.

    What can't be used is told in earshot-error.txt beside it and by the board's lamp; the box goes on as it was.
    """
    try:
        result = run_provision(boot, data, serial=serial_number(), fault=from_environment(names=FAULTS))
    except (ProvisionError, OSError) as error:
        blink()
        raise click.ClickException(str(error)) from error
    click.echo(as_json(result))
    if result.outcome is Outcome.REFUSED:
        blink()
        click.echo(f"earshot: {result.problem}", err=True)
