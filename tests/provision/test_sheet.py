"""What an engineer writes: understood, or refused with line, key and remedy in both languages."""

import contextlib
import string
import tomllib

import pytest
from card import CODE, PSK, SHEET
from hypothesis import given
from hypothesis import strategies as st

from edge.config import MASK
from edge.provision.problem import CODES, LANGUAGES, SheetError, catalogue, line_of
from edge.provision.sheet import _OWN_FORMS, Sheet, parse, secrets_of
from edge.provision.sheet_text import FILE_BYTES, blank, digest, filled, padded, without_secrets


def refused(text):
    with pytest.raises(SheetError) as caught:
        parse(text)
    return caught.value


def changed(old, new):
    assert old in SHEET
    return SHEET.replace(old, new)


def test_a_whole_sheet_is_read():
    sheet = parse(SHEET)
    assert (sheet.box.site, sheet.box.name, sheet.wifi.psk, sheet.bridge.code) == ("north", "counter-1", PSK, CODE)
    assert secrets_of(sheet) == {"wifi.psk": PSK, "bridge.code": CODE}


def test_the_template_says_that_it_is_not_filled_in_and_names_every_setting():
    assert refused(blank()).code == "empty"
    tree = tomllib.loads(blank())
    for name, part in tree.items():
        assert name in Sheet.__struct_fields__
        assert part, name
    for key in ("box.site", "bridge.code", "wifi.psk", "broker.password", "web.token"):
        section, name = key.split(".")
        assert tree[section][name] == ""


def test_a_filled_template_is_a_sheet():
    text = filled(
        {"box.site": "north", "bridge.url": "https://b.example", "bridge.code": CODE, "wifi.ssid": 'a"\\ё'},
        {"ssh.keys": ["ssh-ed25519 AAAAC3Nz anna"]},
    )
    sheet = parse(text)
    assert (sheet.wifi.ssid, sheet.ssh.keys, sheet.broker) == ('a"\\ё', ("ssh-ed25519 AAAAC3Nz anna",), None)
    assert text.count("\n") == blank().count("\n"), "its comments stay"
    with pytest.raises(KeyError):
        filled({"box.sight": "north"})


@pytest.mark.parametrize(
    ("text", "code", "line", "key"),
    [
        ("", "empty", None, None),
        ("[box\n", "syntax", 1, None),
        ('[box]\nsite = "a"\nsite = "b"\n', "syntax", 3, None),
        (changed('place = "', 'plase = "'), "unknown", 5, "box.plase"),
        (changed("[wifi]", "[wlan]"), "unknown", 12, "wlan"),
        (changed('site = "north"\n', ""), "missing", 2, "box.site"),
        (changed('site = "north"', 'site = "North Branch"'), "value", 3, "box.site"),
        (changed('site = "north"', "site = 5"), "value", 3, "box.site"),
        (changed(CODE, CODE[:-1]), "value", 10, "bridge.code"),
        (changed("https://bridge.example/", "bridge.example"), "value", 9, "bridge.url"),
        (changed(PSK, "short"), "value", 14, "wifi.psk"),
        (changed('"LV"', '"Latvia"'), "value", 15, "wifi.country"),
        (SHEET + '[broker]\nhost = "b"\n', "pair", None, None),
        (changed(f'[bridge]\nurl = "https://bridge.example/"\ncode = "{CODE}"\n', ""), "pair", None, None),
        (SHEET + '[[buttons]]\nname = "a"\n[[buttons]]\nname = "b"\nrating = "x"\n', "value", 20, "buttons.1.rating"),
        (SHEET + '[[buttons]]\nname = "a"\ndevice = "/dev/input/x"\n', "missing", 16, "buttons.0.key"),
        (SHEET + '[ssh]\nkeys = ["PRIVATE KEY"]\n', "value", 17, "ssh.keys.0"),
        (SHEET + '[web]\ntoken = "short"\n', "value", 17, "web.token"),
        (SHEET + '[network]\naddress = "10.0.0.5"\n', "value", 17, "network.address"),
        (SHEET + '[settings.uplink]\npassword = "x"\n', "value", 17, "settings.uplink.password"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_key(text, code, line, key):
    error = refused(text)
    assert (error.code, error.key) == (code, key)
    assert error.line == line
    for language in LANGUAGES:
        said = error.text(language)
        assert "{" not in said
        assert len(said) > 30
        assert PSK not in said
        assert CODE[6:] not in said
        if line and error.line:
            assert str(line) in said


def test_every_problem_has_words_in_both_languages():
    english, russian = (catalogue(language) for language in LANGUAGES)
    assert set(english["problem"]) == set(russian["problem"]) == set(CODES)

    def gaps(text):
        return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)

    for code in CODES:
        for part in ("found", "remedy"):
            assert gaps(english["problem"][code][part]) == gaps(russian["problem"][code][part])
            assert russian["problem"][code][part] != english["problem"][code][part]
    assert set(english["report"]) == set(russian["report"])
    assert set(english["form"]) == set(russian["form"]) >= _OWN_FORMS
    for name, words in english["form"].items():
        assert "{" not in words + russian["form"][name]


@given(st.text(max_size=300))
def test_nothing_that_is_written_breaks_the_reader(text):
    with contextlib.suppress(SheetError):
        parse(text)


@given(st.sampled_from(["box.site", "wifi.psk", "buttons.3.line", "x", "", "a.b.c"]), st.text(max_size=200))
def test_a_line_is_looked_for_in_anything(key, text):
    line_of(text, key)


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63),
    st.sampled_from(['psk = "{}"', "psk = '{}'", 'psk= "{}" # "x"', '"psk" = "{}"', 'psk = """{}"""']),
)
def test_secrets_are_taken_out_however_they_are_written(psk, form):
    psk = psk.replace("'", "_") if "'" in form else psk.replace("\\", "\\\\").replace('"', '\\"')
    text = SHEET.replace(f"psk = '{PSK}' # of the office", form.format(psk))
    tree = tomllib.loads(text)
    masked = without_secrets(text)
    after = tomllib.loads(masked)
    assert after["wifi"].pop("psk") == MASK
    assert after["bridge"].pop("code") == MASK
    del tree["wifi"]["psk"], tree["bridge"]["code"]
    assert after == tree
    assert CODE not in masked
    assert without_secrets(masked) == masked


def test_what_is_no_secret_stays_as_it_was_written():
    masked = without_secrets(SHEET)
    assert masked == SHEET.replace(CODE, MASK).replace(f"'{PSK}'", f'"{MASK}"')


def test_inline_tables_lose_their_secrets_too():
    text = f'box = {{ site = "n" }}\nbridge = {{ url = "http://b", code = "{CODE}" }}\n'
    masked = without_secrets(text)
    assert CODE not in masked
    assert tomllib.loads(masked) == {"box": {"site": "n"}, "bridge": {"url": "http://b", "code": MASK}}


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=3000))
def test_padding_changes_the_size_and_not_what_is_said(text):
    data = padded(text)
    assert len(data) == FILE_BYTES
    assert digest(data.decode()) == digest(text) == digest(text.replace("\n", "\r\n"))


def test_padding_ends_where_the_text_is_longer():
    assert padded("x" * 20_000) == b"x" * 20_000 + b"\n"
    assert parse(padded(SHEET).decode()) == parse(SHEET)
