"""Rendering: the Jinja environment, what every page's template may use, the nonce of a page's style."""

from __future__ import annotations

import secrets
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template

from cloud_bridge.access.table import Action
from cloud_bridge.web.i18n import LANGUAGES
from cloud_bridge.web.navigation import MANAGE, WORK, entries
from cloud_bridge.web.permits import may
from cloud_bridge.web.visitor import AnyRequest, services_of, translator_of, visitor_of


def make_environment() -> Environment:
    """Jinja with everything escaped and nothing undefined."""
    return Environment(
        loader=PackageLoader("cloud_bridge.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def make_engine(environment: Environment) -> JinjaTemplateEngine:
    """Litestar's view of the environment; gives templates `csrf_token()`."""
    return JinjaTemplateEngine.from_environment(environment)


def page(request: AnyRequest, name: str, section: str, *, status: int = 200, **context: Any) -> Template:
    """A whole page for the one who asks. Pages are theirs alone: nothing between us and them may keep a copy.

    `section` is the page's entry in the navigation, if any.
    """
    translator = translator_of(request)

    def may_do(action: str) -> bool:
        return may(request, Action(action))

    def nonce() -> str:
        # Drawn only where a template asks, so that other pages allow no inline style at all.
        value: str = request.scope["state"].setdefault("style_nonce", secrets.token_urlsafe(16))
        return value

    query = request.scope["query_string"].decode("latin-1")
    return Template(
        template_name=name,
        context={
            "t": translator,
            "user": visitor_of(request),
            "section": section,
            "nav_work": entries(request, WORK),
            "nav_manage": entries(request, MANAGE),
            "may": may_do,
            "languages": LANGUAGES,
            "here": request.url.path + (f"?{query}" if query else ""),
            "zone_name": services_of(request).settings.time_zone,
            "nonce": nonce,
            **context,
        },
        status_code=status,
        headers={"cache-control": "no-store"},
    )
