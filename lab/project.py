"""The project as the guest installs it: the wheel of the working tree, unpacked and compiled, as one archive."""

from __future__ import annotations

import compileall
import py_compile
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from lab.errors import LabError


def pack(root: Path, archive: Path) -> None:
    """Build the wheel of the checkout `root` and write what it installs into the tar file `archive`.

    Compiled here, because the guest takes a minute for it; an interpreter of another version ignores that and compiles.
    """
    with tempfile.TemporaryDirectory(prefix="earshot-lab-") as name:
        work = Path(name)
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(work)]
        answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        wheels = list(work.glob("*.whl"))
        if answer.returncode or len(wheels) != 1:
            raise LabError(f"the project's wheel could not be built: {(answer.stdout + answer.stderr)[-2000:]}")
        tree = work / "tree"
        with zipfile.ZipFile(wheels[0]) as wheel:
            wheel.extractall(tree)  # noqa: S202 - our own wheel, built above
        compileall.compile_dir(
            tree,
            quiet=1,
            stripdir=str(tree),
            prependdir="/opt/earshot/lib/python3.11/site-packages",
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        with tarfile.open(archive, "w") as tar:
            tar.add(tree, ".", filter=_owned_by_root)


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
