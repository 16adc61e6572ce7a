"""The section `[update]`: where a new release of the software is taken from and when the box changes to it."""

from __future__ import annotations

from typing import Annotated

from edge.config_section import Seconds, Section
from edge.config_section import doc as _doc


class Update(Section, frozen=True):
    """Releases offered by the bridge. Only a box that was flashed from an image has two slots and takes them."""

    enabled: Annotated[bool, _doc("Take offered releases.")] = True
    exchange_dir: Annotated[str, _doc("Folder shared with the root-side unit earshot-update.")] = "/run/earshot-update"
    ca_file: Annotated[str, _doc("PEM file of the authorities trusted for https; empty: the system's.")] = ""
    quiet_s: Annotated[Seconds, _doc("Seconds without a press before the box restarts into a new release.")] = 60.0
