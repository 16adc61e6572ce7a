"""Writes docs/asyncapi.yaml and docs/schemas/*.json from the types of `edge.wire`.

`python tools/contract_docs.py` writes them; `render()` gives name → text for the test that keeps them equal.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import yaml

from edge import wire

DOCS = Path(__file__).resolve().parent.parent / "docs"
COMMANDS = (wire.Ping, wire.Identify, wire.PressCommand, wire.Extend, wire.ShiftCommand, wire.Update)
PLAIN = (wire.Status, wire.Health, wire.Receipt, wire.Reply, wire.BridgeState)


class _Plain(yaml.SafeDumper):
    """Writes every value out; anchors would hide what a channel has."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _schema(kind: Any, title: str, description: str) -> dict[str, Any]:
    (root,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:earshot:{wire.VERSION}:{title}",
        "title": title,
        "description": description,
        **{key: value for key, value in root.items() if key not in {"title", "description"}},
    }
    for component in components.values():
        if "description" in component:
            component["description"] = " ".join(component["description"].split())
    if components:
        schema["$defs"] = components
    return schema


def _doc(cls: type) -> str:
    return " ".join((cls.__doc__ or "").split())


def _event_schema(type_name: str, cls: type) -> dict[str, Any]:
    schema = _schema(cls, type_name, _doc(cls))
    definitions = schema.pop("$defs", {})
    envelope = msgspec.json.schema(wire.Envelope)["$defs"][wire.Envelope.__name__]
    properties = {**envelope["properties"], "type": {"const": type_name}, "data": {"$ref": schema.pop("$ref")}}
    properties["time"] = {"type": "string", "format": "date-time"}
    return {
        **schema,
        "type": "object",
        "properties": properties,
        "required": envelope["required"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _schemas() -> dict[str, dict[str, Any]]:
    events = {name: _event_schema(name, cls) for name, cls in wire.EVENT_TYPES.items()}
    plain = {cls.__name__.lower(): _schema(cls, cls.__name__, _doc(cls)) for cls in PLAIN}
    command = _schema(wire.Command, "Command", "One command to a box; `command` names which.")
    return {**events, **plain, "command": command}


def _message(name: str, title: str) -> dict[str, Any]:
    return {
        "name": title,
        "contentType": "application/json",
        "payload": {"$ref": f"schemas/{name}.json"},
    }


def _asyncapi() -> dict[str, Any]:
    box = f"{wire.ROOT}/{{site}}/{{box}}"
    who = {
        "site": {"description": f"Site of the box; {wire.NAME_PATTERN}"},
        "box": {"description": f"Name of the box; {wire.NAME_PATTERN}"},
    }
    track = {**who, "track": {"description": "Id of the track, 32 hex digits"}}
    events = {name: _message(name, name) for name in wire.EVENT_TYPES if name != "earshot.track.v1"}
    manifest = {"earshot.track.v1": _message("earshot.track.v1", "earshot.track.v1")}
    chunk = {"chunk": {"name": "chunk", "contentType": "application/octet-stream", "payload": {"type": "string"}}}
    single = {name: {name: _message(name, name)} for name in ("status", "health", "receipt", "command", "reply")}
    rows: tuple[tuple[str, str, dict[str, Any], dict[str, Any], str, str], ...] = (
        (
            "status",
            f"{box}/status",
            who,
            single["status"],
            "send",
            "Retained. Birth after every connect; the will says offline.",
        ),
        ("health", f"{box}/health", who, single["health"], "send", "Retained. What the box measures of itself."),
        ("event", f"{box}/event", who, events, "send", "Every durable fact; numbered by (series, seq) without a hole."),
        (
            "manifest",
            f"{box}/track/{{track}}",
            track,
            manifest,
            "send",
            "A finished track: what its file is. Also numbered.",
        ),
        (
            "chunk",
            f"{box}/track/{{track}}/{{n}}",
            {**track, "n": {"description": "Index of the chunk, from 0"}},
            chunk,
            "send",
            f"Bytes of the track's file, at most {wire.CHUNK_BYTES_MAX} each.",
        ),
        (
            "picture",
            f"{box}/picture/{{snapshot}}/{{n}}",
            {
                **who,
                "snapshot": {"description": "Id of the snapshot, 32 hex digits"},
                "n": {"description": "Index of the chunk, from 0"},
            },
            chunk,
            "send",
            f"Bytes of a snapshot's picture, at most {wire.CHUNK_BYTES_MAX} each; none where eye.privacy is index.",
        ),
        (
            "receipt",
            f"{box}/receipt",
            who,
            single["receipt"],
            "receive",
            "What the bridge has committed; only this lets a box forget.",
        ),
        ("command", f"{box}/command", who, single["command"], "receive", "A command to the box."),
        ("reply", f"{box}/reply", who, single["reply"], "send", "The outcome of a command."),
        (
            "bridgeState",
            wire.BRIDGE_STATE_TOPIC,
            {},
            {"bridgestate": _message("bridgestate", "bridgestate")},
            "receive",
            "Retained; the will says offline. Boxes hold their data unless a bridge is online.",
        ),
    )
    channels, operations = {}, {}
    for name, address, parameters, messages, action, text in rows:
        channels[name] = {
            "address": address,
            "description": text,
            "messages": messages,
            **({"parameters": parameters} if parameters else {}),
        }
        operations[name] = {
            "action": action,
            "channel": {"$ref": f"#/channels/{name}"},
            "bindings": {"mqtt": {"qos": 1, "retain": name in {"status", "health", "bridgeState"}}},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Earshot box",
            "version": f"{wire.VERSION}.0.0",
            "description": (
                "What a box says (send) and hears (receive) over MQTT. QoS 1 everywhere; every message may come twice "
                "and in any order; identical ids are the same thing. Events are CloudEvents 1.0, structured JSON mode."
            ),
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
    }


def render() -> dict[str, str]:
    """Path below docs/ → text of every generated file."""
    files = {f"schemas/{name}.json": json.dumps(schema, indent=2) + "\n" for name, schema in _schemas().items()}
    files["asyncapi.yaml"] = yaml.dump(_asyncapi(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)
    return files


def main() -> None:
    """Write all files; remove schemas that are no longer generated."""
    files = render()
    (DOCS / "schemas").mkdir(parents=True, exist_ok=True)
    for stale in (DOCS / "schemas").glob("*.json"):
        if f"schemas/{stale.name}" not in files:
            stale.unlink()
    for name, text in files.items():
        (DOCS / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
