"""`earshot doctor`, `status`, `logs` and `bundle`."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import click

from edge.config import load
from edge.config_cli import config_option
from edge.field import findings as words
from edge.field import journalctl
from edge.field.findings import Finding, Outcome

_MARKS = {Outcome.OK: "ok   ", Outcome.NOTE: "note ", Outcome.FAULT: "FAULT", Outcome.UNKNOWN: "?    "}
_COLOURS = {Outcome.OK: "green", Outcome.NOTE: "yellow", Outcome.FAULT: "red", Outcome.UNKNOWN: "bright_black"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
@click.option("--reference", is_flag=True, help="Print every message there is, in Markdown, and look at nothing.")
@config_option
def doctor(as_json: bool, reference: bool, path: Path) -> None:  # noqa: FBT001 - click passes flags so
    """Look at everything that a box needs: what was found, and what to do about it.

    Exit status 0: nothing is wrong (notes are no faults), 1: something is, 2: the configuration can't be used.
    """
    if reference:
        click.echo(words.reference(), nl=False)
        return
    from edge.field.examination import examine_file  # noqa: PLC0415 - the libraries of every part

    language = words.language_of_terminal()
    examined = examine_file(path)
    if as_json:
        found = list(examined)
        click.echo(json.dumps(words.as_json(found, language), ensure_ascii=False, indent=1))
    else:
        found = _told(examined, language)
    sys.exit(2 if any(one.check == "config" and one.code == "bad" for one in found) else _status(found))


@click.command()
@click.option("--once", is_flag=True, help="Print the state once and end.")
@click.option("--json", "as_json", is_flag=True, help="Print the state once as JSON and end.")
@config_option
def status(once: bool, as_json: bool, path: Path) -> None:  # noqa: FBT001 - click passes flags so
    """Show the box live: level, presses, queue, how long an outage may last, card wear."""
    from edge.field import status as values  # noqa: PLC0415 - the libraries of every part
    from edge.field import status_view  # noqa: PLC0415 - the same
    from edge.field.examination import look_around  # noqa: PLC0415 - the same

    config = load(path)
    if as_json:
        click.echo(json.dumps(values.snapshot(look_around(config)), ensure_ascii=False, indent=1))
        return
    language = words.language_of_terminal()
    if once or not sys.stdout.isatty():
        status_view.show_once(config, language)
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    status_view.show_live(config, language, stop)


@click.command("logs")
@click.option("--unit", type=click.Choice(journalctl.UNITS), multiple=True, help="Of this process only; repeatable.")
@click.option("--press", help="About the press with this id.")
@click.option("--track", help="About the track with this id.")
@click.option("--since", help="As journalctl reads it: 'today', '-1h', '2026-01-31 12:00'.")
@click.option("-n", "--lines", type=click.IntRange(min=0), help="The newest so many lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
def logs_command(
    unit: tuple[str, ...],
    press: str | None,
    track: str | None,
    since: str | None,
    lines: int | None,
    follow: bool,  # noqa: FBT001 - click passes flags so
) -> None:
    """Show the journal of the box's processes; the exit status is journalctl's."""
    command = journalctl.arguments(
        units=unit or journalctl.UNITS, press=press, track=track, since=since, lines=lines, follow=follow
    )
    try:
        sys.exit(journalctl.show(command))
    except journalctl.NoJournal as error:
        raise click.ClickException(str(error)) from error


@click.command()
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@config_option
def bundle(target: Path, path: Path) -> None:
    """Write the support archive TARGET (.tar.gz): findings, masked configuration, state, counters, logs.

    No sound, no secret and no person's name is in it.
    """
    from edge.field.bundle import write_bundle  # noqa: PLC0415 - the libraries of every part
    from edge.field.examination import examine, look_around  # noqa: PLC0415 - the same

    config = load(path)
    around = look_around(config)
    try:
        names = write_bundle(target, around, examine(around))
    except OSError as error:
        raise click.ClickException(f"{target} can't be written: {error.strerror}; choose another name") from error
    click.echo(f"{target}: {', '.join(names)}")


def _told(found: Iterable[Finding], language: str) -> list[Finding]:
    """Print each finding as soon as it is there."""
    told = []
    for one in found:
        told.append(one)
        mark = click.style(_MARKS[one.outcome], fg=_COLOURS[one.outcome])
        click.echo(f"{mark} {one.title(language)}: {one.found(language)}")
        if remedy := one.remedy(language):
            click.echo(f"      → {remedy}")
    return told


def _status(found: Iterable[Finding]) -> int:
    return int(words.gravest(found) is Outcome.FAULT)
