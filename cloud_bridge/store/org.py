"""The organisation: sites, counters, what stands there, who works there, and where an account's role holds."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import available_timezones

from msgspec import Struct
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from cloud_bridge.store import tables_org as t
from cloud_bridge.store.engine import Store


class OrgError(ValueError):
    """The organisation cannot be changed as asked; the message names the thing, the value and the remedy."""


class Site(Struct, frozen=True, kw_only=True):
    """A site. `calendar` is JSON of its working week; None: as the company works."""

    name: str
    title: str
    time_zone: str
    calendar: str | None


class Counter(Struct, frozen=True, kw_only=True):
    """A counter of a site. A retired one keeps its history and gets no new presses."""

    site: str
    name: str
    title: str
    retired: bool


class Source(Struct, frozen=True, kw_only=True):
    """A box, or one button of it (`button` not empty), that belongs to a counter."""

    site: str
    box: str
    button: str
    counter: str


class Employee(Struct, frozen=True, kw_only=True):
    """A person as presses name them. `site` None: of several."""

    name: str
    title: str
    site: str | None
    retired: bool


class Place(Struct, frozen=True, order=True):
    """A whole site (`counter` empty) or one counter of it."""

    site: str
    counter: str = ""


class Organisation(Struct, frozen=True, kw_only=True):
    """Everything at once, by name; a company has thousands of counters at most."""

    sites: dict[str, Site]
    counters: dict[Place, Counter]
    sources: dict[tuple[str, str, str], Source]
    employees: dict[str, Employee]

    def counter_of(self, site: str, box: str, button: str) -> Counter | None:
        """The counter that a press of a box's button belongs to."""
        source = self.sources.get((site, box, button)) or self.sources.get((site, box, t.EVERY_BUTTON))
        return None if source is None else self.counters.get(Place(source.site, source.counter))

    def site_title(self, site: str) -> str:
        """A site's title, its name where it has none."""
        known = self.sites.get(site)
        return known.title if known else site


def organisation(store: Store) -> Organisation:
    """The organisation as it is now."""
    with store.read() as connection:
        sites = [Site(**row) for row in connection.execute(select(t.site)).mappings()]
        counters = [Counter(**row) for row in connection.execute(select(t.counter)).mappings()]
        sources = [Source(**row) for row in connection.execute(select(t.counter_source)).mappings()]
        employees = [Employee(**row) for row in connection.execute(select(t.employee)).mappings()]
    return Organisation(
        sites={one.name: one for one in sorted(sites, key=lambda one: (one.title, one.name))},
        counters={
            Place(one.site, one.name): one for one in sorted(counters, key=lambda one: (one.site, one.title, one.name))
        },
        sources={(one.site, one.box, one.button): one for one in sources},
        employees={one.name: one for one in sorted(employees, key=lambda one: (one.title, one.name))},
    )


def change_site(store: Store, name: str, *, title: str, time_zone: str, calendar: str | None) -> None:
    """Rename a site, set its clock and working week. Raises `OrgError`."""
    values = {"title": _title(title), "time_zone": _zone(time_zone), "calendar": calendar}
    with store.write() as connection:
        if connection.execute(update(t.site).where(t.site.c.name == name).values(values)).rowcount == 0:
            raise OrgError(f"site {name!r} does not exist; a site comes with its first box")


def put_counter(store: Store, place: Place, *, title: str, retired: bool = False) -> None:
    """Make a counter of an existing site, or change the one of that name. Raises `OrgError`."""
    values = {"title": _title(title), "retired": retired}
    same = (t.counter.c.site == place.site) & (t.counter.c.name == place.counter)
    try:
        with store.write() as connection:
            if connection.execute(update(t.counter).where(same).values(values)).rowcount == 0:
                new = {"site": place.site, "name": place.counter, **values}
                connection.execute(insert(t.counter).values(new))
    except IntegrityError as error:
        raise OrgError(f"site {place.site!r} does not exist; a site comes with its first box") from error


def assign(store: Store, site: str, box: str, button: str, counter: str) -> None:
    """Put a box (`button` empty) or one of its buttons to a counter of its site. Raises `OrgError`."""
    key = {"site": site, "box": box, "button": button}
    same = [t.counter_source.c[name] == value for name, value in key.items()]
    try:
        with store.write() as connection:
            if connection.execute(update(t.counter_source).where(*same).values(counter=counter)).rowcount == 0:
                connection.execute(insert(t.counter_source).values(counter=counter, **key))
    except IntegrityError as error:
        raise OrgError(f"site {site!r} has no counter {counter!r}; make it first") from error


def unassign_button(store: Store, site: str, box: str, button: str) -> None:
    """Let a button belong where its box belongs. Raises `OrgError` for the box itself: it always belongs somewhere."""
    if button == t.EVERY_BUTTON:
        raise OrgError(f"box {site}/{box} must stand at some counter; assign another one instead")
    key = {"site": site, "box": box, "button": button}
    with store.write() as connection:
        connection.execute(delete(t.counter_source).where(*[t.counter_source.c[k] == v for k, v in key.items()]))


def put_employee(store: Store, name: str, *, title: str, site: str | None, retired: bool = False) -> None:
    """Make or change a person. Raises `OrgError`."""
    if not 1 <= len(name) <= 500 or not name.isprintable():
        raise OrgError(f"name {name[:100]!r} of an employee must have 1 to 500 printable characters")
    values = {"title": _title(title), "site": site or None, "retired": retired}
    try:
        with store.write() as connection:
            if connection.execute(update(t.employee).where(t.employee.c.name == name).values(values)).rowcount == 0:
                connection.execute(insert(t.employee).values(name=name, **values))
    except IntegrityError as error:
        raise OrgError(f"site {site!r} does not exist; a site comes with its first box") from error


def places_of(store: Store, account: int) -> tuple[Place, ...]:
    """Where the account's role holds; empty: everywhere."""
    query = select(t.account_place).where(t.account_place.c.account == account)
    with store.read() as connection:
        return tuple(sorted(Place(row.site, row.counter) for row in connection.execute(query)))


def set_places(connection: Connection, account: int, places: Sequence[Place]) -> None:
    """Replace where the account's role holds, within the caller's transaction."""
    connection.execute(delete(t.account_place).where(t.account_place.c.account == account))
    rows = [{"account": account, "site": place.site, "counter": place.counter} for place in sorted(set(places))]
    if rows:
        connection.execute(insert(t.account_place), rows)


def _title(text: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= 200 or not text.isprintable():
        raise OrgError(f"title {text[:100]!r} must have 1 to 200 printable characters")
    return text


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise OrgError(f"time zone {name[:64]!r} does not exist; use one of the IANA names, e.g. Europe/Moscow")
    return name
