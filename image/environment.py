"""The Python environment of the box, put together on this machine for another processor: /opt/earshot in the image."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from image.recipe import PYTHON

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "image.txt"
HOME = "opt/earshot"
_TAGS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
# Nothing that runs on a box imports the tests of a library.
_LEFT_OUT = ("*/tests", "pip", "pip-*.dist-info", "bin")


def install(root: Path, epoch_s: int) -> None:
    """Make `root`/opt/earshot: the locked libraries and the wheel of this working tree, seeing Debian's own packages.

    What is locked is fetched through pip and checked against its hash. Raises subprocess.CalledProcessError where a
    wheel can't be had, FileNotFoundError where the browser parts have not been built.
    """
    home = root / HOME
    packages = home / "lib" / f"python{PYTHON}" / "site-packages"
    packages.mkdir(parents=True)
    _install_locked(packages)
    _install_project(packages, home, epoch_s)
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = true\nversion = {PYTHON}\nexecutable = /usr/bin/python{PYTHON}\n"
    )
    for name in ("python", "python3", f"python{PYTHON}"):
        (home / "bin" / name).symlink_to(f"/usr/bin/python{PYTHON}")
    command = home / "bin" / "earshot"
    command.write_text(f"#!/{HOME}/bin/python -P\nimport sys\n\nfrom edge.cli import main\n\nsys.exit(main())\n")
    command.chmod(0o755)
    local = root / "usr/local/bin/earshot"
    local.parent.mkdir(parents=True, exist_ok=True)
    local.symlink_to(f"/{HOME}/bin/earshot")


def _install_locked(packages: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--target", str(packages)]
    command += ["--implementation", "cp", "--python-version", PYTHON]
    for tag in _TAGS:
        command += ["--platform", tag]
    for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none"):
        command += ["--abi", abi]
    subprocess.run([*command, "--requirement", str(LOCK)], check=True, stdout=sys.stderr)
    for pattern in _LEFT_OUT:
        for path in packages.glob(pattern):
            shutil.rmtree(path)
    for folder in packages.rglob("tests"):
        if folder.is_dir():
            shutil.rmtree(folder)


def _install_project(packages: Path, home: Path, epoch_s: int) -> None:
    folder = home / "wheel"
    build_wheel(folder, epoch_s)
    (wheel,) = folder.glob("earshot-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    shutil.rmtree(folder)
    (home / "bin").mkdir()


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
