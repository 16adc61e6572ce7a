"""The one error of this package."""

from __future__ import annotations


class RuleError(ValueError):
    """A rule, a history or a transition that cannot be; the message names the value and the remedy."""
