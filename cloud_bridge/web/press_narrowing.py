"""What a link to the list of presses may ask for beside the list's own form: a place, a person, a rating, days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from litestar.exceptions import ValidationException
from msgspec import structs

from cloud_bridge.reports.local_time import midnight_ns
from cloud_bridge.store.org import Place, organisation
from cloud_bridge.store.rows import PressFilter
from cloud_bridge.web.i18n import zone
from cloud_bridge.web.visitor import AnyRequest, services_of

NAMES = ("place", "employee", "rating", "from", "to")
_TEXT_CHARS = 500
_DAYS = ("1971-01-01", "2200-12-31")


def narrowing_of(request: AnyRequest) -> dict[str, str]:
    """What of it was asked for, by name."""
    asked = {name: str(request.query_params.get(name, "")).strip()[:_TEXT_CHARS] for name in NAMES}
    return {name: value for name, value in asked.items() if value}


def narrow(request: AnyRequest, where: PressFilter, asked: Mapping[str, str]) -> PressFilter:
    """The filter with what was asked for; days are those of the site's clock. Raises `ValidationException`."""
    if any("\0" in value for value in asked.values()):
        raise ValidationException("a name holds no NUL")
    site, _, counter = asked.get("place", "").partition("/")
    rating = asked.get("rating", "")
    if rating not in {"", *"12345"}:
        raise ValidationException("rating must be 1 to 5")
    services = services_of(request)
    known = organisation(services.store).sites.get(site) if site else None
    clock = services.time_zone if known is None else zone(known.time_zone)
    first, last = _day(asked, "from"), _day(asked, "to")
    return structs.replace(
        where,
        place=Place(site, counter) if site else None,
        employee=asked.get("employee"),
        rating=int(rating) if rating else None,
        since_ns=None if first is None else midnight_ns(first, clock),
        until_ns=None if last is None else midnight_ns(date.fromordinal(last.toordinal() + 1), clock),
    )


def _day(asked: Mapping[str, str], name: str) -> date | None:
    text = asked.get(name)
    if text is None:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise ValidationException(f"{name} must be a date such as 2026-12-31") from error
    if not _DAYS[0] <= found.isoformat() <= _DAYS[1]:
        raise ValidationException(f"{name} must lie from {_DAYS[0]} to {_DAYS[1]}")
    return found
