"""The way of a box to the bridge over real sockets: TLS of an authority that nobody knows, and answers of all kinds."""

import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import uvicorn
from certificates import make_server
from enrol_bridge import FACTS, ordered
from web_world import SETTINGS

from cloud_bridge.web.app import create_app
from edge.enrol.exchange import RefusedByBridge, Unreachable, attempt, http_post
from edge.enrol.identity import Identity, Order


@contextmanager
def served(world, folder):
    """The bridge's application behind TLS whose authority no box knows."""
    make_server(folder / "certs")
    app = create_app(world.store, world.blobs, SETTINGS, world.send_command, enrolment=world.enrolment)
    config = uvicorn.Config(
        app,
        port=0,
        log_level="warning",
        ssl_certfile=folder / "certs/server.pem",
        ssl_keyfile=folder / "certs/server.key",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        yield f"https://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(15)
        socket.close()


def test_the_command_enrols_over_tls_of_an_unknown_authority(world, tmp_path):
    (tmp_path / "data").mkdir()
    config = tmp_path / "box.toml"
    config.write_text(f'[box]\nsite = "north"\nname = "counter-1"\ndata_dir = "{tmp_path}/data"\n')
    earshot = Path(sys.executable).parent / "earshot"

    def run(*arguments, said=None):
        command = [earshot, "enrol", *arguments, "--config", config]
        return subprocess.run(
            list(map(str, command)), capture_output=True, text=True, input=said, check=False, timeout=60
        )

    code, row = world.enrolment.make_code("north", "counter-1", "anna", time.time_ns())
    with served(world, tmp_path) as url:
        done = run("--bridge", url, "--code", "-", said=code.text.lower() + "\n")
        assert (done.returncode, done.stdout.startswith("enrolled as north/counter-1 until")) == (0, True), done.stderr
        enrolled = Identity(tmp_path / "data/identity").enrolled()
        assert (enrolled.bridge_url, enrolled.code_id) == (url, row.id)
        assert run("--renew").returncode == 0
        refused = run("--bridge", url, "--code", world.enrolment.make_code("south", None, "a", row.made_ns)[0].text)
        assert refused.returncode == 77
        assert "for site 'south'" in refused.stderr
        with pytest.raises(Unreachable, match="404"):
            http_post(url + "/nowhere", b"{}")
    away = run("--renew")
    assert away.returncode == 1
    assert "can't be reached" in away.stderr


class Strange(BaseHTTPRequestHandler):
    def do_POST(self):
        status, body = self.server.says
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def strange():
    server = HTTPServer(("127.0.0.1", 0), Strange)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (200, b"<html>a captive portal</html>", Unreachable, "not a bridge's"),
        (200, b"", Unreachable, "not a bridge's"),
        (200, b'{"payload":"{}","proof":"00"}', Unreachable, "does not know the code"),
        (200, b"[" * 100_000, Unreachable, "not a bridge's"),
        (403, b'{"status":403,"detail":"no\\u0007 way"}', RefusedByBridge, "no  way"),
        (403, b"<html>", Unreachable, "403: Forbidden"),
        (429, b'{"detail":"wait"}', Unreachable, "429: wait"),
        (503, b"\xff", Unreachable, "503"),
        (302, b"", Unreachable, "302"),
    ],
)
def test_an_answer_of_somebody_else_changes_nothing(strange, tmp_path, world, clock, status, body, kind, said):
    strange.says = (status, body)
    code, _ = world.enrolment.make_code("north", "counter-1", "anna", clock())
    identity = ordered(tmp_path / "box", code.text)
    identity.keep_order(
        Order(bridge_url=f"http://127.0.0.1:{strange.server_port}", code=code.text, site="north", box="counter-1")
    )
    with pytest.raises(kind, match=said):
        attempt(identity, clock(), **FACTS)
    assert identity.enrolled() is None
    assert identity.order() is not None
