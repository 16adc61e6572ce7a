"""From the folder of the guest's files to what QEMU starts: disk, kernel, initial RAM disk."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab import kernel

DISK_BYTES = 3 << 30
_BOOT_MODULES = ("virtio_pci", "virtio_blk", "ext4")
_GUEST = Path(__file__).parent / "guest"


@dataclass(frozen=True, slots=True)
class Image:
    """The files of one image."""

    folder: Path

    @property
    def disk(self) -> Path:
        """Raw ext4 file system."""
        return self.folder / "root.ext4"

    @property
    def kernel(self) -> Path:
        """Uncompressed kernel."""
        return self.folder / "vmlinux"

    @property
    def initrd(self) -> Path:
        """Initial RAM disk."""
        return self.folder / "initrd.img"

    @property
    def key(self) -> str:
        """The hash that the image was built from."""
        return self.folder.name


def assemble(root: Path, image: Image) -> None:
    """Make the files of `image` from the guest's files in `root`; takes the kernel's tree out of `root`. No mounts."""
    tree = image.folder / "kernel-tree"
    shutil.move(f"{root}{kernel.KERNEL_FOLDER}", tree)
    release = kernel.version(tree)
    kernel.keep_modules(tree, root)
    kernel.extract(tree, image.kernel)
    _initrd(root, release, image)
    shutil.rmtree(tree)
    with image.disk.open("wb") as disk:
        disk.truncate(DISK_BYTES)
    command = ["mke2fs", "-q", "-t", "ext4", "-L", "lab", "-E", "lazy_itable_init=0,lazy_journal_init=0"]
    subprocess.run([*command, "-d", str(root), str(image.disk)], check=True, capture_output=True)


def _initrd(root: Path, release: str, image: Image) -> None:
    tree = image.folder / "initrd-tree"
    for folder in ("bin", "dev", "proc", "new", "lib"):
        (tree / folder).mkdir(parents=True)
    busybox = shutil.which("busybox") or "/bin/busybox"
    shutil.copy(busybox, tree / "bin/busybox")
    shutil.copy(_GUEST / "init", tree / "init")
    (tree / "init").chmod(0o755)
    order = kernel.load_order(root, release, _BOOT_MODULES)
    for path in order:
        shutil.copy(path, tree / "lib" / path.name)
    (tree / "load").write_text("".join(f"/lib/{path.name}\n" for path in order))
    names = "\n".join(["."] + [f"./{path.relative_to(tree)}" for path in sorted(tree.rglob("*"))])
    command = ["cpio", "--quiet", "--create", "--format=newc"]
    archive = subprocess.run(command, cwd=tree, input=names.encode(), capture_output=True, check=True).stdout
    image.initrd.write_bytes(archive)
    shutil.rmtree(tree)
