"""Receipts to boxes: what is committed, grouped by box into messages of bounded size."""

from __future__ import annotations

from collections.abc import Sequence

from cloud_bridge.ingest.batch import Owned
from edge import wire

ENTRIES_MAX = 400
"""Entries a message: about 150 bytes each, so that a message stays well below `JSON_BYTES_MAX`."""


def messages(received: Sequence[Owned], resend: Sequence[Owned] = ()) -> list[tuple[str, bytes]]:
    """(topic, payload) of the receipts for a committed batch; each thing once, boxes in order of name."""
    done = _by_box(received)
    again = _by_box(resend)
    found = []
    for site, box in sorted(done | again):
        topic = wire.topic(site, box, "receipt")
        entries = done.get((site, box), [])
        found += [(topic, wire.encode(wire.Receipt(received=part))) for part in _parts(entries)]
        found += [(topic, wire.encode(wire.Receipt(resend=part))) for part in _parts(again.get((site, box), []))]
    return found


def _by_box(things: Sequence[Owned]) -> dict[tuple[str, str], list[wire.Received]]:
    boxes: dict[tuple[str, str], dict[wire.Received, None]] = {}
    for thing in things:
        boxes.setdefault((thing.site, thing.box), {})[thing.what] = None
    return {key: list(entries) for key, entries in boxes.items()}


def _parts(entries: list[wire.Received]) -> list[tuple[wire.Received, ...]]:
    return [tuple(entries[start : start + ENTRIES_MAX]) for start in range(0, len(entries), ENTRIES_MAX)]
