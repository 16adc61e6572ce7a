"""Writes docs/PERMISSIONS.md from the permission table of the bridge."""

from __future__ import annotations

from pathlib import Path

from cloud_bridge.access.document import render

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "PERMISSIONS.md"

if __name__ == "__main__":
    DOCUMENT.write_text(render(), "utf-8")
