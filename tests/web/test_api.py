"""The REST API: the same presses as the pages, each once over all pages; its description is true."""

from __future__ import annotations

from datetime import UTC, datetime

from web_world import World

from edge import wire


def test_presses_come_newest_first_each_once_over_all_pages(client, world):
    made = [world.press(ago_s=n // 3)[0] for n in range(25)]
    seen, cursor = [], ""
    while True:
        answer = client.get("/api/v1/presses", params={"limit": 7, "cursor": cursor}).json()
        seen += answer["presses"]
        cursor = answer["next"]
        if cursor is None:
            break

    assert sorted(press["id"] for press in seen) == sorted(made)
    times = [press["time"] for press in seen]
    assert times == sorted(times, reverse=True)


def test_a_press_says_what_is_known_and_how_well(client, world):
    press, track = world.press(employee="Anna", rating=None, misuse=False, ago_s=5)
    data = world.sound(press, track, seconds=1, gaps=(wire.GapSpan(offset_frames=5, frames=10, reason="overrun"),))
    answer = client.get(f"/api/v1/presses/{press}").json()

    shown = answer["press"]
    assert (shown["site"], shown["box"], shown["button"], shown["employee"]) == ("riga", "counter-1", "red", "Anna")
    assert (shown["track"], shown["track_state"], shown["dated"]) == (track, "complete", True)
    assert shown["uncertainty_ms"] == 4.5
    assert abs((datetime.now(UTC) - datetime.fromisoformat(shown["time"])).total_seconds() - 5) < 60
    assert answer["tracks"][0]["manifest"]["gaps"] == [{"offset_frames": 5, "frames": 10, "reason": "overrun"}]
    assert client.get(answer["tracks"][0]["audio"]).content == data
    assert client.get(f"/api/v1/tracks/{track}").json() == answer["tracks"][0]


def test_filters_choose(client, world):
    riga, _ = world.press("riga", "a")
    jelgava, _ = world.press("jelgava", "a", trigger=wire.Trigger.SALE)

    def ids(**query):
        return [press["id"] for press in client.get("/api/v1/presses", params=query).json()["presses"]]

    assert ids(box="riga/a") == [riga]
    assert ids(trigger="sale") == [jelgava]
    assert ids(state="complete") == []
    assert set(ids(state="expected")) == {riga, jelgava}


def test_peaks_are_pairs_below_and_above(client, world):
    press, track = world.press()
    world.sound(press, track, seconds=2)
    values = client.get(f"/api/v1/tracks/{track}/peaks").json()["values"]

    assert len(values) % 2 == 0
    assert min(values) < -10
    assert max(values) > 10
    assert all(low <= high for low, high in zip(values[::2], values[1::2], strict=True))


def test_boxes_say_what_is_missing(client, world: World):
    world.box("riga", "counter-1")
    world.press()
    world.press(track=False)
    world.event(
        "riga", "counter-1", wire.ShiftData(button="red", employee="A", stamp=world.stamp(), source="gpio"), skip_seq=3
    )
    box = client.get("/api/v1/boxes/riga/counter-1").json()

    assert (box["online"], box["missing"], box["presses"]) == (True, 3, 2)
    assert [(gap["first"], gap["last"]) for gap in box["missing_ranges"]] == [(3, 5)]
    assert box["health"]["ear"]["running"] is True
    assert "missing_ranges" not in client.get("/api/v1/boxes").json()[0]


def test_a_box_without_a_clock_may_claim_any_time(client, world):
    for wall_ns in (0, 2**62 - 1):
        stamp = wire.Stamp(boot_id="b" * 32, mono_ns=5, wall_ns=wall_ns, synced=False, uncertainty_ms=0)
        world.press(stamp=stamp)
    assert client.get("/presses").status_code == 200
    assert all(press["dated"] is False for press in client.get("/api/v1/presses").json()["presses"])


def test_the_description_names_every_path(client):
    paths = client.get("/schema/openapi.json").json()["paths"]
    assert set(paths) == {
        "/api/v1/presses",
        "/api/v1/presses/{press_id}",
        "/api/v1/tracks/{track_id}",
        "/api/v1/tracks/{track_id}/peaks",
        "/api/v1/tracks/{track_id}/audio",
        "/api/v1/snapshots/{snapshot_id}",
        "/api/v1/snapshots/{snapshot_id}/picture",
        "/api/v1/snapshots/{snapshot_id}/qualification",
        "/api/v1/snapshots/{snapshot_id}/qualifications",
        "/api/v1/boxes",
        "/api/v1/boxes/{site}/{box}",
        "/api/v1/receipts",
        "/api/v1/reports/{report}",
    }
