"""The page of enrolment and the bridge's commands: who may, what is shown once, what is written down."""

import json
import re

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner
from enrol_bridge import FACTS, ordered, posting
from litestar.testing import TestClient
from web_world import PASSWORD, SETTINGS, USER, log_in, token_of

from cloud_bridge.cli import bridge
from cloud_bridge.store import users
from cloud_bridge.web.app import create_app
from edge.enrol.exchange import attempt
from edge.provision.sheet import parse
from edge.wire.enrol import parse_code

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch):
    monkeypatch.setattr(users, "_hasher", QUICK)
    monkeypatch.setattr(users, "_NOBODY", QUICK.hash("nobody has this password"))


@pytest.fixture
def client(world, clock):
    app = create_app(world.store, world.blobs, SETTINGS, world.send_command, now_ns=clock, enrolment=world.enrolment)
    with TestClient(app) as client:
        client.follow_redirects = False
        log_in(client, USER, PASSWORD)
        yield client


def send(client, path, **form):
    return client.post(path, data={**form, "_csrf_token": token_of(client.get("/enrol").text)})


def shown_code(page):
    return re.search(r"<code>([0-9A-Z-]{29})</code>", page)[1]


def test_a_code_is_shown_once_with_its_sheet_and_its_picture(client, world, clock):
    page = send(client, "/enrol/codes", site=" North ", box="counter-1")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    code = shown_code(page.text)
    snippet = re.search(r'<pre id="snippet"[^>]*>(.*?)</pre>', page.text, re.DOTALL)[1].replace("&#34;", '"')
    sheet = parse(snippet)
    assert (sheet.box.site, sheet.box.name, sheet.bridge.code) == ("north", "counter-1", code)
    assert sheet.bridge.url == "http://testserver.local"
    assert "<svg" in page.text
    assert "style=" not in page.text
    assert f"--code {code}" in page.text
    again = client.get("/enrol").text
    assert code not in again
    assert parse_code(code).id in again
    assert next((row.user, row.action, row.object) for row in users.list_audit(world.store)) == (
        USER, "enrol.code", f"{parse_code(code).id} north/counter-1",
    )  # fmt: skip


def test_a_box_that_uses_the_code_appears_on_both_pages_and_can_be_revoked(client, world, clock, tmp_path):
    code = shown_code(send(client, "/enrol/codes", site="north", box="").text)
    with posting(world, clock) as post:
        attempt(ordered(tmp_path / "box", code, box="counter-7"), clock(), post=post, **FACTS)
    page = client.get("/enrol").text
    assert "north / counter-7" in page
    assert "Raspberry Pi 4 Model B" in page
    assert "north / counter-7" in client.get("/boxes").text
    assert send(client, "/enrol/boxes/north/counter-7/revoke").status_code == 303
    assert "revoked" in client.get("/enrol").text
    assert send(client, "/enrol/boxes/north/counter-7/revoke").status_code == 404
    assert users.list_audit(world.store)[0].action == "box.revoke"


def test_a_code_can_be_withdrawn(client, world):
    code = shown_code(send(client, "/enrol/codes", site="north").text)
    code_id = parse_code(code).id
    assert send(client, f"/enrol/codes/{code_id}/withdraw").status_code == 303
    assert send(client, f"/enrol/codes/{code_id}/withdraw").status_code == 404
    assert "withdrawn" in client.get("/enrol").text


@pytest.mark.parametrize("site", ["Nörd", "a/b", "bridge", "x" * 64, ""])
def test_a_name_that_can_be_none_is_told_and_makes_no_code(client, world, site):
    page = send(client, "/enrol/codes", site=site)
    assert page.status_code == 400
    assert 'role="alert"' in page.text
    assert world.enrolment.codes() == ()


def test_only_administrators_and_only_with_the_forms_token(client, world):
    assert client.post("/enrol/codes", data={"site": "north"}).status_code == 403
    users.create_user(world.store, "quinn", PASSWORD, next(role for role in users.Role if role is not users.Role.ADMIN))
    client.post("/logout", data={"_csrf_token": token_of(client.get("/boxes").text)})
    log_in(client, "quinn")
    assert client.get("/enrol").status_code == 403
    page = client.get("/boxes").text
    assert 'href="/enrol"' not in page
    token = token_of(page)
    paths = ("/enrol/codes", "/enrol/codes/ABCDE/withdraw", "/enrol/boxes/north/a/revoke")
    assert {client.post(path, data={"site": "north", "_csrf_token": token}).status_code for path in paths} == {403}
    assert world.enrolment.codes() == ()


def test_without_an_authority_the_page_says_how_to_make_it(world, clock):
    app = create_app(world.store, world.blobs, SETTINGS, world.send_command, now_ns=clock)
    with TestClient(app) as client:
        log_in(client, USER, PASSWORD)
        page = client.get("/enrol").text
        assert "earshot bridge ca init" in page
        assert "/enrol/codes" not in page


@pytest.fixture
def shell(tmp_path):
    """Runs a command of the bridge on a configuration of its own."""
    path = tmp_path / "bridge.toml"
    path.write_text(
        f'[broker]\nhost = "broker.example"\n[database]\nurl = "sqlite:///{tmp_path}/shell.db"\n'
        f'[enrol]\nfolder = "{tmp_path}/authority"\nbroker_port = 8884\n'
    )

    def run(*arguments):
        return CliRunner().invoke(bridge, [*arguments, "--config", str(path)])

    assert run("migrate").exit_code == 0
    return run


def test_the_commands_make_an_authority_codes_and_revoke(shell, tmp_path):
    early = shell("code", "make", "north")
    assert (early.exit_code, "ca init" in early.stderr) == (2, True)
    made = shell("ca", "init")
    assert made.exit_code == 0
    assert "broker.example:8884" in made.output
    assert (tmp_path / "authority/authority.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "authority/codes.key").stat().st_mode & 0o777 == 0o600
    again = shell("ca", "init")
    assert (again.exit_code, "exists already" in again.stderr) == (2, True)
    assert "SHA-256 " in shell("ca", "show").output
    assert parse_code(shell("code", "make", "north", "counter-1").stdout.strip())
    assert shell("code", "make", "No Name").exit_code == 2
    refused = shell("box", "revoke", "north", "counter-1")
    assert (refused.exit_code, "no valid certificate" in refused.stderr) == (2, True)
    assert shell("ca", "crl").stdout.strip() == str(tmp_path / "authority/crl.pem")


def test_keys_of_two_authorities_are_told_apart(shell, tmp_path):
    shell("ca", "init")
    (tmp_path / "authority/authority.key").write_bytes(
        (tmp_path / "bridge/enrol/authority.key").read_bytes()
        if (tmp_path / "bridge/enrol").exists()
        else _another_key()
    )
    said = shell("ca", "show")
    assert (said.exit_code, "is not the key of" in said.stderr) == (2, True)


def _another_key():
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_the_boxes_command_tells_how_it_stands(world, clock, tmp_path, monkeypatch):
    from edge.cli import cli
    from edge.enrol import exchange

    config = tmp_path / "box.toml"
    (tmp_path / "data").mkdir()
    config.write_text(f'[box]\nsite = "north"\nname = "counter-1"\ndata_dir = "{tmp_path}/data"\n')

    def run(*arguments):
        return CliRunner().invoke(cli, ["enrol", *arguments, "--config", str(config)])

    def state():
        return json.loads(run("--status").stdout)

    assert state()["state"] == "none"
    assert run().exit_code == 0
    assert run("--code", "x").exit_code == 2
    away = run(
        "--bridge", "http://127.0.0.1:9", "--code", world.enrolment.make_code("north", None, "a", clock())[0].text
    )
    assert away.exit_code == 1
    assert "can't be reached" in away.stderr
    assert state()["state"] == "waiting"
    with posting(world, clock) as post:
        monkeypatch.setattr(exchange.attempt, "__kwdefaults__", {"post": post})
        monkeypatch.setattr(exchange.renew_now, "__kwdefaults__", {"post": post})
        done = run()
        assert (done.exit_code, "enrolled as north/counter-1" in done.stdout) == (0, True), done.output
        assert "uplink.enrolled = true" in done.stderr
        assert run("--renew").exit_code == 0
        told = state()
        assert (told["state"], told["name"], told["used"]) == ("enrolled", "north/counter-1", False)
        refused = run("--bridge", "http://127.0.0.1:9", "--code", "nonsense")
        assert refused.exit_code == 77
        assert state()["state"] == "refused"
