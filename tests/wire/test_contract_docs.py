"""The published contract (AsyncAPI, JSON Schemas) is what the types say, and real messages satisfy it."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from wire_strategies import commands, events, receipts

from edge import wire
from tools import contract_docs

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", sorted(contract_docs.render()))
def test_published_file_equals_the_types(name):
    assert (ROOT / "docs" / name).read_text("utf-8") == contract_docs.render()[name], "run tools/contract_docs.py"


def test_no_schema_without_a_type():
    published = {f"schemas/{path.name}" for path in (ROOT / "docs/schemas").glob("*.json")}
    assert published == {name for name in contract_docs.render() if name.startswith("schemas/")}


def _validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((ROOT / f"docs/schemas/{name}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@given(events())
def test_every_event_satisfies_its_published_schema(event):
    _validator(event.type).validate(json.loads(wire.encode_event(event)))


@given(receipts(), commands())
def test_receipts_and_commands_satisfy_their_published_schemas(receipt, command):
    _validator("receipt").validate(json.loads(wire.encode(receipt)))
    _validator("command").validate(json.loads(wire.encode(command)))


def test_asyncapi_names_every_channel_of_the_code():
    document = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text("utf-8"))
    names = {"site": "kazan", "box": "till-1", "track": "a" * 32, "snapshot": "b" * 32, "n": "3"}
    addresses = {name: channel["address"].format(**names) for name, channel in document["channels"].items()}
    assert addresses.pop("bridgeState") == wire.BRIDGE_STATE_TOPIC
    assert {wire.parse_topic(address).channel for address in addresses.values()} == set(addresses)
    assert addresses["chunk"] == wire.chunk_topic("kazan", "till-1", "a" * 32, 3)
    assert addresses["picture"] == wire.picture_topic("kazan", "till-1", "b" * 32, 3)
    assert addresses["manifest"] == wire.manifest_topic("kazan", "till-1", "a" * 32)
