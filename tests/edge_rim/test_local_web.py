"""The local page over real HTTP: durable answers, token, foreign sites, languages, bad input."""

import json
import time
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from web_client import WebClient
from web_main import TOKEN, Main, serve

from drivers.contract import Source
from edge.config import ConfigError, decode
from edge.local_web import LocalWeb, Panel
from edge.web.app import is_this_box
from edge.web.guard import host_is_ours, origin_is_ours, own_names
from edge.web.words import LANGUAGES, catalogue, choose

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def server():
    main = Main()
    web = serve(main)
    yield main, WebClient(web.port)
    web.close()
    assert main.died == []


@pytest.fixture
def main(server):
    server[0].requests.clear()
    server[0].silent = False
    return server[0]


@pytest.fixture
def client(server):
    return server[1]


def bearer(token=TOKEN):
    return {"Authorization": f"Bearer {token}"}


def test_a_press_is_answered_when_durable_and_stamped_on_arrival(main, client):
    body = {"button": "red", "employee": "Анна", "request_id": "r-1"}
    assert client.post("/press", body, bearer()) == (202, {"press": "ab" * 16, "repeated": False})
    fact = main.requests[0].fact
    assert (fact.button, fact.employee, fact.request_id) == ("red", "Анна", "r-1")
    assert (fact.mono_ns, fact.source, fact.simulated) == (42, Source.LOCAL_WEB, False)
    assert fact.uncertainty_ns == 100_000_000


@pytest.mark.parametrize(
    ("host", "is_here"), [("127.0.0.1", True), ("::1", True), ("192.168.1.7", False), ("unix", False), (None, False)]
)
def test_only_a_request_from_the_box_itself_is_surely_quick(host, is_here):
    client = None if host is None else SimpleNamespace(host=host)
    assert is_this_box(SimpleNamespace(client=client)) is is_here


def test_what_comes_over_the_network_may_be_a_second_late(main):
    import asyncio

    asyncio.run(Panel(main.ask).press("red", None, None, 0, from_network=True))
    assert main.requests[0].fact.uncertainty_ns == 1_000_000_000


def test_without_an_answer_in_time_the_caller_may_repeat(main):
    async def run():
        await Panel(main.ask, timeout_s=0.01).press("red", None, None, 0, from_network=False)

    import asyncio

    from edge.web.app import Busy

    main.silent = True
    with pytest.raises(Busy):
        asyncio.run(run())
    assert not main.requests[0].answer.cancelled(), "the press is made all the same"


@pytest.mark.parametrize("headers", [{}, bearer("wrong"), {"Authorization": TOKEN}, {"Cookie": "earshot_token=wrong"}])
@pytest.mark.parametrize("path", ["/press", "/shift"])
def test_without_the_token_nothing_happens(main, client, headers, path):
    status, answer = client.post(path, {"button": "red"}, headers)
    assert status == 401
    assert "token" in answer["error"]
    assert main.requests == []


def test_the_token_may_come_as_a_form_field_or_as_the_cookie_of_a_login(main, client):
    status, headers, _ = client.request("POST", "/login", urlencode({"token": TOKEN}), {"Content-Type": FORM})
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    sent = {"Cookie": cookie.partition(";")[0], "Content-Type": FORM}
    status, headers, _ = client.request("POST", "/press", urlencode({"button": "red"}), sent)
    assert (status, headers["location"]) == (303, "/?done=red")
    form = urlencode({"button": "red", "token": TOKEN, "employee": ""})
    assert client.request("POST", "/press", form, {"Content-Type": FORM})[0] == 303
    assert main.requests[-1].fact.employee is None
    assert client.request("POST", "/login", urlencode({"token": "no"}), {"Content-Type": FORM})[0] == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_page_cannot_press(main, client, headers):
    assert client.post("/press", {"button": "red"}, bearer() | headers)[0] == 403
    assert main.requests == []


def test_our_own_page_can(client):
    origin = {"Origin": f"http://127.0.0.1:{client.port}", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/press", {"button": "red"}, bearer() | origin)[0] == 202


@pytest.mark.parametrize("path", ["/", "/state"])
def test_a_rebound_name_sees_nothing(main, client, path):
    status, _, answer = client.request("GET", path, headers={"Host": "evil.example"})
    assert status == 421
    assert b"Counter" not in answer
    assert main.requests == []
    assert client.post("/press", {"button": "red"}, bearer() | {"Host": "evil.example:80"})[0] == 421


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"button":"Red Button"}',
        b'{"button":"red","colour":1}',
        b'{"button":"red","employee":"a\\u0000"}',
        b'{"button":"red","request_id":"\\n"}',
        b'{"button":' * 1500,
        b"\xff\xfe",
    ],
)
def test_bad_bodies_are_refused_with_the_reason(main, client, body):
    status, _, answer = client.request("POST", "/press", body, bearer() | {"Content-Type": "application/json"})
    assert status == 400, answer
    assert json.loads(answer)["error"]
    assert main.requests == []


def test_a_huge_body_is_refused(main, client):
    status, _, _ = client.request("POST", "/press", b" " * 100_000, bearer())
    assert status == 413
    assert main.requests == []


def test_unknown_buttons_and_paths(client):
    assert client.post("/press", {"button": "blue"}, bearer()) == (404, {"error": "button is not configured"})
    assert client.post("/shift", {"button": "red", "employee": "x"}, bearer())[0] == 404
    assert client.request("GET", "/static/../app.py")[0] in (400, 404)
    assert client.request("GET", "/static/%2e%2e/app.py")[0] in (400, 404)
    status, _, answer = client.request(
        "POST", "/press", urlencode({"button": "blue", "token": TOKEN}), {"Content-Type": FORM, "Accept-Language": "ru"}
    )
    assert status == 404
    assert "Не выполнено" in answer.decode()


@pytest.mark.parametrize(
    ("query", "accept", "word"), [("", "ru,en;q=0.5", "Панель"), ("?lang=ru", "en", "Панель"), ("", "de", "Panel")]
)
def test_the_page_speaks_the_readers_language_and_escapes(client, query, accept, word):
    status, headers, body = client.request("GET", f"/{query}", headers={"Accept-Language": accept})
    text = body.decode()
    assert status == 200
    assert word in text
    assert "<script>alert" not in text
    assert "<b>Анна" not in text
    assert "&lt;counter&gt;" in text
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "style=" not in text
    assert headers["x-content-type-options"] == "nosniff"


def test_without_a_token_configured_everybody_at_the_box_may_press():
    main = Main()
    web = serve(main, token="")
    try:
        client = WebClient(web.port)
        assert client.post("/press", {"button": "red"})[0] == 202
        assert client.post("/press", {"button": "red"}, {"Origin": "http://evil.example"})[0] == 403
    finally:
        web.close()


def test_closing_is_quick_and_a_taken_port_is_named():
    main = Main()
    web = serve(main)
    with pytest.raises(ConfigError, match=str(web.port)):
        LocalWeb(
            decode({"box": {"site": "s", "name": "b"}, "web": {"port": web.port}}, "test"), main.ask, lambda: 0, print
        )
    began = time.monotonic()
    web.close()
    web.close()
    assert time.monotonic() - began < 3
    assert main.died == []


def test_names_of_the_box():
    names = own_names("counter.shop")
    for host in ("127.0.0.1:8080", "[::1]:80", "localhost", "LOCALHOST:8080", "192.168.1.7", "counter.shop:80"):
        assert host_is_ours(host, names), host
    for host in ("", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[::1", "a@b:c"):
        assert not host_is_ours(host, names), host
    assert origin_is_ours("box:80", "http://box:80", "same-origin")
    assert origin_is_ours("box:80", None, None)
    assert not origin_is_ours("box:80", "http://box:81", None)
    assert not origin_is_ours("", "http://", None)


def test_both_catalogues_hold_the_same_texts():
    keys = {language: set(catalogue(language)) for language in LANGUAGES}
    assert keys["en"] == keys["ru"]
    for key in keys["en"]:
        places = [sorted(part.partition("}")[0] for part in catalogue(lang)[key].split("{")[1:]) for lang in LANGUAGES]
        assert places[0] == places[1], key


def test_choice_of_language():
    assert choose(None, "") == "en"
    assert choose(None, "ru-RU,ru;q=0.9,en;q=0.8") == "ru"
    assert choose(None, "en;q=0.5,ru;q=x,ru;q=0.4") == "en"
    assert choose("ru", "en") == "ru"
    assert choose("xx", "ru") == "ru"
