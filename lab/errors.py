"""What the lab raises."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what it was asked for; the message names the cause and the remedy."""
