"""`earshot status` on a terminal. Imports rich."""

from __future__ import annotations

import threading
import time
import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from edge.config import Config
from edge.field.examination import look_around
from edge.field.outage import readable_hours
from edge.field.status import level, snapshot
from edge.field.surroundings import readable_bytes
from edge.web.words import catalogue

_FLOOR_DBFS = -60.0
_BAR = 40
_LEVEL_S = 0.2
_STATE_S = 2.0


@cache
def words(language: str) -> dict[str, str]:
    """The texts of this view."""
    return tomllib.loads(files("edge").joinpath("locales", f"status.{language}.toml").read_text("utf-8"))


def show_once(config: Config, language: str, console: Console | None = None) -> None:
    """Print the state and return."""
    (console or Console()).print(render(snapshot(look_around(config)), language))


def show_live(config: Config, language: str, stop: threading.Event) -> None:
    """Keep the state on the screen until `stop`: the level five times a second, the rest every other second."""
    around = look_around(config)
    state, due_s = snapshot(around), time.monotonic() + _STATE_S
    with Live(render(state, language), auto_refresh=False, screen=True) as live:
        while not stop.wait(_LEVEL_S):
            if time.monotonic() >= due_s:
                around = look_around(config)
                state, due_s = snapshot(around), time.monotonic() + _STATE_S
            else:
                state["ear"] = level(around)
            live.update(render(state, language), refresh=True)


def render(state: Mapping[str, Any], language: str) -> RenderableType:
    """The state as one panel."""
    text = words(language)
    table = Table.grid(padding=(0, 2))
    table.add_row(text["level"], _level(state["ear"], text))
    table.add_row(text["uplink"], _uplink(state, text))
    queue = state["queue"]
    table.add_row(
        text["queue"],
        text["unknown"]
        if queue is None
        else text["queue_value"].format(
            events=queue["events"], tracks=queue["tracks"], size=readable_bytes(queue["bytes"])
        ),
    )
    table.add_row(text["outage"], _outage(state, text))
    wear = state["wear"]
    table.add_row(
        text["wear"],
        text["unknown"]
        if wear is None
        else text["wear_value"].format(
            disk=wear["disk"],
            written=readable_bytes(wear["written_bytes"]),
            rate=readable_bytes(wear["bytes_per_hour"]),
        ),
    )
    faults = state["faults"]
    table.add_row(
        text["faults"],
        text["unknown"] if faults is None else Text("\n".join(faults), "red") if faults else text["none"],
    )
    title = f"{text['title']} · {state['place'] or state['box']} ({state['site']}/{state['box']})"
    return Panel(Group(table, *_presses(state["presses"], text, language)), title=Text(title))


def _level(ear: Mapping[str, Any] | None, text: Mapping[str, str]) -> RenderableType:
    if ear is None or not ear["running"] or ear["rms_dbfs"] is None:
        return Text(text["no_sound"], "red")
    full = round((max(ear["rms_dbfs"], _FLOOR_DBFS) - _FLOOR_DBFS) / -_FLOOR_DBFS * _BAR)
    shown = Text("█" * full, "green") + Text("░" * (_BAR - full), "dim")
    shown += Text(f" {ear['rms_dbfs']:.0f} dBFS ▲{ear['peak_dbfs']:.0f} · ")
    shown += Text(text["lost"].format(seconds=f"{ear['lost_s']:.1f}"))
    return shown + Text(f" · {text['simulated']}", "yellow") if ear["simulated"] else shown


def _uplink(state: Mapping[str, Any], text: Mapping[str, str]) -> RenderableType:
    if not state["running"]:
        return Text(state["error"] or text["no_box"], "red")
    if not state["connected"]:
        return Text(text["disconnected"], "yellow")
    bridge = "bridge" if state["bridge_online"] else "no_bridge"
    return Text(f"{text['connected']}, {text[bridge]}", "green" if state["bridge_online"] else "yellow")


def _outage(state: Mapping[str, Any], text: Mapping[str, str]) -> str:
    if state["outage_hours"] is None:
        return text["unknown"]
    return text["outage_value"].format(
        room=readable_hours(state["outage_hours"]),
        free=readable_bytes(state["disk_free_bytes"]),
        reserve=readable_bytes(state["disk_reserve_bytes"]),
    )


def _presses(presses: list[dict[str, Any]] | None, text: Mapping[str, str], language: str) -> list[RenderableType]:
    if not presses:
        return []
    page = catalogue(language)
    table = Table(title=text["presses"], title_justify="left", expand=True)
    for column in ("time", "button", "meaning", "track", "delivered"):
        table.add_column(text[column])
    for press in presses:
        at = datetime.fromtimestamp(press["wall_ns"] / 1e9).astimezone()
        track = press["track_state"]
        table.add_row(
            f"{at:%d.%m %H:%M:%S}" + ("" if press["synced"] else " ?"),
            Text(press["employee"] or press["button"]),
            page[f"trigger.{press['trigger']}"],
            page[f"track.{track}"] if track else "–",
            text["yes"] if press["delivered"] else text["no"],
        )
    return [table]
