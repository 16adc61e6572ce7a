"""`./run image`: build an image, or try one out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click

from demo.processes import ProcessFailedError
from edge.eye.fetch import FetchFailed
from image import base, boot_test, build, keys, sources
from image.disk import Layout
from image.machine import BootError
from image.recipe import PROFILES, SUITE
from image.tree import Release
from lab.errors import LabError

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--profile", type=click.Choice(sorted(PROFILES)), default="debian", show_default=True)
@click.option("--out", type=_FOLDER, default=Path("build/image"), show_default=True)
@click.option("--release", "version", default="", help="Version of the image; default: that of the project.")
@click.option(
    "--sources", "sources_file", type=_FILE, help="File of one-line apt sources instead of this machine's own."
)
@click.option(
    "--keyring",
    type=_FILE,
    help="Certificate (PEM) of who may sign updates; default: a development authority made here.",
)
@click.option("--twice", is_flag=True, help="Build a second time and fail where the two images differ.")
@click.option(
    "--boot-test", "wants_boot_test", is_flag=True, help="Boot it in QEMU: provisioning, press, receipt, figures."
)
@click.option(
    "--update-test",
    "wants_update_test",
    is_flag=True,
    help="Update it in QEMU: good, broken, cut off.",
)
@click.option("--power-cuts", type=int, default=0, help="Cut the power at N moments of the first boot instead.")
@click.option("--image", "given", type=_FILE, help="Try this image instead of building one.")
@click.option("--idle-minutes", type=float, default=10.0, show_default=True, help="How long idle writing is measured.")
@click.option("--write", is_flag=True, help="Renew the figures in docs/BENCHMARKS.md.")
def main(
    profile: str,
    out: Path,
    version: str,
    sources_file: Path | None,
    keyring: Path | None,
    given: Path | None,
    power_cuts: int,
    idle_minutes: float,
    *,
    twice: bool,
    wants_boot_test: bool,
    wants_update_test: bool,
    write: bool,
) -> None:
    """Build a flashable image out of Debian packages; with --boot-test, --update-test or --power-cuts try it."""
    try:
        image = given or _build(profile, out, version, sources_file, keyring, twice=twice)
        if power_cuts:
            from image import power_cut_test  # noqa: PLC0415

            click.echo(json.dumps(power_cut_test.run(image, out / "power-cuts", power_cuts), indent=1))
        if wants_update_test:
            from image import update_test  # noqa: PLC0415

            update_test.main(image, out / "update-test", write=write)
        if wants_boot_test:
            figures = boot_test.run(image, out / "boot-test", idle_s=idle_minutes * 60)
            click.echo(json.dumps(figures, indent=1, ensure_ascii=False))
            if write:
                from image import figures as page  # noqa: PLC0415

                page.write(image, figures)
    except (RuntimeError, OSError, ProcessFailedError, FetchFailed, BootError, LabError) as error:
        raise click.ClickException(str(error)) from error
    except subprocess.CalledProcessError as error:
        raise click.ClickException(
            f"{error.cmd[0]} ended with status {error.returncode}; its words are above"
        ) from error


def _build(
    profile: str, out: Path, version: str, sources_file: Path | None, keyring: Path | None, *, twice: bool
) -> Path:
    chosen = PROFILES[profile]
    if chosen.needs_sources and sources_file is None:
        raise click.UsageError(
            f"the profile {profile} needs Raspberry Pi's own archive, which no file here names; write its apt sources "
            f"and Debian's, one a line, into a file and give it with --sources"
        )
    lines = sources_file.read_text().splitlines() if sources_file else sources.debian(SUITE)
    trusted = keyring or keys.development_keys(base.cache_folder() / "keys").keyring
    release = Release(version or build.project_version(), build.source_epoch_s(), trusted)
    product = build.build(chosen, lines, release, out, Layout())
    for path in (product.image, product.slot, product.compressed):
        click.echo(f"{path}  {path.stat().st_size / 1e6:.1f} MB  sha256 {build.sha256(path)}")
    if twice:
        second = build.build(chosen, lines, release, out / "second", Layout())
        if build.sha256(second.image) != build.sha256(product.image):
            raise RuntimeError(f"{second.image} differs from {product.image}; compare the two slots' trees")
        click.echo(f"built twice, the same: sha256 {build.sha256(second.image)}")
    return product.image


if __name__ == "__main__":
    sys.exit(main())
