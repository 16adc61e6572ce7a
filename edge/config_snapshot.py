"""The section `[snapshot]`: the Emotional Snapshot of a press."""

from __future__ import annotations

from typing import Annotated, Literal

from edge.config_section import Section
from edge.config_section import doc as _doc
from edge.wire import Trigger

_PRESSES = (Trigger.INCIDENT, Trigger.FORCE_MAJEURE, Trigger.APPEAL, Trigger.SALE, Trigger.RATING)


class Snapshot(Section, frozen=True):
    """What a press keeps of the camera, where `eye.enabled`. The picture follows `eye.privacy`."""

    triggers: Annotated[tuple[Trigger, ...], _doc("Presses that get a snapshot and count for the Smile-Index.")] = (
        _PRESSES
    )
    language: Annotated[Literal["en", "ru"], _doc("Language of the words in the picture.")] = "en"
    pages_url: Annotated[
        str, _doc("Address of the bridge's pages; the CSV then links each snapshot there. Empty: its id.")
    ] = ""
