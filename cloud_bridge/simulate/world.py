"""What happens at the counters of an invented company: pure, and the same for the same seed, size and end.

Customers come as a Poisson stream whose rate follows hour and weekday. Each is served by who is on shift and gets a
receipt; a few press a button, fewer press red, and in a planted failure many more do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np

from cloud_bridge.simulate.failures import Failure, plant

ZONE = ZoneInfo("Europe/Moscow")
OPENS, CHANGES, CLOSES = 9, 15, 21
COUNTERS_A_SITE = 4
EMPLOYEES_A_COUNTER = 3
CUSTOMERS_A_DAY = 120.0
# Monday to Sunday, and each hour from opening to closing: shares of the mean.
_WEEKDAY = (0.9, 0.85, 0.95, 1.0, 1.25, 1.2, 0.85)
_HOUR = (0.7, 0.9, 1.0, 1.25, 1.35, 1.0, 0.8, 0.9, 1.2, 1.4, 0.95, 0.55)
_FIRST_NAMES = (
    "Anna", "Boris", "Vera", "Gleb", "Daria", "Egor", "Zoya", "Ivan", "Kira", "Lev", "Maria", "Nikita", "Olga",
    "Pavel", "Rita", "Semyon", "Tamara", "Ulyana", "Fyodor", "Yana",
)  # fmt: skip
_INITIALS = "ABVGDEZIKLMNOPRSTUF"
_CITIES = ("Center", "North", "River", "Station", "Park", "Airport", "Market", "Harbour")


class Vote(StrEnum):
    """A client's button."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


VOTE_SHARES = {Vote.GREEN: 0.06, Vote.YELLOW: 0.01, Vote.RED: 0.005}
APPEAL_SHARE = 0.001
FORCE_MAJEURE_SHARE = 0.0007
VOID_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter with its box and the people who work there."""

    site: str
    site_title: str
    box: str
    title: str
    employees: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Customer:
    """One who was served: `at_ns` (Unix) dates the receipt. A void receipt was taken back within minutes."""

    number: int
    counter: int
    employee: int
    at_ns: int
    void: bool
    vote: Vote | None
    appeal: bool
    force_majeure: bool
    failure: int | None


@dataclass(frozen=True, slots=True)
class Shift:
    """From `at_ns` on `employee` works at `counter`; None: nobody."""

    counter: int
    at_ns: int
    employee: int | None


@dataclass(frozen=True, slots=True)
class World:
    """Everything that happened, in order of time; `failures` are what an expert system has to find."""

    seed: int
    start_ns: int
    end_ns: int
    counters: tuple[Counter, ...]
    shifts: tuple[Shift, ...]
    customers: tuple[Customer, ...]
    failures: tuple[Failure, ...]


def make_world(counters: int, days: int, seed: int, until: datetime) -> World:
    """`days` whole days before `until` at `counters` counters. Raises `ValueError` for less than one of either."""
    if counters < 1 or days < 1:
        raise ValueError(f"counters = {counters} and days = {days} must be 1 or more")
    last_day = until.astimezone(ZONE).date()
    dates = [last_day - timedelta(days=n) for n in range(days, 0, -1)]
    start_ns, end_ns = _ns(dates[0], 0), _ns(last_day, 0)
    random = np.random.default_rng([seed, counters, days])
    places = tuple(_counter(n) for n in range(counters))
    sites = tuple(place.site for place in places)
    failures = plant(random, sites, EMPLOYEES_A_COUNTER, start_ns, end_ns)
    shifts: list[Shift] = []
    customers: list[Customer] = []
    for counter in range(counters):
        for number, day in enumerate(dates):
            morning, evening = number % EMPLOYEES_A_COUNTER, (number + 1) % EMPLOYEES_A_COUNTER
            shifts += [
                Shift(counter, _ns(day, OPENS), morning),
                Shift(counter, _ns(day, CHANGES), evening),
                Shift(counter, _ns(day, CLOSES), None),
            ]
            for at_ns in _arrivals(random, day):
                employee = morning if at_ns < _ns(day, CHANGES) else evening
                customers.append(_customer(random, len(customers), counter, employee, at_ns, sites, failures))
    customers.sort(key=lambda customer: (customer.at_ns, customer.number))
    shifts.sort(key=lambda shift: (shift.at_ns, shift.counter))
    return World(seed, start_ns, end_ns, places, tuple(shifts), tuple(customers), failures)


def _counter(n: int) -> Counter:
    site, place = divmod(n, COUNTERS_A_SITE)
    city = _CITIES[site % len(_CITIES)] + (f" {site // len(_CITIES) + 1}" if site >= len(_CITIES) else "")
    people = tuple(_person(n * EMPLOYEES_A_COUNTER + k) for k in range(EMPLOYEES_A_COUNTER))
    return Counter(
        f"store-{site + 1}", f"Store {site + 1} “{city}”", f"counter-{place + 1}", f"Counter {place + 1}", people
    )


def _person(n: int) -> str:
    turn, first = divmod(n, len(_FIRST_NAMES))
    return f"{_FIRST_NAMES[first]} {_INITIALS[(turn + first) % len(_INITIALS)]}."


def _arrivals(random: np.random.Generator, day: date) -> list[int]:
    weight = _WEEKDAY[day.weekday()]
    found: list[int] = []
    for n, share in enumerate(_HOUR):
        hour_ns = _ns(day, OPENS + n)
        count = random.poisson(CUSTOMERS_A_DAY * weight * share / sum(_HOUR))
        found += (hour_ns + np.sort(random.integers(0, 3_600_000, count)) * 1_000_000).tolist()
    return found


def _customer(
    random: np.random.Generator,
    number: int,
    counter: int,
    employee: int,
    at_ns: int,
    sites: tuple[str, ...],
    failures: tuple[Failure, ...],
) -> Customer:
    suffered = next(
        (n for n, one in enumerate(failures) if one.strikes(sites[counter], counter, employee, at_ns)), None
    )
    shares = dict(VOTE_SHARES)
    appeal = APPEAL_SHARE
    if suffered is not None:
        failure = failures[suffered]
        shares[Vote.RED] = failure.red_share(shares[Vote.RED])
        appeal *= failure.appeals
    # Always as many draws, so that a failure changes nothing else of the world.
    vote_draw, void_draw, appeal_draw, force_draw = random.random(4)
    vote = None
    for one, share in shares.items():
        if vote_draw < share:
            vote = one
            break
        vote_draw -= share
    return Customer(
        number=number,
        counter=counter,
        employee=employee,
        at_ns=at_ns,
        void=bool(void_draw < VOID_SHARE),
        vote=vote,
        appeal=bool(appeal_draw < appeal),
        force_majeure=bool(force_draw < FORCE_MAJEURE_SHARE),
        failure=suffered,
    )


def _ns(day: date, hour: int) -> int:
    return int(datetime.combine(day, time(hour), ZONE).timestamp()) * 1_000_000_000
