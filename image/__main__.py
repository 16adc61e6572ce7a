"""`./run image`: build an image, or try one out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from image import base, build, keys, sources
from image.disk import Layout
from image.recipe import PROFILES, SUITE
from image.tree import Release


@click.command()
@click.option("--profile", type=click.Choice(sorted(PROFILES)), default="debian", show_default=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("build/image"), show_default=True)
@click.option("--release", "version", default="", help="Version of the image; default: that of the project.")
@click.option(
    "--sources",
    "sources_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of one-line apt sources to take instead of this machine's own.",
)
@click.option(
    "--keyring",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificate (PEM) of who may sign updates; default: a development authority made here.",
)
def main(profile: str, out: Path, version: str, sources_file: Path | None, keyring: Path | None) -> None:
    """Build a flashable image out of Debian packages."""
    chosen = PROFILES[profile]
    if chosen.needs_sources and sources_file is None:
        raise click.UsageError(
            f"the profile {profile} needs Raspberry Pi's own archive, which no file here names; write its apt sources "
            f"and Debian's, one a line, into a file and give it with --sources"
        )
    lines = sources_file.read_text().splitlines() if sources_file else sources.debian(SUITE)
    trusted = keyring or keys.development_keys(base.cache_folder() / "keys").keyring
    release = Release(version or build.project_version(), build.source_epoch_s(), trusted)
    try:
        product = build.build(chosen, lines, release, out, Layout())
    except (RuntimeError, OSError) as error:
        raise click.ClickException(str(error)) from error
    except subprocess.CalledProcessError as error:
        raise click.ClickException(
            f"{error.cmd[0]} ended with status {error.returncode}; its words are above"
        ) from error
    for path in (product.image, product.slot, product.compressed):
        click.echo(f"{path}  {path.stat().st_size / 1e6:.1f} MB  sha256 {build.sha256(path)}")


if __name__ == "__main__":
    sys.exit(main())
