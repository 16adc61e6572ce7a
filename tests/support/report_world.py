"""Counts of an organisation, written straight into the database, for tests of reports."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from cloud_bridge.store import tables_org as org
from cloud_bridge.store.tables_tally import SERVED, tally

ZONE = ZoneInfo("Europe/Moscow")
DAY = datetime(2026, 11, 2, tzinfo=ZONE)
"""A Monday."""
MADE_NS = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp()) * 10**9


def at_ns(day=0, hour=12):
    return int(DAY.timestamp() + day * 86_400 + hour * 3600) * 10**9


class Counted:
    """Writes sites with counters (a box each, of the same name) and counts."""

    def __init__(self, store):
        self.store = store
        self._sites = set()
        self._counters = set()

    def place(self, site, counter, zone="Europe/Moscow"):
        with self.store.write() as connection:
            if site not in self._sites:
                row = {"name": site, "title": f"Site {site}", "time_zone": zone, "calendar": None}
                connection.execute(insert(org.site).values(row))
            if (site, counter) not in self._counters:
                row = {"site": site, "name": counter, "title": f"Counter {counter}", "retired": False}
                connection.execute(insert(org.counter).values(row))
                source = {"site": site, "box": counter, "button": "", "counter": counter}
                connection.execute(insert(org.counter_source).values(source))
        self._sites.add(site)
        self._counters.add((site, counter))

    def add(self, site, counter, trigger, count, *, rating=0, slot_ns=None, button="", employee="", **more):
        self.place(site, counter)
        values = {
            "site": site,
            "box": counter,
            "slot_ns": at_ns() if slot_ns is None else slot_ns,
            "button": button,
            "trigger": trigger,
            "rating": rating,
            "employee": employee,
            "simulated": False,
            "count": count,
            "misuse": 0,
        }
        with self.store.write() as connection:
            connection.execute(insert(tally).values(values | more))

    def visit(self, site, counter, *, served=0, green=0, yellow=0, red=0, **more):
        """So many served, and so many of them who pressed."""
        if served:
            self.add(site, counter, SERVED, served, **more)
        for count, trigger, rating, button in (
            (green, "rating", 5, "green"),
            (yellow, "rating", 3, "yellow"),
            (red, "incident", 1, "red"),
        ):
            if count:
                self.add(site, counter, trigger, count, rating=rating, button=button, **more)
