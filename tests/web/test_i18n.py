"""Two languages: equal catalogues, all of it used, plural forms, numbers and dates as each writes them."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime
from pathlib import Path

import pytest
from web_world import World, token_of

import cloud_bridge.web
from cloud_bridge.web.i18n import LANGUAGES, Translator, load_catalogue, negotiate, zone

WEB = Path(cloud_bridge.web.__file__).parent
CATALOGUES = {language: load_catalogue(language) for language in LANGUAGES}
AT_NS = int(datetime(2026, 11, 2, 9, 5, 7, tzinfo=UTC).timestamp()) * 10**9
# Keys that are put together from a name at run time, by their fixed beginning.
BUILT = {"trigger.", "state.", "source.", "gap.", "month.", "language.", "nav.", "error.title_", "error.text_", "unit."}
BUILT |= {
    "alarms.list_",
    "alarms.state_",
    "alarms.steps_",
    "alarms.from_",
    "rules.events_",
    "rules.scope_",
    "rules.of_",
    "rules.method_",
    "rules.finds_",
    "rules.delay_",
    "notify.state_",
    "snapshot.verdict_",
    "retention.class_",
    "retention.about_",
    "retention.kind_",
    "retention.refused_",
    "persons.kind_",
    "persons.count_",
    "persons.export_hint_",
    "persons.remove_hint_",
    "persons.state_",
    "persons.went_",
    "case_mail.",
    "cases.view_",
    "cases.status_",
    "cases.do_",
    "cases.verdict_",
    "cases.who_",
    "cases.factor_",
    "cases.letter_",
    "cases.delivery_",
    "cases.log_",
    "cases.key_",
    "cases.refused_",
    "snapshot.privacy_",
    "snapshot.score_",
    "weekday.",
    "review.queue_",
    "review.reviewed_",
    "review.verdict_",
    "review.told_",
    "review.key_",
    "sheet.factor_",
    "sheet.answer_",
    "sheet.found_",
    "sheet.nothing_",
    "checklist.purpose_",
    "role.",
    "role_hint.",
    "mine.figure_",
    "people.state_",
    "audit_action.",
    "enrol.state_",
    "enrol.code_",
    "updates.state_",
}
BUILT |= {f"reports.{name}_" for name in ("column", "table", "title", "intro", "by", "every", "note", "chart")}
BUILT |= {"tokens.scope_", "tokens.state_"}
BUILT |= {f"reports.{name}_" for name in ("verdict", "judged", "kind", "beyond", "factor", "weekday")}


def speaker(language, zone_name="UTC"):
    return Translator(language, CATALOGUES[language], zone(zone_name))


def placeholders(message):
    texts = message.values() if isinstance(message, dict) else [message]
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


def test_all_catalogues_hold_the_same_messages_with_the_same_placeholders():
    english, russian = CATALOGUES["en"], CATALOGUES["ru"]
    assert set(english) == set(russian)
    assert {key: placeholders(text) for key, text in english.items()} == {
        key: placeholders(text) for key, text in russian.items()
    }
    assert {key for key, text in english.items() if isinstance(text, dict)} == {
        key for key, text in russian.items() if isinstance(text, dict)
    }


def test_every_message_is_used_and_every_used_message_exists():
    sources = "".join(path.read_text() for path in [*WEB.parent.rglob("*.py"), *WEB.glob("templates/*.html")])
    named = set(re.findall(r"""["']([a-z_]+\.[a-z0-9_]+)["']""", sources))
    keys = set(CATALOGUES["en"])
    used = named & keys

    unused = {key for key in keys - used if not key.startswith(tuple(BUILT))}
    assert unused == set()
    asked = set(re.findall(r"""\bt(?:\.count)?\(\s*["']([a-z_]+\.[a-z0-9_]+)["']""", sources))
    assert asked - BUILT <= keys


def test_russian_is_written_in_russian_letters():
    same = {key for key, text in CATALOGUES["en"].items() if CATALOGUES["ru"][key] == text}
    assert same <= {
        "app.name",
        "language.en",
        "language.ru",
        "press.wall_uncertainty",
        "track.gap_at",
        "track.format_value",
        "track.checksum",
        "boxes.waiting_value",
        "date.moment",
        "unit.percent",
        "rules.own_title",
        "rules.what",
        "kappa.interval",
        "reports.xlsx",
        "tokens.by",
        "reports.csv",
        "reports.period",
        "reports.mail_subject",
        "reports.column_smile",
    }


@pytest.mark.parametrize(
    ("n", "en", "ru"),
    [(0, "0 events", "0 событий"), (1, "1 event", "1 событие"), (2, "2 events", "2 события"),
     (5, "5 events", "5 событий"),
     (11, "11 events", "11 событий"), (21, "21 events", "21 событие"), (1022, "1,022 events", "1\xa0022 события")],
)  # fmt: skip
def test_plurals(n, en, ru):
    assert speaker("en").count("boxes.events", n) == en
    assert speaker("ru").count("boxes.events", n) == ru


def test_numbers_sizes_times_and_dates():
    en, ru = speaker("en", "Europe/Riga"), speaker("ru", "Europe/Riga")
    assert (en.number(-1234.5, 1), ru.number(-1234.5, 1)) == ("−1,234.5", "−1\xa0234,5")
    assert (en.size(999), en.size(1500), ru.size(4_300_000)) == ("999 B", "1.5 kB", "4,3 МБ")
    assert [en.seconds(s) for s in (0.00042, 0.0045, 0.25, 1.5, 60, 300, 9000, 300_000)] == [
        "0.42 ms", "4.5 ms", "250 ms", "1.5 s", "60 s", "5 min", "2 h", "3 d",
    ]  # fmt: skip
    assert en.moment(AT_NS) == "2 November 2026, 11:05:07 EET"
    assert ru.moment(AT_NS) == "2 ноября 2026 г., 11:05:07 EET"
    assert en.iso(AT_NS) == "2026-11-02T11:05:07.000+02:00"


def test_a_zone_that_nobody_knows_stops_the_start():
    with pytest.raises(ValueError, match="Mars/Olympus"):
        zone("Mars/Olympus")


@pytest.mark.parametrize(
    ("header", "language"),
    [("", "en"), ("ru", "ru"), ("ru-RU,ru;q=0.9,en;q=0.8", "ru"), ("de,en;q=0.7,ru;q=0.3", "en"), ("lv,ru;q=0.4", "ru"),
     ("ru;q=0", "en"), ("*", "en"), ("ru;q=x", "en"), (";;;,,", "en")],
)  # fmt: skip
def test_the_browsers_wish_is_heard(header, language):
    assert negotiate(header) == language


def test_the_language_is_the_chosen_one_then_the_accounts_then_the_browsers(client, stranger, world: World):
    def language_of(who, **headers):
        return re.search(r'<html lang="(\w+)"', who.get("/login", headers=headers, follow_redirects=True).text)[1]

    assert language_of(stranger, **{"accept-language": "ru"}) == "ru"
    assert language_of(stranger) == "en"
    response = client.post(
        "/language", data={"language": "ru", "next": "/boxes", "_csrf_token": token_of(client.get("/boxes").text)}
    )
    assert response.headers["location"] == "/boxes"
    assert language_of(client, **{"accept-language": "en"}) == "ru"
    client.cookies.delete("earshot_language")
    assert language_of(client, **{"accept-language": "en"}) == "ru", "the account remembers it"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_speaks_the_language_throughout(client, world: World, language):
    press, track = world.press(employee="X", rating=4, misuse=True, simulated=True)
    world.sound(press, track, seconds=1, partial=True, partial_reason="disconnect", simulated=True)
    world.box("riga", "counter-1", online=False, events_waiting=3, tracks_waiting=1, bytes_waiting=1)
    world.message("nonsense", b"\xff")
    client.headers["accept-language"] = language
    for path in (
        "/presses",
        f"/presses/{press}",
        "/boxes",
        "/quarantine",
        "/enrol",
        "/updates",
        "/account",
        "/nowhere",
    ):
        page = client.get(path).text
        assert f'<html lang="{language}">' in page
        text = re.sub(r"<[^>]*>", " ", page)
        cyrillic = len(re.findall("[а-яё]{3,}", text.lower()))
        assert (cyrillic > 5) == (language == "ru"), path
