"""Presses written straight into the tables, for tests of what is said about presses."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from cloud_bridge.store import org, tables, tables_snapshot, users
from cloud_bridge.store.engine import Store

MINUTE_NS = 60 * 10**9
START_NS = 1_760_000_000 * 10**9


def press_id(number: int) -> str:
    return f"{number:032x}"


def put_press(store: Store, number: int, **more: Any) -> str:
    """A press `number` minutes after the beginning, at site/box; its id."""
    key = press_id(number)
    owner = {"site": more.pop("site", "site"), "box": more.pop("box", "box")}
    event = {"id": key, **owner, "series": "e" * 32, "seq": number, "type": "press", "sha256": "0" * 64}
    values: dict[str, Any] = {
        "id": key,
        **owner,
        "button": "red",
        "trigger": "incident",
        "misuse": False,
        "source": "gpio",
        "simulated": False,
        "stamp_uncertainty_ms": 0.5,
        "boot_id": "b" * 32,
        "mono_ns": number,
        "wall_ns": START_NS + number * MINUTE_NS,
        "synced": True,
        "repaired": False,
        "uncertainty_ms": 1.0,
        "received_ns": START_NS,
        "change": number,
    } | more
    with store.write() as connection:
        connection.execute(insert(tables.event).values(**event, received_ns=START_NS, payload="{}"))
        connection.execute(insert(tables.press).values(**values))
    return key


def put_track(store: Store, press: str, *, kind: str = "sound", key: str | None = None) -> str:
    """A complete track of a press at site/box."""
    track = key or f"f{press[1:]}"
    values = {"id": track, "site": "site", "box": "box", "kind": kind, "state": "complete", "press": press}
    with store.write() as connection:
        connection.execute(insert(tables.track).values(**values, repaired=False))
    return track


def put_snapshot(store: Store, press: str) -> str:
    """A snapshot of a press at site/box."""
    key = f"a{press[1:]}"
    values = {"id": key, "event": press, "press": press, "site": "site", "box": "box", "state": "face"}
    with store.write() as connection:
        connection.execute(
            insert(tables_snapshot.snapshot).values(**values, simulated=False, data="{}", received_ns=START_NS)
        )
    return key


def put_account(store: Store, name: str, role: users.Role = users.Role.QUALITY_MANAGER) -> users.User:
    """An account that nobody logs in to: hashing a password takes longer than most tests."""
    values = {"name": name, "role": str(role), "password_hash": "none", "disabled": False, "created_ns": START_NS}
    with store.write() as connection:
        connection.execute(insert(tables.user).values(**values))
    found = users.user_by_name(store, name)
    assert found is not None
    return found


def put_place(store: Store, site: str = "site", box: str = "box", *, time_zone: str = "UTC") -> None:
    """A site with a box at a counter of the same name."""
    with store.write() as connection:
        connection.execute(insert(org.t.site).values(name=site, title=site, time_zone=time_zone))
    org.put_counter(store, org.Place(site, box), title=box)
    org.assign(store, site, box, "", box)
