"""What every section of the configuration is made of."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every section."""


def doc(text: str, **limits: Any) -> Meta:
    """The description of a setting, its unit named, and the limits of its value."""
    return Meta(description=text, **limits)


Seconds = Annotated[float, Meta(ge=0, le=3600)]
