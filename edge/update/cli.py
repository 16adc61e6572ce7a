"""`earshot update`: how the box's software gets on, for who stands before it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edge.config import load
from edge.config_cli import config_option
from edge.local_client import NoAnswer, ask_box


@click.command("update")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
@config_option
def update_command(as_json: bool, path: Path) -> None:  # noqa: FBT001 - click passes flags so
    """Show which release runs, in which slot, and how the last offered one gets on. Offers come from the bridge."""
    try:
        found = ask_box(load(path), "GET", "/state").get("update") or {}
    except NoAnswer as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
        return
    slot = f" in slot {found['slot']}" if found.get("slot") else ""
    click.echo(f"release {found.get('release', 'unknown')}{slot}")
    last = found.get("last")
    if last:
        missing = f"; not proved yet: {last['missing']}" if last["state"] == "booted" and last["missing"] else ""
        reason = f": {last['reason']}" if last["reason"] else ""
        click.echo(f"{last['version']}: {last['state']} ({last['percent']} % downloaded){reason}{missing}")
