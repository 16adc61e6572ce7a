"""Presses without boxes, accounts and cases, for tests of cases and of what is kept; time is passed in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select, update

from cloud_bridge.store import tables as t
from cloud_bridge.store import tables_notify as tn
from cloud_bridge.store import tables_org as to
from cloud_bridge.store.engine import Store
from cloud_bridge.store.users import Role

HOUR_NS = 3600 * 10**9
DAY_NS = 24 * HOUR_NS
MONDAY_9_NS = 1_800_262_800 * 10**9
"""Monday, 18 January 2027, 09:00 UTC: the company's working week begins."""


class Desk:
    """A store with places and accounts, filled row by row."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._next = 0

    def new_id(self) -> str:
        self._next += 1
        return f"{self._next:032x}"

    def site(self, name: str, counters: tuple[str, ...] = ("box",), *, zone: str = "UTC", calendar: str | None = None):
        with self.store.write() as connection:
            connection.execute(insert(to.site).values(name=name, title=name, time_zone=zone, calendar=calendar))
            for counter in counters:
                connection.execute(insert(to.counter).values(site=name, name=counter, title=counter, retired=False))
                source = {"site": name, "box": counter, "button": "", "counter": counter}
                connection.execute(insert(to.counter_source).values(source))

    def account(self, name: str, role: Role = Role.QUALITY_MANAGER, places: tuple[tuple[str, str], ...] = (), **more):
        values = {"name": name, "role": str(role), "password_hash": "-", "disabled": False, "created_ns": 0} | more
        with self.store.write() as connection:
            made = connection.execute(insert(t.user).values(values).returning(t.user.c.id)).scalar_one()
            for site, counter in places:
                connection.execute(insert(to.account_place).values(account=made, site=site, counter=counter))
        return int(made)

    def press(self, site: str = "site", box: str = "box", at_ns: int = MONDAY_9_NS, **more: Any) -> str:
        """A press that has arrived; `track` None: without sound."""
        press = self.new_id()
        event = {"id": press, "site": site, "box": box, "series": "s" * 32, "seq": self._next, "type": "press"}
        event |= {"sha256": "0" * 64, "received_ns": at_ns, "payload": more.pop("payload", "{}")}
        values = {
            "id": press,
            "site": site,
            "box": box,
            "button": "red",
            "trigger": "incident",
            "misuse": False,
            "source": "gpio",
            "simulated": True,
            "stamp_uncertainty_ms": 1.0,
            "boot_id": "b" * 32,
            "mono_ns": 0,
            "wall_ns": at_ns,
            "synced": True,
            "repaired": False,
            "uncertainty_ms": 1.0,
            "received_ns": at_ns,
            "change": self._next,
        }
        with self.store.write() as connection:
            connection.execute(insert(t.event).values(event))
            connection.execute(insert(t.press).values(values | more))
        return press

    def mails(self) -> list[Any]:
        """What is in the outbox, in order."""
        with self.store.read() as connection:
            return list(connection.execute(select(tn.notification).order_by(tn.notification.c.id)).all())

    def set(self, table: Any, key: Any, **values: Any) -> None:
        with self.store.write() as connection:
            connection.execute(update(table).where(table.c.id == key).values(values))
