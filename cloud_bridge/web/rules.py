"""The page of rules: what is watched, how many false alarms are borne, and the thresholds that follow from both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Meta, Struct
from sqlalchemy import Connection

from cloud_bridge.access.table import Action
from cloud_bridge.alarms import watches
from cloud_bridge.alarms.planning import Plans, StreamPlan, read_plans
from cloud_bridge.alarms.watches import EVENTS, METHODS, RuleRow, Watch
from cloud_bridge.alarms.words import events_key, place_text, rule_title, usual_text
from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.history import Scope
from cloud_bridge.store.org import Organisation, organisation
from cloud_bridge.web import audit
from cloud_bridge.web.html import page
from cloud_bridge.web.i18n import Translator
from cloud_bridge.web.permits import needs
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of

_STREAMS_SHOWN = 200
_ID_MAX = 2**63 - 1

Short = Annotated[str, Meta(max_length=100)]


class RuleForm(Struct, frozen=True):
    """A rule as it is typed; numbers may have a comma, empty ones are left out."""

    title: Short = ""
    method: Short = "cusum"
    scope: Short = "counter"
    events: Short = "red"
    ratio: Short = "3"
    window_minutes: Short = "60"
    usual_percent: Short = ""
    usual_per_day: Short = ""
    baseline_from: Short = ""
    baseline_days: Short = "10"


class BudgetForm(Struct, frozen=True):
    """False alarms a month, as typed."""

    false_alarms: Short = ""


class SwitchForm(Struct, frozen=True):
    """On where it has a value."""

    enabled: Short = ""


class RuleView(Struct, frozen=True, kw_only=True):
    """A rule in words."""

    id: int
    title: str
    enabled: bool
    method: str
    what: str
    streams: str
    finds: str
    is_learning: bool
    changed: str


class StreamView(Struct, frozen=True, kw_only=True):
    """A rule on one stream, in words."""

    place: str
    usual: str
    usual_from: str
    threshold: str
    delay: str
    false_alarms: str


@get("/rules", opt=needs(Action.EDIT_RULES), sync_to_thread=True, include_in_schema=False)
def show_rules(request: AnyRequest) -> Template:
    """All rules, the budget, and a form for one more."""
    return _list(request)


@post("/rules/new", opt=needs(Action.EDIT_RULES), sync_to_thread=True, include_in_schema=False)
def make_rule(request: AnyRequest, data: URLEncodedBody[RuleForm]) -> Template | Redirect:
    """Make a rule."""
    try:
        made = _put(request, None, data)
    except RuleError as error:
        return _list(request, problem=str(error), typed=data)
    audit.record(services_of(request), request, "rule.make", f"{made}")
    return Redirect(f"/rules/{made}", status_code=303)


@post("/rules/budget", opt=needs(Action.EDIT_RULES), sync_to_thread=True, include_in_schema=False)
def set_budget(request: AnyRequest, data: URLEncodedBody[BudgetForm]) -> Template | Redirect:
    """Change how many false alarms are borne."""
    services = services_of(request)
    try:
        wanted = _number(translator_of(request), "budget", data.false_alarms)
        with services.store.write() as connection:
            watches.set_budget(connection, 0.0 if wanted is None else wanted, services.now_ns())
    except RuleError as error:
        return _list(request, problem=str(error))
    audit.record(services, request, "rule.budget", f"{wanted:g} false alarms a month")
    return Redirect("/rules", status_code=303)


@get("/rules/{rule_id:int}", opt=needs(Action.EDIT_RULES), sync_to_thread=True, include_in_schema=False)
def show_rule(request: AnyRequest, rule_id: FromPath[int]) -> Template:
    """One rule: its settings, and what it takes for usual where."""
    return _one(request, _known(request, rule_id))


@post("/rules/{rule_id:int}/change", opt=needs(Action.EDIT_RULES), sync_to_thread=True, include_in_schema=False)
def change_rule(request: AnyRequest, rule_id: FromPath[int], data: URLEncodedBody[RuleForm]) -> Template | Redirect:
    """Change a rule."""
    row = _known(request, rule_id)
    try:
        _put(request, row.id, data)
    except RuleError as error:
        return _one(request, row, problem=str(error), typed=data)
    audit.record(services_of(request), request, "rule.change", f"{row.id}")
    return Redirect(f"/rules/{row.id}", status_code=303)


@post("/rules/{rule_id:int}/switch", opt=needs(Action.EDIT_RULES), sync_to_thread=True, include_in_schema=False)
def switch_rule(request: AnyRequest, rule_id: FromPath[int], data: URLEncodedBody[SwitchForm]) -> Redirect:
    """Switch a rule on or off."""
    on = bool(data.enabled)

    def switch(connection: Connection, by: str, now_ns: int) -> bool:
        return watches.switch_rule(connection, rule_id, enabled=on, by=by, now_ns=now_ns)

    return _act(request, rule_id, switch, "rule.on" if on else "rule.off")


@post("/rules/{rule_id:int}/retire", opt=needs(Action.EDIT_RULES), sync_to_thread=True, include_in_schema=False)
def retire_rule(request: AnyRequest, rule_id: FromPath[int]) -> Redirect:
    """Take a rule away; its alarms stay."""

    def retire(connection: Connection, by: str, now_ns: int) -> bool:
        return watches.retire_rule(connection, rule_id, by=by, now_ns=now_ns)

    return _act(request, rule_id, retire, "rule.retire")


def _act(request: AnyRequest, rule_id: int, change: Callable[[Connection, str, int], bool], action: str) -> Redirect:
    _known(request, rule_id)
    services = services_of(request)
    with services.store.write() as connection:
        if not change(connection, the_visitor(request).name, services.now_ns()):
            raise NotFoundException("there is no such rule")
    audit.record(services, request, action, f"{rule_id}")
    return Redirect("/rules", status_code=303)


def _known(request: AnyRequest, rule_id: int) -> RuleRow:
    row = None
    if 0 < rule_id < _ID_MAX:
        with services_of(request).store.read() as connection:
            row = watches.one_rule(connection, rule_id)
    if row is None:
        raise NotFoundException("there is no such rule")
    return row


def _put(request: AnyRequest, rule_id: int | None, form: RuleForm) -> int | None:
    services = services_of(request)
    watch = _watch(translator_of(request), form)
    with services.store.write() as connection:
        return watches.put_rule(
            connection, rule_id, form.title, watch, by=the_visitor(request).name, now_ns=services.now_ns()
        )


def _watch(words: Translator, form: RuleForm) -> Watch:
    """The rule of a form; raises `RuleError`."""
    percent = _number(words, "usual_percent", form.usual_percent)
    given: dict[str, Any] = {
        "method": form.method,
        "scope": form.scope,
        "events": [str(one) for one in EVENTS.get(form.events, ())],
        "ratio": _number(words, "ratio", form.ratio),
        "window_minutes": _number(words, "window_minutes", form.window_minutes),
        "usual_share": None if percent is None else percent / 100,
        "usual_per_day": _number(words, "usual_per_day", form.usual_per_day),
        "baseline_from": form.baseline_from or None,
        "baseline_days": _number(words, "baseline_days", form.baseline_days),
    }
    return watches.decode_watch(
        msgspec.json.encode({name: value for name, value in given.items() if value is not None})
    )


def _number(words: Translator, field: str, text: str) -> float | None:
    text = text.strip().replace(",", ".")
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise RuleError(words("rules.no_number", field=words(f"rules.{field}"), text=text[:30])) from error


def _form_of(row: RuleRow) -> RuleForm:
    watch = row.watch
    return RuleForm(
        title=row.title,
        method=watch.method,
        scope=str(watch.scope),
        events=events_key(watch),
        ratio=f"{watch.ratio:g}",
        window_minutes=f"{watch.window_minutes:g}",
        usual_percent="" if watch.usual_share is None else f"{100 * watch.usual_share:g}",
        usual_per_day="" if watch.usual_per_day is None else f"{watch.usual_per_day:g}",
        baseline_from=watch.baseline_from,
        baseline_days=f"{watch.baseline_days:g}",
    )


def _choices() -> Mapping[str, tuple[str, ...]]:
    return {"methods": METHODS, "scopes": tuple(str(one) for one in Scope), "events": tuple(EVENTS)}


def _list(request: AnyRequest, *, problem: str | None = None, typed: RuleForm | None = None) -> Template:
    words = translator_of(request)
    with services_of(request).store.read() as connection:
        rows, wanted, plans = watches.all_rules(connection), watches.budget(connection), read_plans(connection)
    return page(
        request,
        "rules.html",
        "rules",
        status=200 if problem is None else 400,
        rules=[_rule_view(words, row, plans) for row in rows],
        budget=words.number(wanted.false_alarms_a_month, 0 if wanted.false_alarms_a_month.is_integer() else 2),
        budget_value=f"{wanted.false_alarms_a_month:g}",
        form=typed or RuleForm(),
        problem=problem,
        open_form=typed is not None,
        **_choices(),
    )


def _one(request: AnyRequest, row: RuleRow, *, problem: str | None = None, typed: RuleForm | None = None) -> Template:
    services = services_of(request)
    words = translator_of(request)
    company = organisation(services.store)
    with services.store.read() as connection:
        plans = read_plans(connection)
    mine = [(stream, plan) for (rule_id, stream), plan in sorted(plans.items()) if rule_id == row.id]
    return page(
        request,
        "rule.html",
        "rules",
        status=200 if problem is None else 400,
        rule=_rule_view(words, row, plans),
        form=typed or _form_of(row),
        streams=[_stream_view(words, company, row, *one) for one in mine[:_STREAMS_SHOWN]],
        more=max(0, len(mine) - _STREAMS_SHOWN),
        problem=problem,
        **_choices(),
    )


def _rule_view(words: Translator, row: RuleRow, plans: Plans) -> RuleView:
    mine = [plan for (rule_id, _), plan in plans.items() if rule_id == row.id]
    delays = sorted(plan.delay for plan in mine if plan.delay is not None)
    finds = ""
    if delays:
        unit = next(plan.unit for plan in mine if plan.delay is not None).replace(" ", "_")
        ratio = words.number(row.watch.ratio, 0 if row.watch.ratio.is_integer() else 1)
        finds = words.count(f"rules.finds_{unit}", round(delays[len(delays) // 2]), ratio=ratio)
    return RuleView(
        id=row.id,
        title=rule_title(words, row.title, row.watch),
        enabled=row.enabled,
        method=words(f"rules.method_{row.watch.method}"),
        what=words(
            "rules.what",
            events=words(f"rules.events_{events_key(row.watch)}"),
            scope=words(f"rules.scope_{row.watch.scope}"),
        ),
        streams=words.count("rules.streams", len(mine)),
        finds=finds,
        is_learning=row.enabled and not mine,
        changed=""
        if not row.changed_by
        else words("rules.changed", user=row.changed_by, time=words.moment(row.changed_ns)),
    )


def _stream_view(words: Translator, company: Organisation, row: RuleRow, stream: str, plan: StreamPlan) -> StreamView:
    site, _, name = stream.partition("/")
    is_counter = row.watch.scope is Scope.COUNTER
    place = {"site": site, "counter": name if is_counter else None, "employee": None if is_counter else name}
    delay = ""
    if plan.delay is not None:
        delay = words.count(f"rules.delay_{plan.unit.replace(' ', '_')}", round(plan.delay))
    return StreamView(
        place=place_text(company, place),
        usual=usual_text(words, plan),
        usual_from=words(f"alarms.from_{plan.usual_from.replace(' ', '_')}"),
        threshold=words.number(plan.h, 0 if plan.method == "window" else 2),
        delay=delay,
        false_alarms=words.number(plan.a_month / plan.run_length, 3),
    )


ROUTES = (show_rules, make_rule, set_budget, show_rule, change_rule, switch_rule, retire_rule)
