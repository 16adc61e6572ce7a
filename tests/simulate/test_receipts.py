"""The invented receipts: each once, however often they are posted; voids after them; refusals say why."""

import json
import threading
from collections import deque
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from click.testing import CliRunner
from msgspec import convert

from cloud_bridge.simulate.cli import simulate
from cloud_bridge.simulate.receipts import ReceiptsError, batches, post_receipts, poster
from cloud_bridge.simulate.world import make_world
from cloud_bridge.web.receipts_api import ApiReceipts

WORLD = make_world(5, 4, 1, datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture
def bridge():
    """An address that answers as told, and what it was asked."""
    answers, asked = deque(), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            asked.append((self.path, self.headers["authorization"], json.loads(body)))
            status, more = answers.popleft() if answers else (200, {})
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b'{"new": 1, "repeated": 2, "voided": 3, "conflicting": []}')

        def log_message(self, *_said):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", answers, asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_everybody_gets_one_receipt_and_what_was_void_is_taken_back():
    bodies = [convert(body, ApiReceipts) for body in batches(WORLD)]
    receipts = [(body.site, one.id) for body in bodies for one in body.receipts]
    voids = [(body.site, one) for body in bodies for one in body.voids]
    assert len(receipts) == len(set(receipts)) == len(WORLD.customers)
    assert len(voids) == sum(customer.void for customer in WORLD.customers) > 0
    assert set(voids) < set(receipts)
    assert all(len(body.receipts) + len(body.voids) <= 1000 and body.simulated for body in bodies)
    assert list(batches(WORLD)) == list(batches(WORLD))


def test_they_are_posted_with_the_token_and_patience(bridge):
    address, answers, asked = bridge
    answers.append((429, {"Retry-After": "7"}))
    waited = []
    taken = post_receipts(WORLD, poster(address, "earshot_x", wait=waited.append))
    posted = len(list(batches(WORLD)))
    assert taken == {"new": posted, "repeated": 2 * posted, "voided": 3 * posted}
    assert waited == [7.0]
    assert len(asked) == posted + 1
    assert {(path, token) for path, token, _ in asked} == {("/api/v1/receipts", "Bearer earshot_x")}


def test_a_refusal_and_a_silent_bridge_end_it(bridge):
    address, answers, _ = bridge
    answers.append((403, {}))
    with pytest.raises(ReceiptsError, match="403"):
        post_receipts(WORLD, poster(address, "x"))
    answers += [(429, {"Retry-After": "0"})] * 5
    with pytest.raises(ReceiptsError, match="no time"):
        post_receipts(WORLD, poster(address, "x", wait=lambda _s: None))
    with pytest.raises(ReceiptsError, match="does not answer"):
        post_receipts(WORLD, poster("http://127.0.0.1:1", "x"))
    with pytest.raises(ReceiptsError, match="no address"):
        poster("bridge", "x")
    conflict = b'{"new": 0, "repeated": 0, "voided": 0, "conflicting": ["r7"]}'
    with pytest.raises(ReceiptsError, match="r7"):
        post_receipts(WORLD, lambda _body: conflict)


def test_address_and_token_belong_together():
    result = CliRunner().invoke(simulate, ["--counters", "1", "--days", "1", "--api", "http://x"])
    assert result.exit_code == 2
    assert "--token-file" in result.output
