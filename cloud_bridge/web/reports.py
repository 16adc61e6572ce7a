"""Reports: pages, files, and the same by the API. All of it is what `cloud_bridge.reports.build.figures` says."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from litestar import Response, get
from litestar.exceptions import NotFoundException, PermissionDeniedException, ValidationException
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect, Template

from cloud_bridge.access.table import Action
from cloud_bridge.reports import csv_text, xlsx
from cloud_bridge.reports.build import Report, figures
from cloud_bridge.reports.data import ApiFigures, api_figures
from cloud_bridge.reports.figures import Figures
from cloud_bridge.reports.mails import Every
from cloud_bridge.reports.question import Grouping, Question, last_days
from cloud_bridge.reports.words import period
from cloud_bridge.store import staff
from cloud_bridge.store.org import Organisation, organisation
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.sight import Sight
from cloud_bridge.store.tokens import TokenScope
from cloud_bridge.web import audit
from cloud_bridge.web.html import page
from cloud_bridge.web.permits import may, needs, scope_of
from cloud_bridge.web.report_mails import known_report, order_views
from cloud_bridge.web.report_view import table_view, totals, week_view
from cloud_bridge.web.visitor import AnyRequest, program_of, services_of, the_visitor, translator_of

Days = Annotated[str, QueryParameter(max_length=10, description="A day, 2026-12-31; empty: the last 30 days")]
By = Annotated[str, QueryParameter(max_length=10, description="site, counter, employee, day, week or month")]
PlaceQuery = Annotated[str, QueryParameter(max_length=127, description="<site> or <site>/<counter>; empty: all")]
Person = Annotated[str, QueryParameter(max_length=500, description="As presses name them; empty: all")]
_ROWS_PATH = "/presses"
_REVIEW_PATH = "/review?reviewed=all"


@get("/reports", opt=needs(Action.SEE_FIGURES), sync_to_thread=False, include_in_schema=False)
def show_first() -> Redirect:
    """The first report."""
    return Redirect(f"/reports/{Report.LOYALTY}", status_code=303)


@get("/reports/{report:str}", opt=needs(Action.SEE_FIGURES), sync_to_thread=True, include_in_schema=False)
def show_report(
    request: AnyRequest,
    report: FromPath[str],
    *,
    since: Days = "",
    until: Days = "",
    by: By = "",
    place: PlaceQuery = "",
    employee: Person = "",
) -> Template:
    """One report with its charts and tables."""
    wanted = known_report(report)
    services, t = services_of(request), translator_of(request)
    question = ask(request, since, until, by, place, employee)
    found = _figures(request, wanted, question)
    links = _links(request)
    shown = [table_view(t, table, links=links) for table in found.tables if table.name != "week"]
    week = next((table for table in found.tables if table.name == "week"), None)
    organised = organisation(services.store)
    scope = scope_of(request)
    # Who sees only their own has nobody to choose.
    people = (
        () if scope.employee else staff.people_in(services.store, Sight(scope, organised), organised, services.now_ns())
    )
    query = urlencode({name: value for name, value in asked_of(question).items() if value})
    return page(
        request,
        "reports.html",
        "reports",
        report=str(wanted),
        reports=[str(one) for one in Report if one is not Report.COMMENTS or links],
        may_take=may(request, Action.EXPORT_ROWS if wanted is Report.COMMENTS else Action.EXPORT_FIGURES),
        question=question,
        asked=asked_of(question),
        query=query,
        period=period(t, found),
        groupings=[str(one) for one in Grouping],
        places=place_choices(organised, scope_of(request)),
        employees=people,
        figures=found,
        tables=shown,
        totals=totals(t, found) if wanted is Report.LOYALTY else {},
        week=None if week is None else week_view(t, week),
        has_address=bool(the_visitor(request).user.email),
        everies=[str(one) for one in Every],
        orders=order_views(request),
    )


@get("/reports/{report:str}/xlsx", opt=needs(Action.EXPORT_FIGURES), sync_to_thread=True, include_in_schema=False)
def send_xlsx(
    request: AnyRequest,
    report: FromPath[str],
    *,
    since: Days = "",
    until: Days = "",
    by: By = "",
    place: PlaceQuery = "",
    employee: Person = "",
) -> Response[bytes]:
    """The report as a workbook."""
    found = _export(request, known_report(report), ask(request, since, until, by, place, employee), "xlsx")
    return _file(xlsx.workbook(found, translator_of(request)), xlsx.CONTENT_TYPE, f"{file_name(found)}.xlsx")


@get("/reports/{report:str}/csv", opt=needs(Action.EXPORT_FIGURES), sync_to_thread=True, include_in_schema=False)
def send_csv(
    request: AnyRequest,
    report: FromPath[str],
    *,
    table: Annotated[str, QueryParameter(max_length=30, description="Which of its tables; empty: the first")] = "",
    since: Days = "",
    until: Days = "",
    by: By = "",
    place: PlaceQuery = "",
    employee: Person = "",
) -> Response[bytes]:
    """One table of the report as CSV."""
    wanted = known_report(report)
    found = _export(request, wanted, ask(request, since, until, by, place, employee), f"csv {table}".strip())
    chosen = next((one for one in found.tables if table in {"", one.name}), None)
    if chosen is None:
        raise NotFoundException
    name = f"{file_name(found)}-{chosen.name}.csv"
    return _file(csv_text.table_text(chosen).encode(), csv_text.CONTENT_TYPE, name)


@get(
    "/reports/{report:str}",
    opt=needs(Action.SEE_FIGURES, TokenScope.REPORTS_READ),
    sync_to_thread=True,
    operation_id="getReport",
)
def get_report(
    request: AnyRequest,
    report: FromPath[str],
    *,
    since: Annotated[date | None, QueryParameter(description="First day; the last 30 days without")] = None,
    until: Annotated[date | None, QueryParameter(description="Last day, included")] = None,
    by: Annotated[Grouping, QueryParameter(description="What a row of the indices is")] = Grouping.SITE,
    place: PlaceQuery = "",
    employee: Person = "",
) -> ApiFigures:
    """A report's figures: loyalty, causes or frequency; for people comments, too."""
    first, last = (day.isoformat() if day else "" for day in (since, until))
    return api_figures(_figures(request, known_report(report), ask(request, first, last, str(by), place, employee)))


ROUTES = (show_first, show_report, send_xlsx, send_csv)
API_ROUTES = (get_report,)


def ask(request: AnyRequest, since: str, until: str, by: str, place: str, employee: str) -> Question:
    """The question of a query string; raises `ValidationException` for values that cannot be."""
    services = services_of(request)
    first, last = last_days(services.now_ns(), services.time_zone)
    site, _, counter = place.partition("/")
    try:
        until_day = date.fromisoformat(until) if until else max(last, date.fromisoformat(since)) if since else last
        since_day = date.fromisoformat(since) if since else min(first, until_day)
        grouping = Grouping(by) if by else Grouping.SITE
        return Question(
            since=since_day,
            until=until_day,
            by=grouping,
            site=_stored(site),
            counter=_stored(counter),
            employee=_stored(employee),
        )
    except ValueError as error:
        raise ValidationException(str(error)) from error


def asked_of(question: Question) -> dict[str, str]:
    """The query string's values of a question."""
    place = f"{question.site}/{question.counter}" if question.counter else question.site or ""
    return {
        "since": question.since.isoformat(),
        "until": question.until.isoformat(),
        "by": str(question.by),
        "place": place,
        "employee": question.employee or "",
    }


def place_choices(organised: Organisation, scope: Scope) -> list[tuple[str, str]]:
    """Sites and their counters that may be asked about: value and title."""
    found = []
    for site in organised.sites.values():
        if not scope.holds_site(site.name):
            continue
        found.append((site.name, site.title))
        counters = [one for place, one in organised.counters.items() if place.site == site.name]
        found += [(f"{site.name}/{one.name}", f"{site.title} · {one.title}") for one in counters]
    return found


def file_name(found: Figures) -> str:
    """A name of ASCII letters that says what the file holds."""
    asked = found.question
    return f"earshot-{found.report}-{asked.since.isoformat()}-{asked.until.isoformat()}"


def _links(request: AnyRequest) -> str | None:
    """Where rows are opened: who reviews works on them, others look at them, business sees none."""
    if may(request, Action.REVIEW):
        return _REVIEW_PATH
    return _ROWS_PATH if may(request, Action.SEE_PRESSES) else None


def _figures(request: AnyRequest, report: Report, question: Question) -> Figures:
    services = services_of(request)
    language = "en" if program_of(request) else translator_of(request).language
    # What was said about a press is no figure: who may not see presses may not read it either.
    scope = scope_of(request, Action.SEE_PRESSES) if report is Report.COMMENTS else scope_of(request)
    if report is Report.COMMENTS and program_of(request) is not None:
        raise PermissionDeniedException("comments are for people, not for tokens")
    return figures(
        services.store,
        report,
        question,
        scope,
        now_ns=services.now_ns(),
        language=language,
        cases=may(request, Action.SEE_CASES),
    )


def _export(request: AnyRequest, report: Report, question: Question, form: str) -> Figures:
    if report is Report.COMMENTS:
        scope_of(request, Action.EXPORT_ROWS)
    found = _figures(request, report, question)
    about = " ".join([str(report), form, *(value for value in asked_of(question).values() if value)])
    audit.record(services_of(request), request, "report.export", about)
    return found


def _file(data: bytes, content_type: str, name: str) -> Response[bytes]:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(data, media_type=content_type, headers=headers)


def _stored(text: str) -> str | None:
    # A character that no database column holds names nothing.
    if "\0" in text:
        raise ValidationException("a name holds no NUL")
    return text or None
