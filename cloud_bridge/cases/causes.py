"""What a case can be closed with: a cause that the check-lists of causes name, or that there was none.

A cause's id is `<checklist>.<item>`, as in the report of causes.
"""

from __future__ import annotations

from typing import Final

from cloud_bridge.cases.rows import CaseError, Verdict
from cloud_bridge.checklists.causes import CauseName, causes
from cloud_bridge.store.engine import Store

UNFOUNDED: Final = "unfounded"
"""No cause: the complaint is false. Of use for such cases alone."""


def offered(store: Store, language: str) -> tuple[CauseName, ...]:
    """The causes that a case can be closed with now, staff's first."""
    return tuple(one for one in causes(store, language) if one.current)


def title_of(store: Store, cause: str, language: str) -> str | None:
    """A cause in words, also one that is asked for no longer; None for `UNFOUNDED` and unknown ones."""
    return next((one.title for one in causes(store, language) if one.id == cause), None)


def current_ids(store: Store) -> frozenset[str]:
    """The ids of the causes that are offered."""
    return frozenset(one.id for one in offered(store, "en"))


def require(current: frozenset[str], cause: str, verdict: str | None) -> None:
    """Raise `CaseError` unless a case with this verdict can be closed with the cause."""
    if cause == UNFOUNDED:
        if verdict != Verdict.FALSE:
            raise CaseError("unfounded", "only a complaint that was judged false has no cause; judge it first")
        return
    if cause not in current:
        raise CaseError("cause", f"cause {cause[:65]!r} is in no check-list of causes; choose one that is")
