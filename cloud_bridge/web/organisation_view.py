"""The organisation as the templates show it, and the form of a site's hours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Struct

from cloud_bridge.cases.calendar import WEEKDAYS, CalendarError
from cloud_bridge.cases.working_hours import COMPANY, WorkingHours, spans_of, working_hours
from cloud_bridge.store import staff
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Counter, Organisation, Place, Site
from cloud_bridge.store.sight import Sight
from cloud_bridge.store.tables_org import EVERY_BUTTON
from cloud_bridge.web.i18n import Translator, zone

_DAY_NS = 86_400 * 1_000_000_000
_TURNS_NS = 7 * _DAY_NS
_TURNS_SHOWN = 30
_Line = Annotated[str, Meta(max_length=100)]
_Lines = Annotated[str, Meta(max_length=8000)]


class HoursForm(Struct, frozen=True):
    """A site's title, clock and hours as they are typed; `own` empty: it works as the company does."""

    title: Annotated[str, Meta(max_length=200)]
    time_zone: Annotated[str, Meta(max_length=64)]
    own: str = ""
    mon: _Line = ""
    tue: _Line = ""
    wed: _Line = ""
    thu: _Line = ""
    fri: _Line = ""
    sat: _Line = ""
    sun: _Line = ""
    holidays: _Lines = ""
    special: _Lines = ""


class SiteRow(Struct, frozen=True, kw_only=True):
    """A site in the list of sites."""

    name: str
    title: str
    time_zone: str
    clock: str
    is_open: bool
    counters: int
    boxes: int


class CounterView(Struct, frozen=True, kw_only=True):
    """A counter with what stands there and who is on shift."""

    name: str
    title: str
    retired: bool
    sources: tuple[str, ...]
    on_shift: tuple[str, ...]


class PersonView(Struct, frozen=True, kw_only=True):
    """A person as the boxes name them, and in words; `here`: of this site, else of several or seen here."""

    name: str
    title: str
    here: bool
    retired: bool


class TurnView(Struct, frozen=True, kw_only=True):
    """A shift that began."""

    iso: str
    moment: str
    dated: bool
    place: str
    person: str | None


class SiteView(Struct, frozen=True, kw_only=True):
    """One site in words. `movable` are (value, words) of boxes and buttons that can be put to a counter."""

    name: str
    title: str
    time_zone: str
    clock: str
    is_open: bool
    counters: tuple[CounterView, ...]
    movable: tuple[tuple[str, str], ...]
    people: tuple[PersonView, ...]
    turns: tuple[TurnView, ...]


def sites_view(t: Translator, known: Organisation, sight: Sight, now_ns: int) -> list[SiteRow]:
    """The sites of which the visitor may see anything."""
    rows = []
    for site in known.sites.values():
        if not sight.scope.holds_site(site.name):
            continue
        counters = [one for one in _counters(known, sight, site.name) if not one.retired]
        boxes = {box for at, box, _ in known.sources if at == site.name and sight.holds_box(at, box)}
        rows.append(
            SiteRow(
                name=site.name,
                title=site.title,
                time_zone=site.time_zone,
                clock=_local(t, site).clock(now_ns)[:5],
                is_open=_is_open(site, now_ns),
                counters=len(counters),
                boxes=len(boxes),
            )
        )
    return rows


def site_view(t: Translator, store: Store, known: Organisation, site: Site, sight: Sight, now_ns: int) -> SiteView:
    """One site, as much of it as the visitor may see."""
    local = _local(t, site)
    turns = [one for one in staff.latest_turns(store, site.name, now_ns - _TURNS_NS) if _seen(sight, site, one)]
    on_shift: dict[tuple[str, str], str | None] = {}
    for turn in turns:
        on_shift.setdefault((turn.box, turn.button), turn.employee)
    buttons, people = staff.seen_at(store, site.name, now_ns - staff.SEEN_NS)
    # Who sees one counter sees there whom its shifts name; the counts do not tell counters of one box apart.
    whole = not sight.scope.places or Place(site.name) in sight.scope.places
    if not whole:
        people = {turn.employee for turn in turns if turn.employee}
    buttons |= {(box, button) for at, box, button in known.sources if at == site.name and button != EVERY_BUTTON}
    boxes = sorted({box for at, box, _ in known.sources if at == site.name and sight.holds_box(at, box)})
    movable = [(box, t("organisation.whole_box", box=box)) for box in boxes]
    movable += [(f"{box}/{button}", f"{box} / {button}") for box, button in sorted(buttons) if box in boxes]
    return SiteView(
        name=site.name,
        title=site.title,
        time_zone=site.time_zone,
        clock=local.clock(now_ns)[:5],
        is_open=_is_open(site, now_ns),
        counters=tuple(_counter_view(t, known, one, on_shift) for one in _counters(known, sight, site.name)),
        movable=tuple(sorted(movable)),
        people=tuple(_people(known, site.name, people, whole=whole)),
        turns=tuple(
            TurnView(
                iso=local.iso(one.wall_ns),
                moment=local.moment(one.wall_ns),
                dated=one.dated,
                place=f"{one.box} / {one.button}",
                person=_title(known, one.employee),
            )
            for one in turns[:_TURNS_SHOWN]
        ),
    )


def hours_form(site: Site) -> HoursForm:
    """A site's settings as its form shows them."""
    try:
        hours = working_hours(site.calendar)
    except CalendarError:
        hours = COMPANY
    days = {day: ", ".join(hours.hours.get(day, ())) for day in WEEKDAYS}
    return HoursForm(
        title=site.title,
        time_zone=site.time_zone,
        own="" if site.calendar is None else "yes",
        holidays="\n".join(hours.holidays),
        special="\n".join(f"{day} {', '.join(spans)}" for day, spans in hours.special.items()),
        **days,
    )


def read_hours(form: HoursForm) -> WorkingHours | None:
    """What was typed; None: as the company works. Days and hours are checked by the calendar that they make."""
    if not form.own:
        return None
    special = [line.split(maxsplit=1) for line in form.special.splitlines() if line.strip()]
    return WorkingHours(
        hours={day: spans for day in WEEKDAYS if (spans := spans_of(getattr(form, day)))},
        holidays=form.holidays.replace(",", " ").split(),
        special={day: spans_of(rest[0]) if rest else [] for day, *rest in special},
    )


def _counters(known: Organisation, sight: Sight, site: str) -> list[Counter]:
    places = sight.scope.places
    every = not places or Place(site) in places
    return [one for at, one in known.counters.items() if at.site == site and (every or at in places)]


def _counter_view(
    t: Translator, known: Organisation, counter: Counter, on_shift: dict[tuple[str, str], str | None]
) -> CounterView:
    sources = []
    for (site, box, button), source in sorted(known.sources.items()):
        if (site, source.counter) == (counter.site, counter.name):
            sources.append(t("organisation.whole_box", box=box) if button == EVERY_BUTTON else f"{box} / {button}")
    people = set()
    for (box, button), employee in on_shift.items():
        if employee is not None and known.counter_of(counter.site, box, button) == counter:
            people.add(_title(known, employee) or employee)
    return CounterView(
        name=counter.name,
        title=counter.title,
        retired=counter.retired,
        sources=tuple(sources),
        on_shift=tuple(sorted(people)),
    )


def _people(known: Organisation, site: str, seen: set[str], *, whole: bool) -> list[PersonView]:
    found = (
        PersonView(name=one.name, title=one.title, here=one.site == site, retired=one.retired)
        for one in known.employees.values()
        if one.name in seen or (whole and one.site == site)
    )
    return sorted(found, key=lambda one: (one.retired, one.title, one.name))


def _title(known: Organisation, name: str | None) -> str | None:
    person = known.employees.get(name) if name is not None else None
    return person.title if person else name


def _seen(sight: Sight, site: Site, turn: staff.Turn) -> bool:
    return sight.holds(site.name, turn.box, turn.button, turn.employee)


def _is_open(site: Site, now_ns: int) -> bool:
    try:
        calendar = working_hours(site.calendar).calendar(site.time_zone)
    except CalendarError:
        return False
    return calendar.is_open(datetime.fromtimestamp(now_ns // 1_000_000_000, UTC))


def _local(t: Translator, site: Site) -> Translator:
    """Words and dates in the site's own time zone."""
    try:
        return Translator(t.language, t.messages, zone(site.time_zone))
    except ValueError:
        return t
