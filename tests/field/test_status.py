"""`earshot status`: the numbers and where they come from."""

import io
import json
import os
import threading

import pytest
from click.testing import CliRunner
from field_parts import Place, fill_outbox, hum, state
from rich.console import Console

from demo.broker import free_port
from drivers.contract import Edge, Press, Source
from edge.cli import cli
from edge.contacts import Contacts
from edge.field import status, status_view
from edge.field.backlog import look
from edge.field.outage import outage_hours, readable_hours
from edge.field.wear import wear_below


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_hours_of_outage_left_by_the_formula():
    # A track of 1000 bytes each hour for a day: 24 000 bytes of room are a day.
    recent = [(float(hour), 1000) for hour in range(25)]
    assert outage_hours(24_000 + 500, 500, recent) == pytest.approx(24_000 / (1000 * 25 / 24))
    # Two tracks in the last two hours: one an hour, not two in 24.
    assert outage_hours(10_000, 0, [(0.5, 1000), (2.0, 3000)]) == pytest.approx(10_000 / (2000 * 1))
    # Ten in one minute are not six hundred an hour.
    assert outage_hours(10_000, 0, [(0.01, 100)] * 10) == pytest.approx(10_000 / (100 * 10))
    assert outage_hours(100, 500, [(1.0, 100)]) == 0
    assert outage_hours(100, 0, []) is None
    assert outage_hours(100, 0, [(1.0, 0)]) is None
    assert (readable_hours(None), readable_hours(71.6), readable_hours(240)) == ("?", "72 h", "10 d")


def test_the_outbox_is_counted_beside_the_box_that_writes_it(place):
    assert look(place.folder / "data") is None
    fill_outbox(place.folder / "data", place.clock, tracks=30, sound=b"x" * 500)
    found = look(place.folder / "data")
    assert (found.seq, found.events, found.tracks, found.presses) == (60, 60, 30, 30)
    assert found.states == {"finished": 30}
    assert found.bytes > 30 * 500
    # Those of the last 24 hours, both ends counted.
    recent = found.recent(place.clock.wall_ns())
    assert len(recent) == 25
    assert {size for _, size in recent} == {500}


def test_wear_is_that_of_the_whole_disk(tmp_path):
    place = Place(tmp_path)
    device = tmp_path.stat().st_dev
    disk = place.folders.sys / "devices/mmcblk0"
    part = disk / "mmcblk0p2"
    part.mkdir(parents=True)
    (part / "partition").write_text("2\n")
    (part / "stat").write_text("0 0 0 0 0 0 5 0 0 0 0\n")
    (disk / "stat").write_text("    10 0 20 0 30 0 7200 0 0 0 0 0 0 0 0 0 0\n")
    (place.folders.proc / "uptime").write_text("7200.00 1.0\n")
    assert wear_below(tmp_path, place.folders) is None
    links = place.folders.sys / "dev/block"
    links.mkdir(parents=True)
    (links / f"{os.major(device)}:{os.minor(device)}").symlink_to(part)
    found = wear_below(tmp_path, place.folders)
    assert (found.disk, found.written_bytes) == ("mmcblk0", 7200 * 512)
    assert found.bytes_per_hour == pytest.approx(3600 * 512)


def shown(values, language="en"):
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(status_view.render(values, language))
    return console.export_text()


def test_a_healthy_box_on_one_screen(place, monkeypatch):
    place.play(hum(), simulated=True)
    fill_outbox(place.folder / "data", place.clock, tracks=3)
    values = status.snapshot(place.around())
    assert json.loads(json.dumps(values)) == values
    assert values["ear"]["running"]
    assert values["ear"]["rms_dbfs"] == pytest.approx(-33.3, abs=0.5)
    assert values["queue"]["tracks"] == 3
    text = shown(values)
    for word in ("shop/one", "dBFS", "simulated", "bridge takes data", "events 6, tracks 3", "Anna Person", "Incident"):
        assert word in text, word
    assert "█" in text
    assert "Инцидент" in shown(values, "ru")


def test_what_is_not_known_is_said_so(place):
    place.play(hum())
    place.clock.advance(60 * 10**9)
    text = shown(status.snapshot(place.around(state=None, state_error="no answer from the box")))
    assert "no answer from the box" in text
    assert "no sound" in text
    assert text.count("not known") >= 3
    offline = status.snapshot(place.around(state=state(connected=False, health={"faults": ["sound_stalled ear: x"]})))
    assert "no broker" in shown(offline)
    assert "sound_stalled ear: x" in shown(offline)


def test_a_name_with_markup_stays_text(place):
    made = state()
    made["presses"][0]["employee"] = "[red]Anna[/nonsense]"
    assert "[red]Anna[/nonsense]" in shown(status.snapshot(place.around(state=made)))


def test_both_languages_have_the_same_texts():
    english, russian = status_view.words("en"), status_view.words("ru")
    assert set(english) == set(russian)


def test_the_command_prints_once_where_there_is_no_terminal(tmp_path):
    config = tmp_path / "box.toml"
    config.write_text(
        f'[box]\nsite = "s"\nname = "b"\ndata_dir = "{tmp_path}/d"\nring = "{tmp_path}/r"\n'
        f"[web]\nport = {free_port()}\n"
    )
    said = CliRunner().invoke(cli, ["status", "--json", "--config", str(config)])
    assert json.loads(said.stdout)["running"] is False
    for options in (["--once"], []):
        said = CliRunner().invoke(cli, ["status", *options, "--config", str(config)], env={"LC_ALL": "ru_RU.UTF-8"})
        assert said.exit_code == 0
        assert "Уровень" in said.stdout


def test_the_live_view_follows_and_ends(place, monkeypatch):
    class Stop(threading.Event):
        turns = 0

        def wait(self, timeout=None):
            Stop.turns += 1
            return Stop.turns > 3

    seen = []
    around = place.around()
    monkeypatch.setattr(status_view, "look_around", lambda _config: around)
    monkeypatch.setattr(status_view, "render", lambda values, language: seen.append(values["ear"]) or "")
    place.play(hum())
    status_view.show_live(place.config, "en", Stop())
    assert len(seen) == 4
    assert seen[-1]["running"]


def test_contacts_count_closings_before_anything_is_debounced():
    contacts = Contacts(["red", "green"])
    contacts.note(Edge("red", True, 10**9, 0, Source.GPIO, simulated=False))
    contacts.note(Edge("red", False, 2 * 10**9, 0, Source.GPIO, simulated=False))
    contacts.note(Edge("red", True, 3 * 10**9, 0, Source.GPIO, simulated=False))
    contacts.note(Press("green", 4 * 10**9, 0, Source.MQTT, simulated=False))
    contacts.note(Edge("blue", True, 4 * 10**9, 0, Source.GPIO, simulated=False))
    assert contacts.state(5 * 10**9) == [
        {"button": "red", "down": True, "count": 2, "ago_s": 2.0, "source": "gpio"},
        {"button": "green", "down": False, "count": 1, "ago_s": 1.0, "source": "mqtt"},
    ]
    assert Contacts(["red"]).state(0)[0]["ago_s"] is None
