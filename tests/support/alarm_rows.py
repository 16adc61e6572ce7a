"""Alarms put into a bridge as rows, for tests of the pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import insert
from web_world import World

from cloud_bridge.alarms.planning import StreamPlan
from cloud_bridge.store.tables_alarm import alarm, alarm_press

NS = 10**9
BEGAN_NS = 1_799_990_000 * NS
PLAN = StreamPlan(
    method="bernoulli", usual=0.005, usual_from="all streams", h=5.2, run_length=120_000.0, delay=700.0,
    unit="customers", a_month=3600.0, allowed=0.03, ratio=3.0, window_ns=0, hours="", learnt_ns=1, revision=1,
)  # fmt: skip


def put_alarm(
    world: World,
    number: int,
    site: str = "riga",
    counter: str | None = "counter-1",
    presses: Sequence[str] = (),
    **more: Any,
) -> str:
    """An alarm that stands, of `presses` of which the first is evidence; its id."""
    values: dict[str, Any] = {
        "id": f"{number:032x}", "rule": 1, "stream": f"{site}/{counter}", "scope": "counter", "site": site,
        "counter": counter, "employee": None, "computed": f"{number:032x}", "raised_by": "0" * 32,
        "since_ns": BEGAN_NS, "raised_ns": BEGAN_NS + number * NS, "cleared_ns": None, "steps": 120, "events": 4,
        "life": "active", "acknowledged_by": None, "acknowledged_ns": None, "note": "", "simulated": False,
        "plan": msgspec.json.encode(PLAN).decode(),
        "levels": msgspec.json.encode([(BEGAN_NS + n * 60 * NS, 1.4 * (n + 1)) for n in range(4)]).decode(),
        "made_ns": BEGAN_NS, "changed_ns": BEGAN_NS,
    } | more  # fmt: skip
    with world.store.write() as connection:
        connection.execute(insert(alarm).values(values))
        for n, press in enumerate(presses):
            connection.execute(insert(alarm_press).values(alarm=values["id"], press=press, counted=n == 0))
    return str(values["id"])
