"""`earshot config …`: check, example, schema, reference."""

from __future__ import annotations

from pathlib import Path

import click

from edge import config_text
from edge.config import load, masked

DEFAULT_PATH = Path("/etc/earshot/box.toml")

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=DEFAULT_PATH,
    show_default=True,
    help="The box's configuration.",
)


@click.group("config")
def config_group() -> None:
    """The configuration of a box: check it, or see what can be set."""


@config_group.command()
@config_option
def check(path: Path) -> None:
    """Read the configuration and print the values in force, secrets hidden."""
    click.echo(config_text.toml(masked(load(path))), nl=False)


@config_group.command()
def example() -> None:
    """Print a configuration to begin with."""
    click.echo(config_text.example(), nl=False)


@config_group.command()
def schema() -> None:
    """Print the JSON Schema of the configuration."""
    click.echo(config_text.schema(), nl=False)


@config_group.command()
def reference() -> None:
    """Print the reference of all settings in Markdown."""
    click.echo(config_text.reference(), nl=False)
