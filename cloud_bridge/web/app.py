"""The web application, put together from what it is given; nothing in it is global."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from secrets import compare_digest

from litestar import Litestar, Response, Router, get
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import CacheControlHeader, State
from litestar.exceptions import NotAuthorizedException
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from cloud_bridge.blobs import Blobs
from cloud_bridge.enrol.enrolment import Enrolment
from cloud_bridge.store import queries
from cloud_bridge.store.engine import Store
from cloud_bridge.web import (
    account,
    alarms,
    audit_page,
    boxes,
    bundles,
    cases,
    cases_work,
    checklists,
    enrol_api,
    enrol_page,
    invite,
    mine,
    notifications,
    organisation,
    people,
    persons,
    presses,
    questions,
    report_mails,
    reports,
    retention,
    review,
    review_acts,
    rules,
    sheets,
    snapshots,
    tokens_page,
    updates_page,
    webhooks,
)
from cloud_bridge.web.api import make_api
from cloud_bridge.web.html import make_engine, make_environment
from cloud_bridge.web.live import live_lifespan, stream_presses
from cloud_bridge.web.permits import SIGNED_IN, require_permit
from cloud_bridge.web.protection import answer_error, make_header_hook
from cloud_bridge.web.settings import SendCommand, Services, WebSettings
from cloud_bridge.web.visitor import PUBLIC, AnyRequest, SessionAuthentication, services_of

_BODY_BYTES_MAX = 64 * 1024
_STATIC_AGE_S = 3600


def create_app(
    store: Store,
    blobs: Blobs,
    settings: WebSettings,
    commands: SendCommand,
    *,
    registry: CollectorRegistry | None = None,
    now_ns: Callable[[], int] = time.time_ns,
    enrolment: Enrolment | None = None,
) -> Litestar:
    """Pages, API and metrics over a migrated `store`. Raises `ConfigError` for settings that cannot be used.

    `registry` is what /metrics shows. `now_ns` (Unix time) dates sessions, attempts to log in and the audit trail.
    """
    services = Services.make(store, blobs, settings, commands, now_ns, enrolment)
    environment = make_environment()
    return Litestar(
        route_handlers=[
            presses.front,
            presses.show_presses,
            presses.show_press,
            stream_presses,
            snapshots.qualify,
            *review.ROUTES,
            *review_acts.ROUTES,
            *questions.ROUTES,
            *sheets.ROUTES,
            *checklists.ROUTES,
            *cases.ROUTES,
            *cases_work.ROUTES,
            *alarms.ROUTES,
            *rules.ROUTES,
            *notifications.ROUTES,
            *webhooks.ROUTES,
            *retention.ROUTES,
            *persons.ROUTES,
            boxes.show_boxes,
            boxes.identify,
            boxes.show_quarantine,
            *organisation.ROUTES,
            *mine.ROUTES,
            *people.ROUTES,
            *audit_page.ROUTES,
            *invite.ROUTES,
            *reports.ROUTES,
            *report_mails.ROUTES,
            *tokens_page.ROUTES,
            bundles.send_bundle,
            updates_page.show_updates,
            updates_page.make_offer,
            updates_page.withdraw_offer,
            enrol_page.show_enrolment,
            enrol_page.make_code,
            enrol_page.withdraw_code,
            enrol_page.revoke_box,
            enrol_api.enrol,
            enrol_api.renew,
            account.show_login,
            account.log_in,
            account.log_out,
            account.choose_language,
            account.show_account,
            account.revoke_session,
            make_api(),
            health,
            metrics,
            create_static_files_router(
                "/static",
                [Path(str(files("cloud_bridge.web").joinpath("static")))],
                opt=PUBLIC,
                cache_control=CacheControlHeader(max_age=_STATIC_AGE_S, public=True),
            ),
        ],
        state=State({"services": services, "environment": environment, "registry": registry or CollectorRegistry()}),
        lifespan=[live_lifespan],
        middleware=[DefineMiddleware(SessionAuthentication)],
        guards=[require_permit],
        csrf_config=CSRFConfig(
            secret=settings.secret,
            cookie_name=f"{settings.cookie_prefix}earshot_form",
            cookie_secure=settings.https,
            cookie_httponly=True,
            cookie_samesite="lax",
        ),
        template_config=TemplateConfig(instance=make_engine(environment)),
        before_send=[make_header_hook(https=settings.https)],
        exception_handlers={Exception: answer_error},
        openapi_config=OpenAPIConfig(
            title="Earshot bridge",
            version="1",
            description="Presses, their sound, the boxes that they come from, receipts and reports.",
            components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
            security=[{"token": []}],
            openapi_router=Router("/schema", route_handlers=[], include_in_schema=False, opt=SIGNED_IN),
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        ),
        logging_config=None,
        request_max_body_size=_BODY_BYTES_MAX,
    )


@get("/healthz", opt=PUBLIC, sync_to_thread=True, include_in_schema=False)
def health(request: AnyRequest) -> dict[str, str]:
    """Whether pages can be served now, for supervisors and balancers: the database answers."""
    queries.last_change(services_of(request).store)
    return {"status": "ok"}


@get("/metrics", opt=PUBLIC, sync_to_thread=True, include_in_schema=False)
def metrics(request: AnyRequest) -> Response[bytes]:
    """Counters for Prometheus, by the token of the settings; without one only to this machine itself."""
    token = services_of(request).settings.metrics_token
    allowed = compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {token}".encode())
    if not (allowed if token else _from_here(request)):
        raise NotAuthorizedException("metrics need the token of web.metrics_token, or a request from this machine")
    registry: CollectorRegistry = request.app.state.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _from_here(request: AnyRequest) -> bool:
    # A proxy on this machine makes everybody look local; what it forwards says so.
    if any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip")):
        return False
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
