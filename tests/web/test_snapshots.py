"""The snapshot on the page of its press: what it shows, who saw it, what people say of it."""

from __future__ import annotations

import html
import re
import time
import xml.etree.ElementTree as ET

import pytest
from web_world import USER, World, token_of

from cloud_bridge.store import snapshots, users
from cloud_bridge.web.i18n import LANGUAGES
from edge import wire


def words(text):
    """The text of a page, tags removed."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", text)))


def press_with_snapshot(world: World, **more):
    press, track = world.press(track=more.pop("track", True), simulated=more.get("simulated", False))
    return press, track, world.snapshot(press, **more)


def audit_of(world, action):
    return [(row.user, row.object) for row in users.list_audit(world.store) if row.action == action]


def bars_of(page):
    svg = re.search(r'<figure class="strip".*?(<svg.*?</svg>)', page, re.DOTALL)[1]
    root = ET.fromstring(re.sub(r"&(?!amp;)", "&amp;", svg))
    return root, [(bar.get("class"), float(bar.get("x")), float(bar.get("height"))) for bar in root.findall("rect")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_press_shows_what_the_camera_saw(client, world, language):
    press, _, snapshot = press_with_snapshot(world, picture=True)
    client.cookies.set("earshot_language", language)
    page = client.get(f"/presses/{press}").text
    text = words(page)
    assert "87 %" in text
    assert {"en": "The client smiled.", "ru": "Клиент улыбнулся."}[language] in text
    assert {"en": "67 % n = 24, 95 %: 47 to 82 %", "ru": "67 % n = 24, 95 %: от 47 до 82 %"}[language] in text
    assert {"en": "43 ms before the press", "ru": "за 43 мс до нажатия"}[language] in text
    assert f'<img src="/api/v1/snapshots/{snapshot}/picture" width="480" height="340"' in page
    kinds = [kind.split("-")[1] for kind, _, _ in bars_of(page)[1]]
    assert kinds == ["unseen"] * 2 + ["nobody"] * 3 + ["calm"] * 20 + ["smile"] * 5


def test_the_strip_lies_on_the_time_axis_of_the_sound(client, world):
    press, track, _ = press_with_snapshot(world)
    world.sound(press, track, seconds=60)
    page = client.get(f"/presses/{press}").text
    svg, bars = bars_of(page)
    assert page.count('class="strip"') == 1
    first_s, top, length_s, height = map(float, svg.get("viewBox").split())
    # The axis is the sound's: from its beginning, 40 s before the press, to its end.
    assert (first_s, top, length_s, height) == (-40, 0, 60, 1)
    assert [round(x) for _, x, _ in bars] == list(range(-30, 0))
    player = re.search(r"<div class=\"player\".*?</audio>", page, re.DOTALL)[0]
    assert 'class="strip"' in player


def test_without_sound_the_strip_stands_by_itself(client, world):
    press, _, _ = press_with_snapshot(world, track=False)
    page = client.get(f"/presses/{press}").text
    assert bars_of(page)[0].get("viewBox") == "-30 0 30 1"


def test_a_press_without_a_camera_has_no_such_part(client, world):
    press, _ = world.press()
    assert 'id="snapshot"' not in client.get(f"/presses/{press}").text


def test_another_boxs_snapshot_is_not_shown(client, world):
    press, _ = world.press(box="counter-1")
    world.snapshot(press, box="counter-2")
    assert 'id="snapshot"' not in client.get(f"/presses/{press}").text
    assert client.get(f"/api/v1/presses/{press}").json()["snapshot"] is None


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"smiled": None, "face_share": 0.4}, "Seen too little to tell."),
        ({"smiled": False}, "The client did not smile."),
        ({"subject": "staff"}, "The employee smiled."),
        ({"state": "no_face", "probability": None}, "Nobody is seen"),
        (
            {"state": "no_data", "probability": None, "skew_ms": None, "frame_mono_ns": None, "reason": "covered"},
            "no frame near the press",
        ),
        ({"partial": True, "partial_reason": "seen only until +1.0 s from the press"}, "Not seen to the end"),
        ({"simulated": True}, "Simulated"),
    ],
)
def test_what_is_not_known_is_said(client, world, more, told):
    press, _, _ = press_with_snapshot(world, **more)
    assert told.lower() in words(client.get(f"/presses/{press}").text).lower()


def test_an_index_of_few_clients_is_not_shown(client, world):
    few = wire.IndexData(since_ns=0, n=9, smiled=9, percent=100.0, low_percent=70.1, high_percent=100.0)
    press, _, _ = press_with_snapshot(world, index=few)
    text = words(client.get(f"/presses/{press}").text)
    assert "n = 9, shown from 10 clients on" in text
    assert "100 %" not in text


def test_each_look_at_the_picture_is_on_record(client, stranger, world):
    _, _, snapshot = press_with_snapshot(world, picture=True)
    address = f"/api/v1/snapshots/{snapshot}/picture"
    assert stranger.get(address).status_code in {303, 401}
    answer = client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.content.startswith(b"\xff\xd8")
    assert wire.sha256(answer.content) == snapshots.by_id(world.store, snapshot).data.picture.sha256
    assert "private" in answer.headers["cache-control"]
    assert audit_of(world, "snapshot.view") == [(USER, snapshot)]
    assert client.get(address, headers={"if-none-match": answer.headers["etag"]}).status_code == 304


def test_a_picture_that_has_not_come_is_none(client, world):
    press, _, snapshot = press_with_snapshot(world, picture=True, chunks=1)
    assert client.get(f"/api/v1/snapshots/{snapshot}/picture").status_code == 404
    assert "The picture is on its way." in words(client.get(f"/presses/{press}").text)
    assert audit_of(world, "snapshot.view") == []


def test_a_picture_that_never_comes_is_said_to_be_lost(client, world):
    press, _, snapshot = press_with_snapshot(world, picture=True, chunks=1)
    world.event("riga", "counter-1", wire.TrackLostData(track=snapshot, press=press, reason="disk full", bytes=9))
    assert "The picture is not there: disk full" in words(client.get(f"/presses/{press}").text)


def test_a_person_says_how_the_client_was_and_may_think_better_of_it(client, world, clock):
    press, _, snapshot = press_with_snapshot(world)
    page = client.get(f"/presses/{press}").text
    form = {"_csrf_token": token_of(page), "score": "4"}
    answer = client.post(f"/snapshots/{snapshot}/qualify", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/presses/{press}#snapshot")
    page = client.get(f"/presses/{press}").text
    assert re.search(r'value="4" aria-pressed="true"', page)
    assert f"Said by {USER}" in words(page)
    clock.forward(60)
    client.post(f"/snapshots/{snapshot}/qualify", data=form | {"score": "2"})
    clock.forward(60)
    client.post(f"/snapshots/{snapshot}/qualify", data=form | {"score": ""})
    said = snapshots.qualifications(world.store, snapshot)
    assert [(one.score, one.user) for one in said] == [(None, USER), (2, USER), (4, USER)]
    assert said[0].at_ns - said[2].at_ns == 120 * 10**9
    assert snapshots.by_id(world.store, snapshot).qualification is None
    assert audit_of(world, "snapshot.qualify") == [(USER, f"{snapshot} {said}") for said in ("none", "2", "4")]


@pytest.mark.parametrize("score", ["0", "6", "x", "4.5"])
def test_other_scores_are_refused(client, world, score):
    press, _, snapshot = press_with_snapshot(world)
    token = token_of(client.get(f"/presses/{press}").text)
    assert client.post(f"/snapshots/{snapshot}/qualify", data={"_csrf_token": token, "score": score}).status_code == 400
    assert snapshots.qualifications(world.store, snapshot) == ()


def test_a_score_needs_the_form_of_the_page(client, stranger, world):
    _, _, snapshot = press_with_snapshot(world)
    assert client.post(f"/snapshots/{snapshot}/qualify", data={"score": "4"}).status_code == 403
    assert stranger.post(f"/snapshots/{snapshot}/qualify", data={"score": "4"}).status_code in {303, 403}
    assert client.post(f"/snapshots/{'0' * 32}/qualify", data={"score": "4"}).status_code in {403, 404}


def test_programs_get_the_figures_and_give_scores(client, world):
    press, _, snapshot = press_with_snapshot(world, picture=True)
    found = client.get(f"/api/v1/presses/{press}").json()["snapshot"]
    assert found == client.get(f"/api/v1/snapshots/{snapshot}").json()
    assert found["data"]["probability"] == 0.87
    assert [point["offset_s"] for point in found["data"]["strip"]] == list(range(-30, 0))
    assert (found["picture_state"], found["qualification"]) == ("complete", None)
    token = token_of(client.get(f"/presses/{press}").text)
    address = f"/api/v1/snapshots/{snapshot}/qualification"
    answer = client.post(address, json={"score": 5}, headers={"x-csrftoken": token})
    assert (answer.status_code, answer.json()["qualification"]["score"]) == (200, 5)
    assert client.post(address, json={"score": 9}, headers={"x-csrftoken": token}).status_code == 400
    assert [one["score"] for one in client.get(f"/api/v1/snapshots/{snapshot}/qualifications").json()] == [5]
    assert client.get(f"/api/v1/snapshots/{'0' * 32}").status_code == 404
    assert client.get("/api/v1/snapshots/nothing").status_code == 404


def test_boxes_show_the_index_of_their_latest_day(client, world):
    now_ns = time.time_ns()
    world.box("riga", "counter-1")
    world.box("riga", "counter-2")
    for n in range(12):
        press, _ = world.press(ago_s=600 - n * 10, track=False)
        since = wire.IndexData(
            since_ns=now_ns - 650 * 10**9, n=0, smiled=0, percent=None, low_percent=None, high_percent=None
        )
        world.snapshot(press, index=since, smiled=None if n == 0 else n % 3 != 0)
    old, _ = world.press(ago_s=700, track=False)
    world.snapshot(old, smiled=True)
    simulated, _ = world.press(ago_s=400, track=False, simulated=True)
    world.snapshot(simulated, smiled=False, simulated=True)
    boxes = {box["box"]: box for box in client.get("/api/v1/boxes").json()}
    index = boxes["counter-1"]["smile_index"]
    assert (index["n"], index["publishing"], index["simulated"]) == (11, "unranked", False)
    assert index["percent"] == pytest.approx(100 * 8 / 11)
    assert boxes["counter-2"]["smile_index"] is None
    assert "73 % · n = 11, 95 %: 43 to 90 %" in words(client.get("/boxes").text)
    assert client.get("/api/v1/boxes/riga/counter-1").json()["smile_index"] == index
