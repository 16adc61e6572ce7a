"""Legal holds as the templates show them."""

from __future__ import annotations

from typing import Any

from cloud_bridge.retention.holds import Hold
from cloud_bridge.web.i18n import Translator


def hold_views(t: Translator, found: tuple[Hold, ...]) -> list[dict[str, Any]]:
    """Holds for a template."""
    return [
        {
            "id": one.id,
            "press": one.press,
            "case": one.case,
            "reason": one.reason,
            "made_by": one.made_by,
            "made": t.moment(one.made_ns),
        }
        for one in found
    ]
