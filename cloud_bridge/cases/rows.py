"""What cases are, as plain immutable structs. Times `_ns` are Unix nanoseconds, `_s` is working time in seconds."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

TEXT_CHARS = 10_000
TITLE_CHARS = 200


class CaseError(ValueError):
    """A case cannot be changed as asked. `code` is stable for translation; the message says why and the remedy."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Status(StrEnum):
    """How far a case is. While it waits (for the client, for somebody else) its limit stands still."""

    NEW = "new"
    WORK = "work"
    WAITING = "waiting"
    CLOSED = "closed"


OPEN = (Status.NEW, Status.WORK, Status.WAITING)


class Verdict(StrEnum):
    """What a complaint turned out to be."""

    FALSE = "false"
    CHECK = "check"
    TRUE = "true"


class CaseRow(Struct, frozen=True, kw_only=True):
    """One case. `due_ns` is None while its limit does not run; `presses` counts those of merged cases too.

    `trigger` is that of its first press.
    """

    id: int
    title: str
    site: str
    counter: str | None
    employee: str | None
    simulated: bool
    status: Status
    verdict: Verdict | None
    assignee: int | None
    assignee_name: str | None
    merged_into: int | None
    limit_no: int
    due_ns: int | None
    warn_ns: int | None
    left_s: int | None
    warn_before_s: int
    warned_no: int
    escalated_no: int
    order_ns: int
    cause: str | None
    measure: str | None
    opened_ns: int
    opened_by: str
    changed_ns: int
    closed_ns: int | None
    closed_by: str | None
    presses: int
    tags: tuple[str, ...]
    trigger: str


class CaseEvent(Struct, frozen=True, kw_only=True):
    """One line of a history. `user` is empty where the bridge itself did it."""

    id: int
    case: int
    at_ns: int
    user: str
    kind: str
    text: str
    data: dict[str, Any]


class Contact(Struct, frozen=True, kw_only=True):
    """A client, as far as known; empty texts where not."""

    name: str = ""
    email: str = ""
    phone: str = ""


class Message(Struct, frozen=True, kw_only=True):
    """A message to a client (`out`) or a reply taken down (`in`). `delivery` is the outbox's word for how far it is."""

    id: int
    case: int
    at_ns: int
    user: str
    direction: str
    address: str
    subject: str
    text: str
    delivery: str | None
    removed_ns: int | None


class CaseCursor(Struct, frozen=True):
    """Where a page of cases ended."""

    order_ns: int
    id: int


class CaseFilter(Struct, frozen=True, kw_only=True):
    """Which cases: None means any. `overdue_ns`: those whose limit has run out by then; `assignee` 0: nobody's."""

    statuses: tuple[Status, ...] = ()
    assignee: int | None = None
    site: str | None = None
    verdict: Verdict | None = None
    cause: str | None = None
    tag: str | None = None
    overdue_ns: int | None = None
    opened_since_ns: int | None = None
    opened_until_ns: int | None = None


class CasePage(Struct, frozen=True):
    """Cases, the most urgent first; `next` is None at the end."""

    cases: tuple[CaseRow, ...]
    next: CaseCursor | None
