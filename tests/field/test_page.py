"""The doctor on the local page: findings, button test, who may see it, one examination at a time."""

import asyncio
import json
import threading

import pytest
from web_client import WebClient
from web_main import TOKEN, Main, serve

from edge.field.findings import finding
from edge.web.doctor import Examiner

BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def server():
    main = Main()
    web = serve(main)
    yield main, WebClient(web.port)
    web.close()
    assert main.died == []


def test_the_page_shows_every_finding_and_each_button(server):
    status, headers, body = server[1].request("GET", "/doctor", headers=BEARER)
    page = body.decode()
    assert status == 200
    assert "nothing synchronises the clock" in page
    assert "timedatectl" in page
    assert "takes data" in page
    assert 'data-button="red">closed 2 times, the last time 3 s ago<' in page
    assert 'data-button="kok">not touched yet<' in page
    assert "<script>alert" not in page
    assert "style=" not in page
    assert "default-src 'none'" in headers["content-security-policy"]


def test_the_page_speaks_russian(server):
    _, _, body = server[1].request("GET", "/doctor?lang=ru", headers=BEARER)
    assert "Проверка кнопок" in body.decode()
    assert "принимает данные" in body.decode()


def test_programs_read_the_same(server):
    status, _, body = server[1].request("GET", "/doctor.json", headers=BEARER)
    found = json.loads(body)["findings"]
    assert status == 200
    assert [(one["check"], one["code"], one["outcome"]) for one in found] == [
        ("clock", "free", "note"),
        ("buttons", "absent", "fault"),
        ("bridge", "ok", "ok"),
    ]


@pytest.mark.parametrize("path", ["/doctor", "/doctor.json"])
def test_without_the_token_or_by_a_foreign_name_nothing_is_shown(server, path):
    assert server[1].request("GET", path)[0] == 401
    assert server[1].request("GET", path, headers={**BEARER, "Host": "evil.example"})[0] == 421


def test_the_panel_leads_to_it(server):
    assert 'href="/doctor"' in server[1].request("GET", "/")[2].decode()


@pytest.mark.parametrize("name", ["doctor.js", "doctor.css"])
def test_its_parts_are_served(server, name):
    assert server[1].request("GET", f"/static/{name}")[0] == 200


def test_one_examination_serves_everybody_for_a_moment():
    now_s = [100.0]
    gate = threading.Event()
    states = []

    def examine(state):
        states.append(state)
        assert gate.wait(10)
        return [finding("bridge", "ok")]

    async def run():
        examiner = Examiner(examine, lambda: now_s[0])
        both = asyncio.gather(examiner.findings({"n": 1}), examiner.findings({"n": 2}))
        await asyncio.sleep(0)
        gate.set()
        first, second = await both
        assert first == second
        now_s[0] += 14
        await examiner.findings({"n": 3})
        assert len(states) == 1
        now_s[0] += 2
        await examiner.findings({"n": 4})
        assert [state["n"] for state in states] == [1, 4]

    asyncio.run(run())
