"""What the pages say about presses, boxes and refused messages."""

from __future__ import annotations

import html
import re

import pytest
from web_world import World, token_of

from cloud_bridge.store import users
from cloud_bridge.web.settings import CommandsUnavailable
from edge import wire


def words(response):
    """The text of a page, tags removed."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", response.text)))


def test_the_front_page_is_where_the_day_begins(client):
    assert client.get("/").headers["location"] == "/review"


def test_the_list_shows_presses_newest_first_and_pages_to_the_last(client, world):
    made = [world.press(ago_s=200 - n)[0] for n in range(120)]
    seen, path = [], "/presses"
    while path:
        page = client.get(path).text
        seen += re.findall(r'id="press-([0-9a-f]{32})"', page)
        older = re.search(r'id="older" href="([^"]+)"', page)
        path = html.unescape(older[1]) if older else None
    assert seen == made[::-1]


def test_only_the_first_page_is_live_and_it_keeps_its_filter(client, world):
    for _ in range(60):
        world.press()
    first = client.get("/presses?box=riga/counter-1&trigger=incident").text
    live = html.unescape(re.search(r'data-live-url="([^"]+)"', first)[1])
    assert "box=riga%2Fcounter-1" in live
    assert "trigger=incident" in live
    older = html.unescape(re.search(r'id="older" href="([^"]+)"', first)[1])
    assert "trigger=incident" in older
    assert "data-live-url" not in client.get(older).text


def test_an_empty_list_says_what_to_expect(client):
    assert "No press yet" in words(client.get("/presses"))
    assert "No press fits this filter" in words(client.get("/presses?trigger=sale"))


def test_a_press_is_told_in_words(client, world):
    press, track = world.press(employee="Anna Berzina", rating=2)
    gaps = (
        wire.GapSpan(offset_frames=16_000, frames=24_000, reason="overrun"),
        wire.GapSpan(offset_frames=64_000, frames=1600, reason="gremlins"),
    )
    world.sound(press, track, seconds=12, partial=True, partial_reason="disconnect", gaps=gaps, simulated=True)
    text = words(client.get(f"/presses/{press}"))

    for part in (
        "Anna Berzina",
        "riga / counter-1",
        "2 of 5",
        "wired button",
        "± 4.5 ms",
        "Partial: sound of the window is missing for good. Reason: the microphone was unplugged",
        "Simulated: the sound comes from a simulated source (hw:CARD=Device).",
        "The press mark is right to ± 0.80 ms.",
        "The sound card's clock runs 12.4 ppm fast.",
        "2 gaps: 1.6 s of silence stands for sound that was not captured.",
        "0:01.0 – 0:02.5 the box was too busy to read",
        "0:04.0 – 0:04.1 gremlins",
        "8 s before, 4 s after the press",
    ):
        assert part in text


def test_the_player_knows_where_the_press_is_and_works_without_script(client, world):
    press, track = world.press()
    world.sound(press, track, seconds=12)
    page = client.get(f"/presses/{press}").text

    assert 'data-press="8.0"' in page
    assert 'data-duration="12.0"' in page
    assert f'<audio controls preload="metadata" src="/api/v1/tracks/{track}/audio">' in page


def test_a_whole_track_is_called_whole_and_a_damaged_one_is_not(client, world):
    press, track = world.press()
    world.sound(press, track, seconds=2)
    damaged, broken = world.press()
    world.sound(damaged, broken, seconds=2, frames=999_999)

    assert "Complete: no sound of the window is missing." in words(client.get(f"/presses/{press}"))
    text = words(client.get(f"/presses/{damaged}"))
    assert "Damaged: the file does not decode as announced." in text
    assert "Complete: no sound" not in text


@pytest.mark.parametrize("synced", [True, False])
def test_a_time_without_a_clock_is_called_so(client, world, synced):
    press, _ = world.press(synced=synced)
    for path in (f"/presses/{press}", "/presses"):
        assert ("clock not synchronised" in words(client.get(path))) is not synced


def test_a_repaired_time_is_no_longer_doubted(client, world):
    press, _ = world.press(synced=False, ago_s=10)
    world.event("riga", "counter-1", wire.TimeData(stamp=world.stamp()))
    assert "clock not synchronised" not in words(client.get(f"/presses/{press}"))


def test_sound_on_its_way(client, world):
    expected, _ = world.press()
    assert "The sound is being recorded." in words(client.get(f"/presses/{expected}"))
    receiving, track = world.press()
    world.sound(receiving, track, seconds=8, chunks=2)
    assert re.search(r"The sound is arriving: 2 of \d+ parts\.", words(client.get(f"/presses/{receiving}")))
    lost, track = world.press()
    world.event("riga", "counter-1", wire.TrackLostData(track=track, press=lost, reason="disk full", bytes=1))
    assert "The sound will never come: disk full" in words(client.get(f"/presses/{lost}"))
    none, _ = world.press(track=False)
    assert "This press asked for no sound." in words(client.get(f"/presses/{none}"))


def test_a_hammered_press_leads_to_the_one_with_the_sound(client, world):
    first, track = world.press()
    again, _ = world.press(misuse=True, track=track)
    world.sound(first, track, seconds=1)
    page = client.get(f"/presses/{again}")

    assert f'href="/presses/{first}"' in page.text
    assert "Hammering" in words(page)
    assert "shares its sound" not in words(client.get(f"/presses/{first}"))


def test_looking_at_a_press_is_on_record(client, world):
    press, _ = world.press()
    client.get(f"/presses/{press}")
    assert ("press.view", press) in [(row.action, row.object) for row in users.list_audit(world.store)]


def test_a_box_in_trouble_shows_it(client, world: World):
    world.box("riga", "counter-1", online=False, devices={"red": False}, faults=("usb_button",), events_waiting=21,
              tracks_waiting=2, bytes_waiting=5_000_000)  # fmt: skip
    fault = wire.FaultData(name="usb_button", device="red", active=True, detail="it is gone", stamp=world.stamp(60))
    world.event("riga", "counter-1", fault)
    world.event(
        "riga",
        "counter-1",
        wire.FaultData(name="ear", device="mic", active=True, detail="silent", stamp=world.stamp(9)),
    )
    world.event(
        "riga",
        "counter-1",
        wire.FaultData(name="ear", device="mic", active=False, detail="", stamp=world.stamp(5)),
        skip_seq=1,
    )
    text = words(client.get("/boxes"))

    for part in (
        "Offline",
        "21 events, 2 recordings (5.0 MB)",
        "red: missing",
        "usb_button (red): it is gone",
        "1 message",
        "Numbers 3 of",
    ):
        assert part in text
    assert "silent" not in text


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (wire.Reply(id="0" * 32, ok=True), "The lamps blink now."),
        (wire.Reply(id="0" * 32, ok=False, error="no <b>lamp</b>"), "The box did not do it: no <b>lamp</b>"),
        (None, "The box has not answered."),
        (CommandsUnavailable("x"), "Commands cannot be sent: the bridge has no connection to the broker."),
    ],
)
@pytest.mark.parametrize("htmx", [True, False])
def test_identify_sends_the_command_and_tells_the_answer(client, world, reply, said, htmx):
    world.box("riga", "counter-1")
    world.reply = reply
    headers = {"hx-request": "true"} if htmx else {}
    data = {"_csrf_token": token_of(client.get("/boxes").text)}
    response = client.post("/boxes/riga/counter-1/identify", data=data, headers=headers)

    (sent,) = world.commands
    assert sent[:2] == ("riga", "counter-1")
    assert isinstance(sent[2], wire.Identify)
    assert html.escape(said, quote=False) in response.text
    assert response.headers["content-type"].startswith("text/html")
    assert ("box.identify", "riga/counter-1") in [(row.action, row.object) for row in users.list_audit(world.store)]


def test_no_command_goes_to_a_box_that_nobody_knows(client, world):
    data = {"_csrf_token": token_of(client.get("/boxes").text)}
    assert client.post("/boxes/riga/other/identify", data=data).status_code == 404
    assert world.commands == []


def test_the_quarantine_shows_reason_and_content_and_pages(client, world):
    for n in range(60):
        world.message("earshot/1/riga/counter-1/event", b'{"n": %d}' % n)
    world.message("earshot/1/riga/counter-1/event", bytes(range(256)))
    page = client.get("/quarantine")

    assert "Binary content" in words(page)
    assert "00 01 02 03" in page.text
    assert '{"n": 59}' in words(page)
    older = re.search(r'href="(/quarantine\?before=\d+)"', page.text)[1]
    assert '{"n": 0}' in words(client.get(older))
