"""The API is what its description says: what follows it, or nearly, gets an answer that it describes, never a crash."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from cloud_bridge.store import tokens
from cloud_bridge.store.tokens import TokenScope

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
EXAMPLES = 8


@pytest.fixture
def operations(client, world):
    """Every operation of the description, over a world that has something of each kind."""
    press, track = world.press(employee="Anna", rating=2)
    world.sound(press, track, seconds=1)
    world.snapshot(press, picture=True)
    world.box("riga", "counter-1")
    raw = client.get("/schema/openapi.json").json()
    schema = schemathesis.openapi.from_dict(raw)
    return {f"{one.ok().method.upper()} {one.ok().path}": one.ok() for one in schema.get_all_operations()}


@pytest.fixture
def program(make_app, world, clock):
    secret = tokens.make_token(world.store, "all", tuple(TokenScope), (), days=1, by="x", now_ns=clock())
    with TestClient(make_app(), raise_server_exceptions=False) as made:
        made.headers["authorization"] = f"Bearer {secret}"
        yield made


def asking(operation, asker, seen):
    """Asks what follows the description of an operation, or just misses it, and checks each answer against it."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def ask(data):
        mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        sent = case.as_transport_kwargs(base_url="http://testserver.local")
        sent = {key: value for key, value in sent.items() if value and key not in {"cookies", "headers"}}
        if isinstance(sent.get("data"), bytes | str):
            sent["content"] = sent.pop("data")
        response = asker.request(**sent)
        seen.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    return ask


def test_answers_are_as_described(operations, client, program):
    assert len(operations) >= 14
    posts = "POST /api/v1/receipts"
    assert {posts, "GET /api/v1/receipts", "GET /api/v1/reports/{report}", "GET /api/v1/presses"} <= set(operations)
    statuses = {name: set() for name, one in operations.items() if name == posts or one.method.upper() != "POST"}
    for name, seen in sorted(statuses.items()):
        asking(operations[name], program if name == posts else client, seen)()
    assert all(codes <= {200, 206, 400, 401, 403, 404, 405, 416} for codes in statuses.values()), statuses
    assert {200, 400} <= statuses[posts] | statuses["GET /api/v1/presses"]
