"""The root file system of a box, as a folder: Debian's part, our part, and nothing that differs between two builds."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from image import environment, filesystems
from image.recipe import BASE_EPOCH, PYTHON

ROOT = Path(__file__).parents[1]
OVERLAY = Path(__file__).parent / "overlay"
INITRAMFS = OVERLAY / "etc/initramfs-tools"
UNITS = ROOT / "systemd"

# Debian's own units that a box has no use for: package lists, consoles that nobody can log in at, another mark-good.
_MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "getty.target",
    "getty@.service",
    "serial-getty@.service",
    "rauc-mark-good.service",
    "systemd-binfmt.service",
    "systemd-journal-catalog-update.service",
    "systemd-networkd-wait-online.service",
)
_ENABLED = ("systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service", "iwd.service")
# What packages leave behind that is of one build, of one mirror or of no use to a root that is only read.
_REMOVED = (
    "etc/apt/sources.list*",
    "etc/*-",
    "etc/.pwd.lock",
    "etc/machine-id",
    "etc/ssh/ssh_host_*",
    "var/backups/*",
    "var/cache/apt/*",
    "var/cache/debconf/*",
    "var/cache/ldconfig/*",
    "var/lib/apt/lists/*",
    "var/lib/dpkg/*-old",
    "var/lib/systemd/random-seed",
    "var/log/*",
    "initrd.img*",
    "vmlinuz*",
    "boot/System.map-*",
    "boot/config-*",
    "root/.*",
    "tmp/*",
    "var/tmp/*",
)


@dataclass(frozen=True, slots=True)
class Release:
    """What is built: its version, the moment that it counts as made at, and the certificate that updates must have."""

    version: str
    epoch_s: int
    keyring: Path


@dataclass(frozen=True, slots=True)
class Parts:
    """Folders with what is made once and kept: `system`, `initramfs`, and the wheels of image/extensions.py."""

    system: Path
    initramfs: Path
    extensions: Path


def system(base_tar: Path, folder: Path) -> None:
    """Write `folder`/root.tar: Debian's part with the libraries of the box and the byte code of both.

    It is what takes long and depends on nothing that an edit of this project changes. Needs root and a kernel that
    runs arm64 programs; raises subprocess.CalledProcessError with the step that failed.
    """
    root = folder / "root"
    _unpack(base_tar, root)
    _remove(root)
    # Byte code that trusts its source instead of the source's time: the times of a slot are those of the build.
    for cache in root.rglob("__pycache__"):
        shutil.rmtree(cache)
    environment.install_locked(root)
    _compile(root, [f"/usr/lib/python{PYTHON}", "/usr/lib/python3", f"/{environment.HOME}/lib"])
    _run(
        [
            "tar",
            "--create",
            "--numeric-owner",
            "--xattrs",
            "--file",
            str(folder / "root.tar"),
            "--directory",
            str(root),
            ".",
        ]
    )
    shutil.rmtree(root)


def initramfs_key() -> str:
    """A hash over what the initramfs is made of beside the packages."""
    found = hashlib.sha256()
    for path in sorted(INITRAMFS.rglob("*")):
        if path.is_file():
            found.update(
                f"{path.relative_to(INITRAMFS)} {path.stat().st_mode & 0o100:o}\n".encode() + path.read_bytes()
            )
    return found.hexdigest()[:16]


def initramfs(base_tar: Path, folder: Path) -> None:
    """Write `folder`/initrd.img for the kernel of `base_tar`. Needs and raises what `system` does."""
    root = folder / "root"
    _unpack(base_tar, root)
    for path in sorted(INITRAMFS.rglob("*")):
        if path.is_file():
            _put(path, root / path.relative_to(OVERLAY))
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    chroot(root, ["mkinitramfs", "-o", "/boot/initrd.img", kernel.name.removeprefix("vmlinuz-")], BASE_EPOCH)
    shutil.move(root / "boot/initrd.img", folder)
    shutil.rmtree(root)


def build(parts: Parts, root: Path, release: Release) -> None:
    """Put `parts` together in `root` and make it a box. Needs and raises what `system` does."""
    _unpack(parts.system / "root.tar", root)
    new = environment.install_project(root, parts.extensions, release.epoch_s)
    _compile(root, new)
    _own_files(root, release)
    _accounts(root)
    _units(root)
    _kernel(root, parts.initramfs / "initrd.img")
    _remove(root)
    (root / "etc/machine-id").touch()
    (root / "etc/machine-id").chmod(0o444)
    # As old as /usr: nothing is to be brought up to date at each start of a root that forgets it again.
    for name in ("etc/.updated", "var/.updated"):
        (root / name).touch()
    filesystems.clamp_times(root, release.epoch_s)


def chroot(root: Path, command: list[str], epoch_s: int) -> None:
    """Run `command` in `root` with the file systems of a running system, which vanish with it."""
    # All mounts are made in a namespace of their own, so that none is left behind whatever happens.
    script = (
        "set -e; mount -t proc proc $1/proc; mount -t sysfs sysfs $1/sys; mount --rbind /dev $1/dev; "
        'root=$1; shift; exec chroot "$root" "$@"'
    )
    clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/root"}
    _run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", str(root), *command],
        environment=clean | {"SOURCE_DATE_EPOCH": str(epoch_s), "PYTHONHASHSEED": "0"},
    )


def _unpack(tar: Path, root: Path) -> None:
    root.mkdir(parents=True)
    _run(["tar", "--extract", "--numeric-owner", "--xattrs-include=*", "--file", str(tar), "--directory", str(root)])


def _own_files(root: Path, release: Release) -> None:
    for path in sorted(OVERLAY.rglob("*")):
        if path.is_file():
            _put(path, root / path.relative_to(OVERLAY))
    _put(release.keyring, root / "etc/rauc/keyring.pem")
    for path in sorted(UNITS.iterdir()):
        if path.suffix in {".service", ".path", ".timer", ".socket", ".target"} and "bridge" not in path.name:
            _put(path, root / "usr/lib/systemd/system" / path.name)
    for folder, target in (
        ("sysusers.d", "usr/lib/sysusers.d"),
        ("tmpfiles.d", "usr/lib/tmpfiles.d"),
        ("udev", "usr/lib/udev/rules.d"),
    ):
        for path in sorted((UNITS / folder).iterdir()):
            _put(path, root / target / path.name)
    (root / "etc/hostname").write_text("earshot\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 earshot\n::1 localhost\n")
    resolv = root / "etc/resolv.conf"
    resolv.unlink(missing_ok=True)
    resolv.symlink_to("../run/systemd/resolve/stub-resolv.conf")
    os_release = root / "usr/lib/os-release"
    text = os_release.read_text()
    os_release.write_text(f'{text}IMAGE_ID=earshot\nIMAGE_VERSION="{release.version}"\n')
    for folder in (
        "data",
        "boot/firmware",
        "etc/earshot",
        "etc/credstore",
        "etc/iwd",
        "var/lib/iwd",
        "var/lib/earshot",
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "var/lib/systemd/timesync").mkdir(parents=True, exist_ok=True)


def _put(source: Path, target: Path) -> None:
    # The modes are those that git knows, whatever the umask of this checkout was.
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def _accounts(root: Path) -> None:
    _run(["systemd-sysusers", f"--root={root}"], environment=os.environ | {"SOURCE_DATE_EPOCH": str(BASE_EPOCH)})
    shadow = root / "etc/shadow"
    lines = [line.split(":") for line in shadow.read_text().splitlines()]
    for fields in lines:
        # No account has a password; when it was made is of this build only.
        fields[1:3] = ["*", str(BASE_EPOCH // 86400)]
    shadow.write_text("".join(":".join(fields) + "\n" for fields in lines))


def _units(root: Path) -> None:
    own = sorted((root / "usr/lib/systemd/system").glob("earshot-*"))
    own += sorted((root / "etc/systemd/system").glob("earshot-*"))
    installable = [path.name for path in own if path.is_file() and "[Install]" in path.read_text()]
    systemctl = ["systemctl", f"--root={root}", "--quiet"]
    _run([*systemctl, "enable", *_ENABLED, *installable])
    _run([*systemctl, "mask", *_MASKED])
    _run([*systemctl, "set-default", "multi-user.target"])


def _compile(root: Path, places: list[str]) -> None:
    command = [f"/usr/bin/python{PYTHON}", "-m", "compileall", "-q", "-f", "-j", "1"]
    chroot(root, [*command, "--invalidation-mode", "unchecked-hash", *places], BASE_EPOCH)


def _kernel(root: Path, initramfs: Path) -> None:
    """One kernel and its initramfs under the names that boot.cmd loads."""
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    kernel.rename(root / "boot/vmlinuz")
    _put(initramfs, root / "boot/initrd.img")


def _remove(root: Path) -> None:
    for pattern in _REMOVED:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr, stdin=subprocess.DEVNULL, env=environment)
