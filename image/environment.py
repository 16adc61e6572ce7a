"""The Python environment of the box, put together on this machine for another processor: /opt/earshot in the image."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from edge.eye.fetch import fetch
from image.recipe import PYTHON
from models import weights

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "image.txt"
HOME = "opt/earshot"
PACKAGES = f"lib/python{PYTHON}/site-packages"
_TAGS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
# Required by a library that is required, but imported by nothing that runs on a box (tests/image keeps this true).
UNUSED = ("_distutils_hack", "faker", "pip", "pkg_resources", "polyfactory", "setuptools")


def key() -> str:
    """A hash over what `install_locked` installs."""
    return hashlib.sha256(
        repr((PYTHON, _TAGS, UNUSED, weights.DETECTOR_SHA256)).encode() + LOCK.read_bytes()
    ).hexdigest()[:16]


def install_locked(root: Path) -> None:
    """Make `root`/opt/earshot with the locked libraries and the face detector; it sees Debian's own packages, too.

    They are fetched through pip and checked against their hashes. Raises subprocess.CalledProcessError where a wheel
    can't be had, `FetchFailed` where the detector can't.
    """
    home = root / HOME
    packages = home / PACKAGES
    packages.mkdir(parents=True)
    _fetch(packages)
    (home / "pyvenv.cfg").write_text(f"home = /usr/bin\ninclude-system-site-packages = true\nversion = {PYTHON}\n")
    (home / "bin").mkdir()
    for name in ("python", "python3", f"python{PYTHON}"):
        (home / "bin" / name).symlink_to(f"/usr/bin/python{PYTHON}")
    models = home / weights.PLACE
    models.mkdir(parents=True)
    shutil.copyfile(fetch(), models / weights.DETECTOR)


def install_project(root: Path, extensions: Path, epoch_s: int) -> list[str]:
    """Add the wheels in the folder `extensions`, that of this working tree and its command.

    Returns the folders that are new, as paths in the image.

    Raises FileNotFoundError where the browser parts have not been built.
    """
    home = root / HOME
    packages = home / PACKAGES
    before = set(packages.iterdir())
    folder = home / "wheel"
    build_wheel(folder, epoch_s)
    for wheel in (*sorted(extensions.glob("*.whl")), *folder.glob("earshot-*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
    shutil.rmtree(folder)
    command = home / "bin" / "earshot"
    command.write_text(f"#!/{HOME}/bin/python -P\nimport sys\n\nfrom edge.cli import main\n\nsys.exit(main())\n")
    command.chmod(0o755)
    local = root / "usr/local/bin/earshot"
    local.parent.mkdir(parents=True, exist_ok=True)
    local.symlink_to(f"/{HOME}/bin/earshot")
    return sorted(f"/{path.relative_to(root)}" for path in set(packages.iterdir()) - before)


def _fetch(packages: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--target", str(packages)]
    command += ["--implementation", "cp", "--python-version", PYTHON]
    for tag in _TAGS:
        command += ["--platform", tag]
    for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none"):
        command += ["--abi", abi]
    subprocess.run([*command, "--requirement", str(LOCK)], check=True, stdout=sys.stderr)
    shutil.rmtree(packages / "bin")
    for path in packages.iterdir():
        if path.name.partition("-")[0] in UNUSED:
            shutil.rmtree(path)
    (packages / "distutils-precedence.pth").unlink(missing_ok=True)
    for folder in packages.rglob("tests"):
        if folder.is_dir():
            shutil.rmtree(folder)


def build_wheel(folder: Path, epoch_s: int) -> None:
    """The wheel of this working tree in `folder`; raises FileNotFoundError where the browser parts are not built."""
    vendor = ROOT / "cloud_bridge/web/static/vendor"
    if not vendor.is_dir():
        raise FileNotFoundError(f"{vendor} is missing; './run image' builds the browser parts first")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        check=True,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "SOURCE_DATE_EPOCH": str(epoch_s)},
        stdout=subprocess.DEVNULL,
    )
