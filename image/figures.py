"""The image's figures in docs/BENCHMARKS.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab.figures import PAGE, Figure
from lab.figures import write as write_between

MARKS = ("<!-- image figures -->", "<!-- end of image figures -->")
_MB = 1e6


def write(image: Path, figures: dict[str, Any]) -> None:
    """Renew what the boot test of `image` measured."""
    write_between(of_boot_test(image, figures), PAGE, MARKS)


def of_boot_test(image: Path, figures: dict[str, Any]) -> list[Figure]:
    """The rows of a run of `image.boot_test`; the sizes of the image's files where they are there."""
    rows = [Figure("image", "written to the card", image.stat().st_size / _MB, "MB")]
    compressed = image.with_name(f"{image.name}.zst")
    if compressed.exists():
        rows.append(Figure("image", "to download (zstd)", compressed.stat().st_size / _MB, "MB"))
    return [
        *rows,
        Figure("boot", "kernel's start → provisioned, emulated processor", figures["provisioned_s"], "s"),
        Figure("boot", "kernel's start → ready for a press, emulated processor", figures["ready_s"], "s"),
        Figure("boot", "press → receipt of its 15-s track", figures["press_to_receipt_s"], "s"),
        Figure("memory", "PSS of all processes", figures["pss_mb"], "MB"),
        Figure("memory", "RSS of all processes, shared pages counted each time", figures["rss_mb"], "MB"),
        Figure("memory", "available of 512 MB", figures["available_mb"], "MB"),
        Figure(
            "idle", f"written an hour (measured {figures['idle_measured_s']:.0f} s)", figures["idle_bytes_an_hour"], "B"
        ),
    ]
