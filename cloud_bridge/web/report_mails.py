"""Having a report mailed, from its page: by whom it is read, as often as they say."""

from __future__ import annotations

from typing import Annotated

from litestar import post
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from cloud_bridge.access.table import Action
from cloud_bridge.reports import mails
from cloud_bridge.reports.build import Report
from cloud_bridge.reports.mails import Asked, Every, OrderError
from cloud_bridge.reports.question import Grouping
from cloud_bridge.web import audit
from cloud_bridge.web.permits import needs
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of


class MailForm(Struct, frozen=True):
    """How often, and what the page shows now."""

    every: Annotated[str, Meta(max_length=10)]
    by: Annotated[str, Meta(max_length=10)] = ""
    place: Annotated[str, Meta(max_length=127, pattern=r"^[^\x00]*$")] = ""
    employee: Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")] = ""


class OrderView(Struct, frozen=True):
    """A report that is mailed, in words."""

    id: int
    text: str
    label: str


@post("/reports/{report:str}/mail", opt=needs(Action.EXPORT_FIGURES), sync_to_thread=True, include_in_schema=False)
def order_mail(request: AnyRequest, report: FromPath[str], data: URLEncodedBody[MailForm]) -> Redirect:
    """Mail the visitor this report from now on."""
    wanted = known_report(report)
    if wanted is Report.COMMENTS:
        raise ValidationException("comments are not mailed: they are read where one sees the presses")
    services, visitor = services_of(request), the_visitor(request)
    site, _, counter = data.place.partition("/")
    try:
        asked = Asked(
            by=Grouping(data.by or Grouping.SITE),
            site=site or None,
            counter=(counter if site else "") or None,
            employee=data.employee or None,
        )
        every = Every(data.every)
        mails.order(
            services.store,
            visitor.user.id,
            wanted,
            every,
            asked,
            zone=services.time_zone,
            now_ns=services.now_ns(),
        )
    except (OrderError, ValueError) as error:
        raise ValidationException(str(error)) from error
    audit.record(services, request, "report.order", f"{wanted} {every} {data.by} {data.place} {data.employee}".rstrip())
    return Redirect(f"/reports/{wanted}#title-mail", status_code=303)


@post("/reports/mails/{order:int}/end", opt=needs(Action.EXPORT_FIGURES), sync_to_thread=True, include_in_schema=False)
def end_mail(request: AnyRequest, order: FromPath[int]) -> Redirect:
    """Mail it no more."""
    services, visitor = services_of(request), the_visitor(request)
    if not 0 < order < 2**63 or not mails.end(services.store, visitor.user.id, order):
        raise NotFoundException
    audit.record(services, request, "report.end", str(order))
    return Redirect(f"/reports/{Report.LOYALTY}#title-mail", status_code=303)


ROUTES = (order_mail, end_mail)


def known_report(name: str) -> Report:
    """The report of a name; raises the 404 for others."""
    if name not in set(Report):
        raise NotFoundException("there is no such report")
    return Report(name)


def order_views(request: AnyRequest) -> list[OrderView]:
    """What the visitor has ordered."""
    t = translator_of(request)
    found = []
    for one in mails.orders_of(services_of(request).store, the_visitor(request).user.id):
        title = t(f"reports.title_{one.report}")
        place = "/".join(name for name in (one.asked.site, one.asked.counter, one.asked.employee) if name)
        name = f"{title} ({place})" if place else title
        every = t(f"reports.every_{one.every}")
        text = t("reports.mail_made", report=name, every=every, due=t.date(one.due_ns))
        found.append(OrderView(one.id, text, t("reports.mail_end_label", report=name, every=every)))
    return found
