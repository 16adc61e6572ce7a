"""Pages of the organisation: sites with their clocks and hours, counters and what stands there, people, shifts."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Meta, Struct

from cloud_bridge.access.table import Action
from cloud_bridge.cases.calendar import CalendarError
from cloud_bridge.store import org
from cloud_bridge.store.org import Organisation, OrgError, Place, Site
from cloud_bridge.store.sight import Sight
from cloud_bridge.store.tables_org import EVERY_BUTTON
from cloud_bridge.web import audit
from cloud_bridge.web.html import page
from cloud_bridge.web.organisation_view import HoursForm, hours_form, read_hours, site_view, sites_view
from cloud_bridge.web.permits import may_at, needs, require_at, scope_of, sight_of
from cloud_bridge.web.visitor import AnyRequest, services_of, translator_of
from edge.wire import NAME_PATTERN

_Name = Annotated[str, Meta(pattern=NAME_PATTERN)]
_Title = Annotated[str, Meta(max_length=200)]
_Person = Annotated[str, Meta(max_length=500)]


class CounterForm(Struct, frozen=True):
    """A counter to make or to change."""

    name: Annotated[str, Meta(max_length=100)]
    title: _Title = ""
    retired: str = ""


class SourceForm(Struct, frozen=True):
    """Which box (`what` = box) or button (`what` = box/button) stands at which counter; empty: where its box stands."""

    what: Annotated[str, Meta(max_length=127)]
    counter: Annotated[str, Meta(max_length=63)] = ""


class PersonForm(Struct, frozen=True):
    """A person of a site; `name` is as boxes name them."""

    name: _Person
    title: _Title = ""
    retired: str = ""
    elsewhere: str = ""


@get("/organisation", opt=needs(Action.EDIT_STAFF), sync_to_thread=True, include_in_schema=False)
def show_organisation(request: AnyRequest) -> Template:
    """The sites that the visitor's places name."""
    known = org.organisation(services_of(request).store)
    scope = scope_of(request)
    sites = sites_view(translator_of(request), known, Sight(scope, known), services_of(request).now_ns())
    return page(request, "organisation.html", "organisation", sites=sites)


@get("/organisation/{site:str}", opt=needs(Action.EDIT_STAFF), sync_to_thread=True, include_in_schema=False)
def show_site(request: AnyRequest, site: FromPath[str]) -> Template:
    """One site: counters, boxes and buttons, people, shifts, clock and hours."""
    return _site_page(request, site)


@post("/organisation/{site:str}/settings", opt=needs(Action.EDIT_PLACES), sync_to_thread=True, include_in_schema=False)
def change_site(request: AnyRequest, site: FromPath[str], data: URLEncodedBody[HoursForm]) -> Template | Redirect:
    """Title, clock and hours."""
    _known(request, site)
    try:
        hours = read_hours(data)
        if hours is not None:
            hours.calendar(data.time_zone)
        text = None if hours is None else msgspec.json.encode(hours).decode()
        org.change_site(
            services_of(request).store, site, title=data.title, time_zone=data.time_zone.strip(), calendar=text
        )
    except (OrgError, CalendarError) as error:
        return _site_page(request, site, problem=error, form=data)
    return _done(request, site, "site.change", site)


@post("/organisation/{site:str}/counters", opt=needs(Action.EDIT_PLACES), sync_to_thread=True, include_in_schema=False)
def put_counter(request: AnyRequest, site: FromPath[str], data: URLEncodedBody[CounterForm]) -> Template | Redirect:
    """Make a counter, or change the one of that name."""
    _known(request, site)
    name = data.name.strip().lower()
    try:
        msgspec.convert(name, _Name)
        org.put_counter(
            services_of(request).store, Place(site, name), title=data.title.strip() or name, retired=bool(data.retired)
        )
    except (OrgError, msgspec.ValidationError) as error:
        return _site_page(request, site, problem=error)
    return _done(request, site, "counter.put", f"{site}/{name}{' retired' if data.retired else ''}")


@post("/organisation/{site:str}/sources", opt=needs(Action.EDIT_PLACES), sync_to_thread=True, include_in_schema=False)
def assign_source(request: AnyRequest, site: FromPath[str], data: URLEncodedBody[SourceForm]) -> Template | Redirect:
    """Put a box or one of its buttons to a counter."""
    store = services_of(request).store
    known = _known(request, site)
    box, _, button = data.what.partition("/")
    if (site, box, EVERY_BUTTON) not in known.sources:
        raise NotFoundException
    try:
        if data.counter:
            org.assign(store, site, box, button, data.counter)
        else:
            org.unassign_button(store, site, box, button)
    except OrgError as error:
        return _site_page(request, site, problem=error)
    return _done(request, site, "source.assign", f"{site}/{data.what} to {data.counter or 'its box'}")


@post("/organisation/{site:str}/people", opt=needs(Action.EDIT_STAFF), sync_to_thread=True, include_in_schema=False)
def put_person(request: AnyRequest, site: FromPath[str], data: URLEncodedBody[PersonForm]) -> Template | Redirect:
    """Make or change a person of a site. One of another site is changed there."""
    known = _known(request, site)
    require_at(request, Action.EDIT_STAFF, Place(site))
    name = data.name.strip()
    present = known.employees.get(name)
    if present is not None and present.site not in {None, site}:
        require_at(request, Action.EDIT_STAFF, Place(present.site or ""))
    try:
        org.put_employee(
            services_of(request).store,
            name,
            title=data.title.strip() or name,
            site=None if data.elsewhere else site,
            retired=bool(data.retired),
        )
    except OrgError as error:
        return _site_page(request, site, problem=error)
    return _done(request, site, "employee.put", f"{name}{' retired' if data.retired else ''}")


def _known(request: AnyRequest, site: str) -> Organisation:
    """The organisation; the 404 where the visitor may see nothing of the site."""
    known = org.organisation(services_of(request).store)
    if site not in known.sites or not scope_of(request).holds_site(site):
        raise NotFoundException
    return known


def _done(request: AnyRequest, site: str, action: str, about: str) -> Redirect:
    audit.record(services_of(request), request, action, about)
    return Redirect(f"/organisation/{site}", status_code=303)


def _site_page(
    request: AnyRequest, site: str, *, problem: Exception | None = None, form: HoursForm | None = None
) -> Template:
    services = services_of(request)
    known = _known(request, site)
    t = translator_of(request)
    row: Site = known.sites[site]
    whole = may_at(request, Action.EDIT_STAFF, Place(site))
    sight = Sight(sight_of(request, Action.EDIT_STAFF).scope, known)
    return page(
        request,
        "site.html",
        "organisation",
        status=200 if problem is None else 400,
        site=site_view(t, services.store, known, row, sight, services.now_ns()),
        form=form or hours_form(row),
        problem=None if problem is None else t("organisation.refused", reason=str(problem)),
        edits_staff=whole,
    )


ROUTES = (show_organisation, show_site, change_site, put_counter, assign_source, put_person)
