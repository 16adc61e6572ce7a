"""The page of software updates: which releases there are, who runs and tries what, and offering one to boxes."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Meta, Struct

from cloud_bridge.access.table import Action
from cloud_bridge.store import queries
from cloud_bridge.updates import offers
from cloud_bridge.updates.offers import OfferRow, ReleaseRow, UpdateError
from cloud_bridge.web import audit
from cloud_bridge.web.html import page
from cloud_bridge.web.i18n import Translator
from cloud_bridge.web.permits import needs
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of

_GOOD, _BAD = {"good"}, {"failed", "rolled_back"}
_ALL = "*"


class OfferForm(Struct, frozen=True):
    """Which bundle to which box; `box` is site/name, or * for all of them."""

    release: Annotated[str, Meta(max_length=64)]
    box: Annotated[str, Meta(max_length=127)]
    force: str = ""


class ReleaseView(Struct, frozen=True, kw_only=True):
    """A release in words."""

    sha256: str
    version: str
    size: str
    added: str
    added_by: str


class OfferView(Struct, frozen=True, kw_only=True):
    """An offer in words; `kind` is the colour of its state."""

    id: str
    site: str
    box: str
    version: str
    state: str
    kind: str
    made: str
    made_by: str
    changed: str
    reason: str
    can_withdraw: bool


@get("/updates", opt=needs(Action.UPDATE_BOXES), sync_to_thread=True, include_in_schema=False)
def show_updates(request: AnyRequest) -> Template:
    """Releases and offers."""
    return _page(request)


@post("/updates/offers", opt=needs(Action.UPDATE_BOXES), sync_to_thread=True, include_in_schema=False)
def make_offer(request: AnyRequest, data: URLEncodedBody[OfferForm]) -> Template | Redirect:
    """Offer a release to one box or to all."""
    services = services_of(request)
    t = translator_of(request)
    known = queries.box_names(services.store)
    chosen = known if data.box == _ALL else [pair for pair in known if "/".join(pair) == data.box]
    wanted = offers.find_release(services.store, data.release)
    if wanted is None or not chosen:
        return _page(request, problem=t("updates.choose"), status=400)
    url = services.settings.enrol_url or str(request.base_url)
    by, now_ns = the_visitor(request).name, services.now_ns()
    try:
        made = offers.make_offers(
            services.store, chosen, wanted, base_url=url, by=by, now_ns=now_ns, force=bool(data.force)
        )
    except UpdateError as error:
        return _page(request, problem=t("updates.refused", reason=str(error)), status=400)
    about = f"{wanted.version} to {data.box if data.box != _ALL else f'{len(made)} boxes'}"
    audit.record(services, request, "update.offer", f"{about}{' by force' if data.force else ''}")
    return Redirect("/updates", status_code=303)


@post(
    "/updates/offers/{offer:str}/withdraw", opt=needs(Action.UPDATE_BOXES), sync_to_thread=True, include_in_schema=False
)
def withdraw_offer(request: AnyRequest, offer: FromPath[str]) -> Redirect:
    """Take an offer back."""
    services = services_of(request)
    if not offers.withdraw(services.store, offer, services.now_ns()):
        raise NotFoundException
    audit.record(services, request, "update.withdraw", offer)
    return Redirect("/updates", status_code=303)


def state_text(t: Translator, offer: OfferRow) -> str:
    """How far an offer is, in words."""
    text = t(f"updates.state_{offer.state}")
    if offer.state == "downloading" and offer.percent is not None:
        return t("updates.percent", state=text, percent=t.number(offer.percent))
    return text


def _page(request: AnyRequest, *, problem: str | None = None, status: int = 200) -> Template:
    services = services_of(request)
    t = translator_of(request)
    return page(
        request,
        "updates.html",
        "updates",
        status=status,
        releases=[_release_view(t, row) for row in offers.releases(services.store)],
        offers=[_offer_view(t, row) for row in offers.offers(services.store)],
        boxes=["/".join(pair) for pair in queries.box_names(services.store)],
        problem=problem,
    )


def _release_view(t: Translator, row: ReleaseRow) -> ReleaseView:
    return ReleaseView(
        sha256=row.sha256,
        version=row.version,
        size=t.size(row.bytes),
        added=t.moment(row.added_ns),
        added_by=row.added_by,
    )


def _offer_view(t: Translator, row: OfferRow) -> OfferView:
    return OfferView(
        id=row.id,
        site=row.site,
        box=row.box,
        version=row.version,
        state=state_text(t, row),
        kind="good" if row.state in _GOOD else "bad" if row.state in _BAD else "",
        made=t.moment(row.made_ns),
        made_by=row.made_by,
        changed=t.moment(row.changed_ns),
        reason=row.reason or "",
        can_withdraw=row.state in {"made", "offered", "downloading"},
    )
