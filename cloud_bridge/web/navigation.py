"""The main navigation: which pages there are and for whom; the first that one may use is one's home."""

from __future__ import annotations

from msgspec import Struct

from cloud_bridge.access.table import Action
from cloud_bridge.store.users import Role
from cloud_bridge.web.permits import may
from cloud_bridge.web.visitor import AnyConnection, visitor_of

_MINE = "mine"


class Entry(Struct, frozen=True):
    """A page of the navigation: `section` is its path without the slash and its words `nav.<section>`."""

    section: str
    action: Action


WORK = (
    Entry("review", Action.REVIEW),
    Entry("presses", Action.SEE_PRESSES),
    Entry("reports", Action.SEE_FIGURES),
    Entry("alarms", Action.SEE_ALARMS),
    Entry("cases", Action.SEE_CASES),
    Entry("mine", Action.ANSWER_QUESTION),
    Entry("boxes", Action.SEE_BOXES),
)
"""What people work in: shown side by side."""

MANAGE = (
    Entry("checklists", Action.EDIT_CHECKLISTS),
    Entry("rules", Action.EDIT_RULES),
    Entry("notifications", Action.EDIT_NOTIFICATIONS),
    Entry("webhooks", Action.EDIT_NOTIFICATIONS),
    Entry("organisation", Action.EDIT_STAFF),
    Entry("people", Action.SEE_ACCOUNTS),
    Entry("audit", Action.SEE_AUDIT),
    Entry("tokens", Action.MAKE_TOKENS),
    Entry("retention", Action.SET_RETENTION),
    Entry("persons", Action.DELETE_PERSON),
    Entry("quarantine", Action.SEE_QUARANTINE),
    Entry("enrol", Action.ENROL_BOXES),
    Entry("updates", Action.UPDATE_BOXES),
)
"""What is looked after now and then: in the menu beside them."""


def entries(request: AnyConnection, among: tuple[Entry, ...]) -> tuple[str, ...]:
    """The sections of `among` that the visitor may use."""
    return tuple(entry.section for entry in among if may(request, entry.action))


def home_of(request: AnyConnection) -> str:
    """Where the visitor's day begins: with own work, the first page that they may use, or their account."""
    found = entries(request, WORK + MANAGE)
    visitor = visitor_of(request)
    if visitor is not None and visitor.user.role is Role.OPERATOR and _MINE in found:
        return f"/{_MINE}"
    return f"/{found[0]}" if found else "/account"
