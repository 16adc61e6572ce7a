"""The invented store beside the live box: its history goes through the real broker, and each role has an account."""

from __future__ import annotations

import secrets
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cloud_bridge.config import Broker as BrokerConfig
from cloud_bridge.simulate.cli import send
from cloud_bridge.simulate.delivery import DeliveryError
from cloud_bridge.simulate.receipts import ReceiptsError, post_receipts, poster
from cloud_bridge.simulate.speech import Speech
from cloud_bridge.simulate.world import World, make_world
from cloud_bridge.store import org, tokens, users
from cloud_bridge.store.engine import open_store
from cloud_bridge.store.org import Place
from cloud_bridge.store.tokens import TokenScope
from cloud_bridge.store.users import Role
from demo.broker import Broker
from demo.ledger import Ledger
from demo.processes import ProcessFailedError

_NAMES = {
    Role.OPERATOR: "operator",
    Role.SITE_MANAGER: "site",
    Role.QUALITY_MANAGER: "quality",
    Role.BUSINESS: "business",
    Role.ADMIN: "admin",
    Role.AUDITOR: "auditor",
}


@dataclass(frozen=True, slots=True)
class Person:
    """An account of the demo, and what it may see."""

    name: str
    role: Role
    password: str
    sees: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What the bridge has taken of the history."""

    events: int
    tracks: int
    receipts: int

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return {"events": self.events, "tracks": self.tracks, "receipts": self.receipts}


class InventedStore:
    """`days` until today at `counters` counters. `prepare` before the bridge starts, `send` while it runs."""

    def __init__(self, counters: int, days: int) -> None:
        self._world = make_world(counters, days, 1, datetime.now(UTC))
        self._token = ""

    @property
    def boxes(self) -> list[tuple[str, str]]:
        """Site and name of each box, which needs an account at the broker."""
        return [(place.site, place.box) for place in self._world.counters]

    def prepare(self, database: Path) -> list[Person]:
        """Make the accounts, one a role, in a migrated database; the operator is who is named by most presses."""
        site = self._world.counters[0].site
        employee = _most_pressed(self._world)
        made = []
        with closing(open_store(f"sqlite:///{database}")) as store:
            scopes = (TokenScope.RECEIPTS_WRITE,)
            now_ns = int(datetime.now(UTC).timestamp()) * 10**9
            self._token = tokens.make_token(store, "demo", scopes, (), days=1, by="demo", now_ns=now_ns)
            for role, name in _NAMES.items():
                password = secrets.token_urlsafe(9)
                own = employee if role is Role.OPERATOR else None
                account = users.create_user(store, name, password, role, employee=own)
                if role is Role.SITE_MANAGER:
                    with store.write() as connection:
                        org.set_places(connection, account.id, (Place(site),))
                sees = {Role.OPERATOR: employee, Role.SITE_MANAGER: site}.get(role, "everything of the role")
                made.append(Person(name, role, password, sees))
        return made

    def send(self, broker: Broker, web_url: str) -> Sent:
        """Deliver the history as its boxes and tills would; raises `ProcessFailedError`."""
        config = BrokerConfig(host=broker.host, port=broker.port, tls=False)
        try:
            outcome = send(self._world, config, broker.accounts, Speech().flac)
            posted = post_receipts(self._world, poster(web_url, self._token))
        except (DeliveryError, ReceiptsError) as error:
            raise ProcessFailedError(f"the invented store: {error}") from error
        return Sent(outcome.events, outcome.tracks, posted["new"])

    def faults(self, ledger: Ledger) -> list[str]:
        """What the bridge has not, or has otherwise than it happened."""
        wanted = Counter[str]()
        for customer in self._world.customers:
            place = self._world.counters[customer.counter]
            told = (customer.vote is not None) + customer.appeal + customer.force_majeure
            wanted[f"{place.site}/{place.box}"] += told
        found = ledger.counts()
        return [
            f"{box} pressed {count} times, the bridge knows {found.get(box, 0)}"
            for box, count in sorted(wanted.items())
            if found.get(box, 0) != count
        ]


def _most_pressed(world: World) -> str:
    """Who has most customers that pressed red or appealed."""
    counted = Counter(
        world.counters[customer.counter].employees[customer.employee]
        for customer in world.customers
        if customer.vote == "red" or customer.appeal
    )
    everybody = world.counters[0].employees
    return counted.most_common(1)[0][0] if counted else everybody[0]
