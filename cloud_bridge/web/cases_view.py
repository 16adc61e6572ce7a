"""Cases as the templates show them: rows turned into words, times in the clock of the case's site."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from msgspec import Struct

from cloud_bridge.cases.causes import UNFOUNDED
from cloud_bridge.cases.rows import CaseCursor, CaseError, CaseEvent, CaseRow, Message, Status
from cloud_bridge.checklists.causes import CauseName, causes
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Organisation, Place, organisation
from cloud_bridge.web.i18n import Translator, zone
from cloud_bridge.web.press_view import named

_NS = 1_000_000_000


class CaseView(Struct, frozen=True, kw_only=True):
    """One case in words. `due_kind` is overdue, soon, runs, still or over."""

    id: int
    title: str
    named: bool
    place: str
    employee: str
    status: str
    status_text: str
    verdict: str
    verdict_text: str
    assignee: int | None
    assignee_name: str
    due_kind: str
    due: str
    due_iso: str
    due_text: str
    presses: str
    tags: tuple[str, ...]
    opened: str
    opened_date: str
    opened_by: str
    closed: str
    closed_by: str
    cause: str
    measure: str
    simulated: bool
    merged_into: int | None


class EventView(Struct, frozen=True, kw_only=True):
    """One line of a history in words; `said` is what a person wrote."""

    id: int
    kind: str
    moment: str
    iso: str
    user: str
    text: str
    said: str
    other_case: int | None


class MessageView(Struct, frozen=True, kw_only=True):
    """A message to the client, or a reply."""

    direction: str
    moment: str
    iso: str
    user: str
    address: str
    subject: str
    text: str
    delivery: str
    delivery_kind: str
    removed: str


class CaseWords:
    """Says what cases are, for one reader: knows the places and the causes."""

    def __init__(self, store: Store, t: Translator, now_ns: int) -> None:
        self._t = t
        self._now_ns = now_ns
        self.organisation: Organisation = organisation(store)
        self._causes: dict[str, CauseName] = {one.id: one for one in causes(store, t.language)}

    def at(self, site: str) -> Translator:
        """The words in the clock of a site."""
        known = self.organisation.sites.get(site)
        return self._t if known is None else replace(self._t, time_zone=zone(known.time_zone))

    def case(self, row: CaseRow) -> CaseView:
        """A case in words."""
        t = self.at(row.site)
        return CaseView(
            id=row.id,
            title=row.title or (named(t, "trigger", row.trigger) if row.trigger else t("cases.number", number=row.id)),
            named=bool(row.title),
            place=self.place(row),
            employee=row.employee or "",
            status=str(row.status),
            status_text=t(f"cases.status_{row.status}"),
            verdict=str(row.verdict or ""),
            verdict_text=t(f"cases.verdict_{row.verdict}") if row.verdict else "",
            assignee=row.assignee,
            assignee_name=row.assignee_name or "",
            due_kind=due_kind(row, self._now_ns),
            due="" if row.due_ns is None else t.moment(row.due_ns),
            due_iso="" if row.due_ns is None else t.iso(row.due_ns),
            due_text=self._due_text(t, row),
            presses=t.count("cases.presses", row.presses),
            tags=row.tags,
            opened=t.moment(row.opened_ns),
            opened_date=t.date(row.opened_ns),
            opened_by=row.opened_by,
            closed="" if row.closed_ns is None else t.moment(row.closed_ns),
            closed_by=row.closed_by or "",
            cause=self.cause(row.cause),
            measure=row.measure or "",
            simulated=row.simulated,
            merged_into=row.merged_into,
        )

    def place(self, row: CaseRow) -> str:
        """Where a case happened: the titles of site and counter."""
        title = self.organisation.site_title(row.site)
        counter = self.organisation.counters.get(Place(row.site, row.counter or ""))
        return title if counter is None else f"{title} / {counter.title}"

    def cause(self, cause: str | None) -> str:
        """A cause in words; nothing where there is none."""
        if cause is None:
            return ""
        if cause == UNFOUNDED:
            return self._t("cases.unfounded")
        known = self._causes.get(cause)
        return cause if known is None else known.title

    def offered(self) -> list[CauseName]:
        """The causes that a case can be closed with."""
        return [one for one in self._causes.values() if one.current]

    def event(self, site: str, row: CaseEvent) -> EventView:
        """A line of a history in words."""
        t = self.at(site)
        other = row.data.get("into", row.data.get("source"))
        return EventView(
            id=row.id,
            kind=row.kind,
            moment=t.moment(row.at_ns),
            iso=t.iso(row.at_ns),
            user=row.user,
            text=t(f"cases.log_{row.kind}", **self._values(t, row)),
            said=row.text,
            other_case=other,
        )

    def message(self, site: str, row: Message) -> MessageView:
        """A message in words."""
        t = self.at(site)
        delivery = row.delivery or ""
        return MessageView(
            direction=row.direction,
            moment=t.moment(row.at_ns),
            iso=t.iso(row.at_ns),
            user=row.user,
            address=row.address,
            subject=row.subject,
            text=row.text,
            delivery=t(f"cases.delivery_{delivery}") if delivery else "",
            delivery_kind={"sent": "good", "failed": "bad", "waiting": "warn"}.get(delivery, ""),
            removed="" if row.removed_ns is None else t.moment(row.removed_ns),
        )

    def _values(self, t: Translator, row: CaseEvent) -> dict[str, Any]:
        """What the sentence of a kind needs."""
        data = row.data
        match row.kind:
            case "status":
                return {one: t(f"cases.status_{data[one]}") for one in ("before", "after")}
            case "assigned":
                return {"name": data["name"] or t("cases.nobody")}
            case "judged":
                return {"verdict": t(f"cases.verdict_{data['after']}") if data["after"] else t("cases.no_verdict")}
            case "tagged":
                return {"tags": ", ".join(data["after"]) or "–"}
            case "limit":
                return {"hours": t.number(data["limit_s"] / 3600, 0 if data["limit_s"] % 3600 == 0 else 1)}
            case "closed":
                return {"cause": self.cause(data["cause"])}
            case "merged" | "unmerged":
                return {"other": data["into"]}
            case "took_in" | "gave_back":
                return {"other": data["source"]}
            case "warned" | "escalated":
                return {"due": t.moment(data["due_ns"])}
        return {}

    def _due_text(self, t: Translator, row: CaseRow) -> str:
        if row.due_ns is None:
            return "" if row.status is Status.CLOSED else t("cases.due_still")
        away = t.seconds(abs(row.due_ns - self._now_ns) // _NS)
        return t("cases.due_over" if row.due_ns <= self._now_ns else "cases.due_in", time=away)


def due_kind(row: CaseRow, now_ns: int) -> str:
    """How urgent a case is."""
    if row.status is Status.CLOSED:
        return "over"
    if row.due_ns is None:
        return "still"
    if row.due_ns <= now_ns:
        return "overdue"
    return "soon" if row.warn_ns is not None and row.warn_ns <= now_ns else "runs"


def refusal(t: Translator, error: CaseError) -> str:
    """Why something was refused, in the reader's words where we have them."""
    key = f"cases.refused_{error.code}"
    return t(key) if t.has(key) else str(error)


def cursor_text(cursor: CaseCursor) -> str:
    """A cursor as it stands in addresses."""
    return f"{cursor.order_ns}.{cursor.id}"
