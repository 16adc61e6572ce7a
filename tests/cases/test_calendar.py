"""Business hours against counting minute by minute, and around changes of the clock."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cloud_bridge.cases.calendar import BusinessCalendar, CalendarError, calendar_of

OFFICE = calendar_of(
    "Europe/Berlin",
    {day: ["09:00-13:00", "14:00-18:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
    holidays=["2026-05-01"],
    special={"2026-12-31": ["09:00-12:00"], "2026-05-02": ["10:00-11:00"]},
)
ALWAYS = {day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
BERLIN = ZoneInfo("Europe/Berlin")
# In the first two the clock is changed at midnight, in the third by half an hour.
ZONES = ["Europe/Berlin", "America/Havana", "Asia/Beirut", "Australia/Lord_Howe", "Asia/Kathmandu", "America/New_York"]


def at(*moment: int, zone: ZoneInfo = BERLIN, fold: int = 0) -> datetime:
    return datetime(*moment, tzinfo=zone, fold=fold)


@pytest.mark.parametrize(
    ("begin", "end", "hours"),
    [
        (at(2026, 6, 1, 9), at(2026, 6, 1, 18), 8),
        (at(2026, 6, 1, 12), at(2026, 6, 1, 15), 2),
        (at(2026, 6, 5, 17), at(2026, 6, 8, 10), 2),
        (at(2026, 4, 30, 17), at(2026, 5, 4, 9), 2),
        (at(2026, 12, 31, 0), at(2027, 1, 1, 0), 3),
        (at(2026, 6, 6, 0), at(2026, 6, 7, 23), 0),
    ],
)
def test_time_between(begin, end, hours):
    assert OFFICE.business_time_between(begin, end) == timedelta(hours=hours)
    assert OFFICE.business_time_between(end, begin) == -timedelta(hours=hours)


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        (at(2026, 6, 1, 9), 4, at(2026, 6, 1, 13)),
        (at(2026, 6, 1, 9), 4.5, at(2026, 6, 1, 14, 30)),
        (at(2026, 6, 5, 17), 2, at(2026, 6, 8, 10)),
        (at(2026, 4, 30, 17), 3, at(2026, 5, 4, 10)),
        (at(2026, 6, 6, 12), 0, at(2026, 6, 6, 12)),
    ],
)
def test_adding_time(start, hours, due):
    assert OFFICE.add_business_time(start, timedelta(hours=hours)) == due


def test_a_night_of_a_clock_change_is_as_long_as_it_is():
    night = calendar_of("Europe/Berlin", ALWAYS)
    assert night.business_time_between(at(2026, 3, 29), at(2026, 3, 30)) == timedelta(hours=23)
    assert night.business_time_between(at(2026, 10, 25), at(2026, 10, 26)) == timedelta(hours=25)
    early = calendar_of("Europe/Berlin", {"sun": ["02:00-04:00"]})
    assert early.business_time_between(at(2026, 3, 29), at(2026, 3, 30)) == timedelta(hours=1)
    assert early.business_time_between(at(2026, 10, 25), at(2026, 10, 26)) == timedelta(hours=3)
    assert early.is_open(at(2026, 10, 25, 2, 30, fold=1))
    assert early.add_business_time(at(2026, 3, 29), timedelta(hours=1)) == at(2026, 3, 29, 4)


def test_spans_that_touch_count_an_hour_that_comes_twice_once_each():
    touching = calendar_of("Europe/Berlin", {"sun": ["00:00-02:30", "02:30-06:00"]})
    assert touching.business_time_between(at(2026, 10, 25), at(2026, 10, 25, 6)) == timedelta(hours=7)


def test_a_day_that_never_was_has_no_hours():
    apia = calendar_of("Pacific/Apia", ALWAYS)
    zone = ZoneInfo("Pacific/Apia")
    begin, end = datetime(2011, 12, 29, tzinfo=zone), datetime(2012, 1, 1, tzinfo=zone)
    assert apia.business_time_between(begin, end) == timedelta(days=2)


@st.composite
def calendars(draw):
    spans = st.lists(st.integers(0, 96), min_size=0, max_size=4, unique=True).map(sorted)
    week = []
    for _ in range(7):
        edges = draw(spans)
        edges = edges[: len(edges) // 2 * 2]
        week.append(tuple((edges[i] * 15, edges[i + 1] * 15) for i in range(0, len(edges), 2)))
    assume(any(week))
    days = draw(st.lists(st.dates(date(2026, 3, 1), date(2026, 11, 15)), max_size=3))
    return BusinessCalendar(ZoneInfo(draw(st.sampled_from(ZONES))), tuple(week), frozenset(days))


# Half of all moments are near a change of the clock.
changes = st.sampled_from(
    [datetime(2026, month, day, tzinfo=UTC) for month, day in [(3, 8), (3, 29), (10, 25), (11, 1)]]
)
moments = st.one_of(
    st.integers(0, 365 * 1440).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.builds(lambda change, minutes: change + timedelta(minutes=minutes), changes, st.integers(-2880, 2880)),
)


@settings(max_examples=60, deadline=None)
@given(calendars(), moments, st.integers(0, 3000))
@example(calendar_of("America/Havana", ALWAYS), datetime(2026, 11, 1, tzinfo=UTC), 1440)
@example(calendar_of("Asia/Beirut", ALWAYS), datetime(2026, 10, 24, 12, tzinfo=UTC), 1440)
def test_time_between_is_the_number_of_open_minutes(calendar, begin, minutes):
    def shows_hours(moment: datetime) -> bool:
        wall = moment.astimezone(calendar.zone)
        minute = wall.hour * 60 + wall.minute
        return any(first <= minute < last for first, last in calendar.hours_on(wall.date()))

    each = [begin + timedelta(minutes=minute) for minute in range(minutes)]
    counted = sum(map(shows_hours, each))
    assert calendar.business_time_between(begin, begin + timedelta(minutes=minutes)) == timedelta(minutes=counted)
    assert [calendar.is_open(moment) for moment in each[:50]] == [shows_hours(moment) for moment in each[:50]]


@settings(max_examples=100, deadline=None)
@given(calendars(), moments, st.integers(1, 20_000))
def test_what_is_added_is_what_lies_between(calendar, start, minutes):
    wanted = timedelta(minutes=minutes)
    try:
        due = calendar.add_business_time(start, wanted)
    except CalendarError:
        assert calendar.business_time_between(start, start + timedelta(days=366)) < wanted
        return
    assert calendar.business_time_between(start, due) == wanted
    # The first such instant: a moment earlier it is not yet reached.
    assert calendar.business_time_between(start, due - timedelta(seconds=1)) < wanted
    assert calendar.add_business_time(start, wanted + timedelta(minutes=1)) > due


@settings(max_examples=60, deadline=None)
@given(calendars(), moments, moments, moments)
def test_time_between_adds_up(calendar, a, b, c):
    assume(max(a, b, c) - min(a, b, c) < timedelta(days=120))
    between = calendar.business_time_between
    assert between(a, b) + between(b, c) == between(a, c)


def test_a_limit_that_never_comes_is_an_error():
    never = BusinessCalendar(BERLIN, ((),) * 7, special=((date(2026, 6, 1), ((540, 600),)),))
    with pytest.raises(CalendarError, match="no working hours in the 366 days"):
        never.add_business_time(at(2026, 6, 1), timedelta(hours=2))
    assert never.add_business_time(at(2026, 6, 1), timedelta(hours=1)) == at(2026, 6, 1, 10)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Mars/Base", {}), "time zone 'Mars/Base'"),
        (("UTC", {"funday": []}), "weekday 'funday'"),
        (("UTC", {"mon": ["9-18"]}), "'9-18' is no span"),
        (("UTC", {"mon": ["09:00"]}), "'09:00' is no span"),
        (("UTC", {"mon": ["22:00-06:00"]}), "split a night"),
        (("UTC", {"mon": ["09:00-12:00", "11:00-13:00"]}), "not overlapping"),
        (("UTC", {}, ["1 May"]), "'1 May' is no date"),
    ],
)
def test_texts_that_are_no_calendar_are_refused(arguments, words):
    with pytest.raises(CalendarError, match=words):
        calendar_of(*arguments)


def test_instants_without_a_zone_and_limits_in_the_past_are_refused():
    with pytest.raises(CalendarError, match="no time zone"):
        OFFICE.add_business_time(at(2026, 6, 1).replace(tzinfo=None), timedelta(hours=1))
    with pytest.raises(CalendarError, match="lies in the past"):
        OFFICE.add_business_time(at(2026, 6, 1), -timedelta(hours=1))
    with pytest.raises(CalendarError, match="give seven"):
        BusinessCalendar(BERLIN, ((),))
