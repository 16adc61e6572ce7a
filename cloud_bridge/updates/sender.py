"""Sends offers to boxes that are there, until each has answered by a report."""

from __future__ import annotations

from collections.abc import Callable

from cloud_bridge.store.engine import Store
from cloud_bridge.updates.offers import to_send
from edge import wire

PERIOD_S = 5.0
# A command that nobody took is lost; the box knows a repeated one by its id.
_AGAIN_NS = 60 * 1_000_000_000
_LIMIT = 50


def send_offers(store: Store, publish: Callable[[str, bytes], None], now_ns: int) -> bool:
    """One round; returns whether more wait."""
    found = to_send(store, now_ns, _AGAIN_NS, _LIMIT)
    for offer in found:
        command = wire.Update(
            id=offer.id,
            version=offer.version,
            url=offer.url,
            bytes=offer.bytes,
            sha256=offer.sha256,
            force=offer.forced,
        )
        publish(wire.topic(offer.site, offer.box, "command"), wire.encode(command))
    return len(found) == _LIMIT
