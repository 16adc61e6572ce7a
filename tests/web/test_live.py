"""The live list without a browser: rows as they change, only those of the filter, until the session ends."""

from __future__ import annotations

import asyncio
import re
import threading

import httpx
import pytest
from web_server import serve
from web_world import PASSWORD, SETTINGS, USER, World, log_in

from cloud_bridge.store import org, queries, users
from cloud_bridge.store.org import Place
from cloud_bridge.store.rows import PressFilter, TrackState
from cloud_bridge.web.live import matches
from edge import wire

WAIT_S = 15


@pytest.fixture
def served(world: World):
    """A real server: the test client cannot read an answer that does not end."""
    with serve(world) as address, httpx.Client(base_url=address, timeout=WAIT_S) as client:
        log_in(client)
        yield client


def events_of(response):
    """Events of a stream as (name, data); comments are left out."""
    event: dict[str, str] = {}
    for line in response.iter_lines():
        if not line:
            if "event" in event:
                yield event["event"], event["data"], event["id"]
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = event[name] + "\n" + value if name == "data" and "data" in event else value


def test_a_press_its_progress_and_its_sound_arrive_one_after_another(served, world):
    with served.stream("GET", "/presses/live?after=0") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = events_of(response)
        press, track = world.press()
        name, row, _ = next(events)
        assert (name, f'id="press-{press}"' in row, "state-expected" in row) == ("row", True, True)
        world.sound(press, track, seconds=8)
        states = []
        while "state-complete" not in row:
            name, row, _ = next(events)
            states.append(re.search("state-([a-z]+)", row)[1])
        assert states[-1] == "complete"
        assert set(states) <= {"expected", "receiving", "complete"}


def test_after_a_broken_connection_nothing_is_missing_and_nothing_else_comes_again(served, world):
    first, _ = world.press()
    with served.stream("GET", "/presses/live?after=0") as response:
        _, row, number = next(events_of(response))
        assert first in row
    second, _ = world.press()
    third, _ = world.press()
    with served.stream("GET", "/presses/live?after=0", headers={"last-event-id": number}) as response:
        events = events_of(response)
        rows = [next(events)[1] for _ in range(2)]
    assert [re.search("press-([0-9a-f]{32})", row)[1] for row in rows] == [second, third]


def test_what_leaves_the_filter_is_taken_away(served, world):
    with served.stream("GET", "/presses/live?after=0&state=expected&box=riga/counter-1") as response:
        events = events_of(response)
        press, track = world.press()
        assert next(events)[0] == "row"
        world.event("riga", "counter-1", wire.TrackLostData(track=track, press=press, reason="x", bytes=0))
        assert next(events)[:2] == ("gone", press)


def test_changes_that_are_no_presses_do_not_make_the_stream_spin(served, world, monkeypatch):
    asked = []
    real = queries.changes
    monkeypatch.setattr(queries, "changes", lambda *args: asked.append(args[1]) or real(*args))
    with served.stream("GET", "/presses/live?after=0") as response:
        events = events_of(response)
        world.press()
        next(events)
        # A number that belongs to no press, then a press.
        with world.store.write() as connection:
            connection.exec_driver_sql("UPDATE change SET value = value + 5")
        world.press()
        next(events)
    assert len(asked) <= 4


def test_the_stream_ends_with_the_session(served, world):
    with served.stream("GET", "/presses/live?after=0") as response:
        lines = response.iter_lines()
        next(lines)
        with world.store.read() as connection:
            keys = connection.exec_driver_sql("SELECT key FROM web_session").scalars().all()
        for key in keys:
            users.delete_session(world.store, key)
        assert "row" not in "".join(lines)


def test_presses_of_other_places_are_not_told(served, world):
    made = users.create_user(world.store, "manager", PASSWORD, users.Role.SITE_MANAGER)
    with world.store.write() as connection:
        org.set_places(connection, made.id, [Place("riga")])
    served.cookies.clear()
    log_in(served, "manager")
    with served.stream("GET", "/presses/live?after=0&state=expected") as response:
        events = events_of(response)
        foreign, track = world.press("oslo")
        # One that leaves the filter is told by its id: that, too, only to who may see it.
        world.event("oslo", "counter-1", wire.TrackLostData(track=track, press=foreign, reason="x", bytes=0))
        own, _ = world.press("riga")
        name, row, _ = next(events)
        assert (name, foreign in row, own in row) == ("row", False, True)


def test_the_stream_ends_when_the_account_may_see_less(served, world):
    with served.stream("GET", "/presses/live?after=0") as response:
        lines = response.iter_lines()
        next(lines)
        account = users.user_by_name(world.store, USER)
        with world.store.write() as connection:
            org.set_places(connection, account.id, [Place("riga")])
        assert "row" not in "".join(lines)


def test_a_stranger_gets_no_stream(served):
    served.cookies.clear()
    response = served.get("/presses/live?after=0", headers={"accept": "text/event-stream"})
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("where", "fits"),
    [
        (PressFilter(), True),
        (PressFilter(site="riga", box="counter-1"), True),
        (PressFilter(site="riga", box="other"), False),
        (PressFilter(trigger="sale"), False),
        (PressFilter(state=TrackState.EXPECTED), True),
        (PressFilter(state=TrackState.COMPLETE), False),
    ],
)
def test_a_filter_means_the_same_live_as_in_the_list(world, where, fits):
    press, _ = world.press()
    (row,) = queries.changes(world.store, 0).presses
    assert matches(row, where, "") is fits
    assert bool(queries.list_presses(world.store, where).presses) is fits
    assert matches(row, PressFilter(), press)
    assert not matches(row, PressFilter(), "f" * 32)


def test_nobody_listening_asks_the_database_nothing(world, monkeypatch):
    from cloud_bridge.web.live import LiveFeed
    from cloud_bridge.web.settings import Services

    asked = threading.Event()
    monkeypatch.setattr(queries, "last_change", lambda _store: asked.set() or 7)
    services = Services.make(world.store, world.blobs, SETTINGS, world.send_command, lambda: 0)

    async def run():
        feed = LiveFeed(services)
        task = asyncio.create_task(feed.run())
        assert not await feed.wait_beyond(0, 0.2)
        assert not asked.is_set()
        async with feed.listening():
            assert await feed.wait_beyond(0, WAIT_S)
        task.cancel()

    asyncio.run(run())
    assert asked.is_set()
