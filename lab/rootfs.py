"""The guest's files as a folder: Debian packages by mmdebstrap, then the box's virtual environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from edge.eye.fetch import FetchFailed, fetch
from lab import apt
from lab.errors import LabError
from lab.kernel import KERNEL_FOLDER
from lab.recipe import SUITE, SUITES, Recipe
from models import weights

_GUEST = Path(__file__).parent / "guest"

_NOT_STARTED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "e2scrub_all.timer"),
    *("e2scrub_reap.service", "mosquitto.service", "alsa-restore.service", "alsa-state.service", "getty@tty1.service"),
    *("serial-getty@ttyS0.service", "systemd-networkd.service", "systemd-timesyncd.service", "systemd-pstore.service"),
    *("systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "systemd-binfmt.service"),
    *("proc-sys-fs-binfmt_misc.automount", "dev-hugepages.mount", "sys-kernel-debug.mount"),
    *("sys-kernel-tracing.mount", "systemd-ask-password-wall.path", "systemd-ask-password-console.path"),
    *("systemd-random-seed.service", "console-getty.service"),
)
_GENERATORS = ("systemd-debug-generator", "systemd-fstab-generator", "systemd-getty-generator")


def build(recipe: Recipe, root: Path, wheels: Path) -> None:
    """Fill the new folder `root`; needs root, because files belong to their owners in the guest.

    Raises `LabError` with the words of the program that failed.
    """
    if os.geteuid():
        raise LabError(
            "the guest's files belong to many users, so its image is built as root: "
            "run `sudo ./run lab --build-only` once; running the lab needs no root"
        )
    _debian(recipe, root)
    _virtual_environments(recipe, root, wheels)
    _face_detector(root)
    _settings(root)


def _debian(recipe: Recipe, root: Path) -> None:
    lines = apt.archive_lines(SUITES, apt.machine_sources(), apt.this_codename())
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={','.join(recipe.packages)}"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{unread}/*" for unread in ("doc", "man", "locale", "info")]
    command += [f"--aptopt={option}" for option in ('Apt::Install-Recommends "false"', *apt.proxy_options())]
    command += [f"--customize-hook={_GUEST / 'fetch-kernel'} $1{KERNEL_FOLDER}"]
    command += ['--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/etc/apt/sources.list']
    _run([*command, SUITE, str(root), *lines])


def _virtual_environments(recipe: Recipe, root: Path, wheels: Path) -> None:
    work = root / "tmp" / "project"
    (work / "requirements").mkdir(parents=True)
    (work / "requirements" / "build.txt").write_text(recipe.build_lock)
    (work / "requirements" / "box.txt").write_text(recipe.box_lock)
    (work / "lab.txt").write_text(recipe.lab_lock)
    shutil.copytree(wheels, work / "wheels")
    _chroot(root, recipe.field.before_project)
    # The tests see the box's own packages behind theirs, in the versions that the box runs.
    _chroot(
        root,
        "python3 -m venv /opt/lab\n"
        "/opt/lab/bin/pip install --require-hashes --no-deps -r lab.txt\n"
        "echo /opt/earshot/lib/python3.11/site-packages >/opt/lab/lib/python3.11/site-packages/box.pth\n",
    )
    shutil.rmtree(work)


def _face_detector(root: Path) -> None:
    """What `earshot models fetch` does on a box, which has a network."""
    try:
        file = fetch()
    except FetchFailed as error:
        raise LabError(str(error)) from error
    folder = root / "opt/earshot" / weights.PLACE
    folder.mkdir(parents=True)
    shutil.copyfile(file, folder / weights.DETECTOR)


def _settings(root: Path) -> None:
    units = root / "etc/systemd/system"
    for unit in _NOT_STARTED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    generators = root / "etc/systemd/system-generators"
    generators.mkdir(exist_ok=True)
    for generator in (root / "lib/systemd/system-generators").iterdir():
        if generator.name not in _GENERATORS:
            (generators / generator.name).symlink_to("/dev/null")
    (root / "etc/hostname").write_text("lab\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost lab\n")
    (root / "etc/resolv.conf").write_text("")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (root / "etc/fstab").write_text("/dev/vda / ext4 defaults 0 0\n")
    (root / "etc/.updated").touch()
    (root / "var/.updated").touch()
    shutil.copy(_GUEST / "earshot-lab.service", units)
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants/earshot-lab.service").symlink_to("../earshot-lab.service")
    agent = root / "opt/lab/agent.py"
    shutil.copy(_GUEST / "agent.py", agent)
    _chroot(root, "passwd --quiet --delete root\nsystemd-hwdb update\njournalctl --update-catalog\n")


def _chroot(root: Path, script: str) -> None:
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "/tmp/project/wheels",  # noqa: S108 - a folder of the guest that only this build sees
        "PIP_NO_CACHE_DIR": "1",
        "PIP_QUIET": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    work = "/tmp/project"  # noqa: S108
    _run(["chroot", str(root), "bash", "-euc", f"[ ! -d {work} ] || cd {work}\n{script}"], environment)


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode:
        words = (answer.stdout + answer.stderr).strip()[-3000:]
        raise LabError(f"{command[0]} failed with status {answer.returncode}: {words}")
