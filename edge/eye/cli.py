"""`earshot eye`, `earshot smile` and `earshot models`."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

import click

from edge import logs
from edge.config import load
from edge.config_cli import config_option

# Told apart from every other end by the unit, which then does not try again.
NO_CAMERA = 77


@click.command()
@click.option(
    "--show", is_flag=True, help="Show the camera's picture with what is found in it, on a page; keep nothing."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="--show: address to listen on.")
@click.option("--port", type=int, default=8081, show_default=True, help="--show: port to listen on; 0 = any.")
@config_option
def eye(show: bool, host: str, port: int, path: Path) -> None:  # noqa: FBT001 - click passes flags so
    """Run the eye: camera to face ring. Exit status 77: eye.enabled is false."""
    config = load(path)
    logs.set_up("eye", f"{config.box.site}/{config.box.name}")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    from models.weights import WeightsAbsent  # noqa: PLC0415 - only with a camera

    try:
        if show:
            from edge.eye.preview import run_preview  # noqa: PLC0415 - the web server

            run_preview(config, stop, host=host, port=port, tell=click.echo)
        else:
            from edge.eye.run import run_eye  # noqa: PLC0415 - the libraries of pictures

            if not run_eye(config, stop):
                sys.exit(NO_CAMERA)
    except WeightsAbsent as error:
        raise click.ClickException(str(error)) from error


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--cropped", is_flag=True, help="Each picture is one face that was cut out already.")
def smile(files: tuple[Path, ...], cropped: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Print how probably the faces in pictures and films smile: a JSON line a face, or a second of a film.

    Without a face "box" and "probability" are null. Exit status 1: a file could not be read.
    """
    from edge.eye import smiles  # noqa: PLC0415 - the libraries of pictures
    from edge.eye.detectors import make_detector  # noqa: PLC0415 - the same
    from models.weights import WeightsAbsent, is_there  # noqa: PLC0415 - the same

    try:
        detect = make_detector("blazeface") if is_there() or not cropped else None
    except WeightsAbsent as error:
        raise click.ClickException(str(error)) from error
    if detect is None:
        click.echo("earshot: without 'earshot models fetch' each picture is taken exactly as it is cut", err=True)
    failed = False
    for file in files:
        try:
            if cropped or detect is None:
                click.echo(json.dumps(smiles.smile_of_cropped(file, detect), ensure_ascii=False))
                continue
            for record in smiles.smiles_of(file, detect):
                click.echo(json.dumps(record, ensure_ascii=False))
        except smiles.Unreadable as error:
            click.echo(f"earshot: {error}", err=True)
            failed = True
    sys.exit(int(failed))


@click.group("models")
def models_group() -> None:
    """Networks that are not ours to give away."""


@models_group.command()
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The package or the file itself, where there is no network.",
)
def fetch(source: Path | None) -> None:
    """Fetch the face detector (BlazeFace, Apache-2.0) by its hash; does nothing where it is there."""
    from edge.eye.fetch import FetchFailed  # noqa: PLC0415 - needed once in a box's life
    from edge.eye.fetch import fetch as fetch_weights  # noqa: PLC0415 - the same

    try:
        click.echo(fetch_weights(source))
    except FetchFailed as error:
        raise click.ClickException(str(error)) from error
