"""Alarms and rules in words, for pages and messages alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloud_bridge.alarms.planning import StreamPlan
from cloud_bridge.alarms.watches import EVENTS, Watch
from cloud_bridge.store.org import Organisation, Place
from cloud_bridge.web.i18n import Translator


def place_text(company: Organisation, alarm: Mapping[str, Any]) -> str:
    """Where: the site, and the counter or the person."""
    parts = [company.site_title(alarm["site"])]
    if alarm["counter"]:
        counter = company.counters.get(Place(alarm["site"], alarm["counter"]))
        parts.append(counter.title if counter else alarm["counter"])
    if alarm["employee"]:
        person = company.employees.get(alarm["employee"])
        parts.append(person.title if person else alarm["employee"])
    return ", ".join(parts)


def events_key(watch: Watch) -> str:
    """Which of the usual choices a rule counts: red, appeals, both; else other."""
    return next((key for key, events in EVENTS.items() if set(events) == set(watch.events)), "other")


def rule_title(t: Translator, title: str, watch: Watch) -> str:
    """The rule's own title, or what it watches."""
    if title:
        return title
    return t("rules.own_title", events=t(f"rules.events_{events_key(watch)}"), scope=t(f"rules.of_{watch.scope}"))


def usual_text(t: Translator, plan: StreamPlan) -> str:
    """What is taken for usual."""
    if plan.method == "bernoulli":
        return t("alarms.usual_share", percent=t.number(100 * plan.usual, 2))
    return t("alarms.usual_rate", n=t.number(plan.usual, 2))
