"""The image of this checkout's recipe: found in the store, or built."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab import recipe, rootfs, store, wheels
from lab.image import Image, assemble


def current(*, rebuild: bool = False) -> tuple[Image, float]:
    """The image, and the seconds that building it took (0 when it was there); raises `LabError`."""
    wanted = recipe.load()
    cache = store.cache_folder()

    def build(folder: Path) -> None:
        wheels.download(wanted, cache / "wheels")
        root = folder / "root"
        rootfs.build(wanted, root, cache / "wheels")
        assemble(root, Image(folder))
        shutil.rmtree(root)

    folder, seconds = store.built(cache / "images", wanted.key, build, rebuild=rebuild)
    return Image(folder), seconds
