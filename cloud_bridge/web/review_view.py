"""The review as its templates show it: rows, what was said before, how fast one works."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from msgspec import Struct

from cloud_bridge.review.acts import Told
from cloud_bridge.review.queue import QueueRow
from cloud_bridge.store.org import Organisation
from cloud_bridge.web.i18n import Translator
from cloud_bridge.web.press_view import PressView, press_view


class RowView(Struct, frozen=True, kw_only=True):
    """A row of the queue in words."""

    press: PressView
    place: str
    employee: str
    sound: bool
    picture: bool
    reviewed: bool
    verdict: str
    url: str


class ToldView(Struct, frozen=True):
    """A change that was made before, in words."""

    text: str
    when: str
    iso: str


class Pace(Struct, frozen=True):
    """How fast a person works: the median of their last items, in words; empty while there is none."""

    text: str
    items: int


def row_view(t: Translator, row: QueueRow, organisation: Organisation, url: str) -> RowView:
    """A row in words."""
    press = row.press
    return RowView(
        press=press_view(t, press),
        place=place_text(organisation, press.site, press.box, press.button),
        employee=employee_text(organisation, press.employee),
        sound=press.track_state == "complete",
        picture=row.picture,
        reviewed=row.reviewed,
        verdict=row.verdict or "",
        url=url,
    )


def place_text(organisation: Organisation, site: str, box: str, button: str) -> str:
    """Site and counter by their titles; the box's name where it stands at no counter."""
    counter = organisation.counter_of(site, box, button)
    return f"{organisation.site_title(site)} / {counter.title if counter else box}"


def employee_text(organisation: Organisation, employee: str | None) -> str:
    """An employee's title; the name that the box told where nobody gave one."""
    known = organisation.employees.get(employee or "")
    return known.title if known else employee or ""


def told_view(t: Translator, told: Sequence[Told]) -> tuple[ToldView, ...]:
    """What was said before, newest first."""
    return tuple(ToldView(_told(t, one), t.moment(one.at_ns), t.iso(one.at_ns)) for one in told)


def pace(t: Translator, seconds: Sequence[float]) -> Pace:
    """The median of the seconds that the last items took."""
    if not seconds:
        return Pace("", 0)
    middle = median(seconds)
    value = t("unit.s", value=t.number(middle, 1 if middle < 10 else 0))
    return Pace(t.count("review.pace", len(seconds), value=value), len(seconds))


def clock(seconds: float) -> str:
    """Minutes and seconds of a place in the sound."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _told(t: Translator, told: Told) -> str:
    if told.what == "reviewed":
        return t("review.told_looked" if told.new else "review.told_unlooked", user=told.user)
    return t(f"review.told_{told.what}", user=told.user, old=_value(t, told, told.old), new=_value(t, told, told.new))


def _value(t: Translator, told: Told, value: Any) -> str:
    if value is None or value in ("", []):
        return t("review.told_nothing")
    if told.what == "verdict":
        return t(f"review.verdict_{value}")
    if told.what == "tags":
        return ", ".join(map(str, value))
    return str(value)
