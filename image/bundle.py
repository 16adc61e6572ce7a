"""Update bundles: one signed file that RAUC on a box installs into the slot that is not running.

`python -m image.bundle SLOT.ext4 --release 1.2` makes one out of the root that `./run image` leaves beside its image.
The format is "verity": what is installed is checked block by block while it is read, so that nobody can change the file
between the check of its signature and its use.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from image import base, keys
from image.build import sha256, source_epoch_s

COMPATIBLE = "earshot-pi"
# Of zstd. A bundle is made once and downloaded by every box.
_LEVEL = 19
_RELEASE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){1,3}")


def make(
    slot: Path,
    release: str,
    signing: keys.SigningKeys,
    out: Path,
    *,
    compatible: str = COMPATIBLE,
    level: int = _LEVEL,
) -> Path:
    """Sign `slot` (an ext4 file) as `release` into the file `out`.

    The same input gives the same content but for the signature. Raises ValueError for a release that boxes could not
    compare, subprocess.CalledProcessError where RAUC refuses.
    """
    if not _RELEASE.fullmatch(release):
        raise ValueError(f"release {release!r} is not 2 to 4 numbers and dots, such as 1.4 or 1.4.2")
    epoch_s = source_epoch_s()
    with TemporaryDirectory(prefix="bundle-", dir=out.parent) as folder:
        content = Path(folder) / "content"
        content.mkdir()
        _clone(slot, content / "rootfs.ext4")
        (content / "manifest.raucm").write_text(
            f"[update]\ncompatible={compatible}\nversion={release}\n\n"
            "[bundle]\nformat=verity\n\n[image.rootfs]\nfilename=rootfs.ext4\n"
        )
        made = Path(folder) / "bundle.raucb"
        squash = f"-comp zstd -Xcompression-level {level} -mkfs-time {epoch_s} -all-time {epoch_s} -all-root -no-xattrs"
        options = [f"--cert={signing.certificate}", f"--key={signing.key}", f"--mksquashfs-args={squash}"]
        _run(["rauc", "bundle", _as_boxes_do(Path(folder), signing.keyring), *options, str(content), str(made)])
        made.replace(out)
    return out


def check(bundle: Path, keyring: Path) -> str:
    """What RAUC says of a bundle whose signature `keyring` vouches for; raises subprocess.CalledProcessError."""
    with TemporaryDirectory() as folder:
        command = ["rauc", "info", _as_boxes_do(Path(folder), keyring), "--output-format=shell", str(bundle)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _as_boxes_do(folder: Path, keyring: Path) -> str:
    """The option that makes RAUC judge signatures here as it does on a box (overlay/etc/rauc/system.conf)."""
    config = folder / "system.conf"
    config.write_text(
        f"[system]\ncompatible={COMPATIBLE}\nbootloader=noop\n\n"
        f"[keyring]\npath={keyring.resolve()}\ncheck-purpose=codesign\n"
    )
    return f"--conf={config}"


def _clone(source: Path, target: Path) -> None:
    # A slot of a gigabyte is mostly holes, and on the same disk a link is enough.
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy(source, target)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr, stdin=subprocess.DEVNULL)


@click.command()
@click.argument("slot", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--release", required=True, help="Version that boxes compare with theirs; that of the slot's image.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: beside the slot, as .raucb")
@click.option("--cert", type=click.Path(exists=True, path_type=Path), help="Certificate (PEM) of the signer.")
@click.option("--key", help="Its key: a PEM file, or a PKCS#11 URL.")
@click.option("--keyring", type=click.Path(exists=True, path_type=Path), help="Authority (PEM) that boxes trust.")
def main(slot: Path, release: str, out: Path | None, cert: Path | None, key: str | None, keyring: Path | None) -> None:
    """Make a signed bundle out of SLOT. Without --cert, --key and --keyring this machine's development keys sign."""
    given = (cert, key, keyring)
    if any(given) and not all(given):
        raise click.UsageError("--cert, --key and --keyring belong together; give all three or none")
    signing = keys.development_keys(base.cache_folder() / "keys")
    if cert is not None and key is not None and keyring is not None:
        signing = keys.SigningKeys(keyring, cert, Path(key))
    target = out or slot.with_name(f"{slot.name.removesuffix('.slot.ext4')}.raucb")
    try:
        made = make(slot, release, signing, target)
        said = check(made, signing.keyring)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except subprocess.CalledProcessError as error:
        raise click.ClickException(
            f"{error.cmd[0]} ended with status {error.returncode}: {error.stderr or ''}"
        ) from error
    click.echo(said.strip())
    click.echo(f"{made}  {made.stat().st_size / 1e6:.1f} MB  sha256 {sha256(made)}")


if __name__ == "__main__":
    sys.exit(main())
