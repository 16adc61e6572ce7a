"""How fast a box empties its outbox, beside bare paho sending the same bytes over the same broker."""

from __future__ import annotations

import threading
import time

from paho.mqtt.client import Client, MQTTMessage

from bench import bare
from bench.chain_run import prepared_chain
from bench.figure import Figure
from demo.broker import BRIDGE_USER, box_user
from demo.chain import BOX, SITE, Chain
from edge.wire import (
    BRIDGE_STATE_TOPIC,
    CHUNK_BYTES_MAX,
    BridgeState,
    Receipt,
    Received,
    TrackData,
    decode_event,
    encode,
    parse_topic,
    sha256,
    topic,
)

PRESSES = 30
SPACING_S = 1.5  # two buttons in turn; closer would count as hammering
BEFORE_S, AFTER_S = 20.0, 1.0


class _ReceiptGiver:
    """The cheapest honest bridge: it hashes what comes, receipts it, and throws it away."""

    def __init__(self, chain: Chain) -> None:
        self.tracks = 0
        self.bytes = 0
        self.first_ns = 0
        self.last_ns = 0
        self.done = threading.Event()
        self._manifests: dict[str, TrackData] = {}
        self._chunks: dict[str, set[int]] = {}
        self._client = bare.connect(chain.broker, BRIDGE_USER)
        self._client.on_message = self._on_message
        base = f"earshot/1/{SITE}/{BOX}"
        self._client.subscribe([(f"{base}/event", 1), (f"{base}/track/#", 1)])
        self.online(up=True)

    def online(self, *, up: bool) -> None:
        state = encode(BridgeState(online=up, worker="bench"))
        self._client.publish(BRIDGE_STATE_TOPIC, state, 1, retain=True).wait_for_publish(10)

    def _on_message(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        parsed = parse_topic(message.topic)
        digest = sha256(message.payload)
        received = []
        if parsed.channel == "chunk" and parsed.track is not None and parsed.n is not None:
            self.first_ns = self.first_ns or time.monotonic_ns()
            self.bytes += len(message.payload)
            self._chunks.setdefault(parsed.track, set()).add(parsed.n)
            received.append(Received(kind="chunk", id=parsed.track, sha256=digest, n=parsed.n))
        else:
            event = decode_event(message.payload)
            received.append(Received(kind="event", id=event.id, sha256=digest))
            if isinstance(event.data, TrackData):
                self._manifests[event.data.track] = event.data
        manifest = self._manifests.get(parsed.track or "")
        if manifest and len(self._chunks.get(manifest.track, ())) == len(manifest.chunk_sha256):
            received.append(Received(kind="track", id=manifest.track, sha256=manifest.sha256))
            del self._manifests[manifest.track]
            self.tracks += 1
            self.last_ns = time.monotonic_ns()
        client.publish(topic(SITE, BOX, "receipt"), encode(Receipt(received=tuple(received))), 1)
        if self.tracks == PRESSES:
            self.done.set()


def run() -> list[Figure]:
    """MB/s of track bytes, receipts included."""
    with prepared_chain(before_s=BEFORE_S, after_s=AFTER_S, codec="wav") as chain:
        chain.broker.start()
        chain.ear.start()
        chain.box.start()
        chain.wait_for(lambda: bool(chain.state()), "the box answers", chain.box)
        time.sleep(BEFORE_S + 1)
        for n in range(PRESSES):
            chain.press("red" if n % 2 else "appeal", f"bench-{n}")
            time.sleep(SPACING_S)
        time.sleep(AFTER_S + 2)
        bridge = _ReceiptGiver(chain)
        if not bridge.done.wait(bare.TIMEOUT_S):
            raise TimeoutError(f"{bridge.tracks} of {PRESSES} tracks came")
        ours = bridge.bytes / 1e6 / ((bridge.last_ns - bridge.first_ns) / 1e9)
        bridge.online(up=False)
        chain.box.stop()
        client = bare.connect(chain.broker, box_user(SITE, BOX))
        name = topic(SITE, BOX, "reply")
        count = bridge.bytes // CHUNK_BYTES_MAX
        floor_s = bare.transfer_s(chain.broker, client, [(name, b"x" * CHUNK_BYTES_MAX)] * count, [name])
        bare.disconnect(client)
    floor = count * CHUNK_BYTES_MAX / 1e6 / floor_s
    name = f"{PRESSES} waiting WAV tracks ({bridge.bytes / 1e6:.0f} MB) → receipts"
    return [Figure("uplink", name, ours, "MB/s", "bare paho, same bytes, same broker", floor, more_is_better=True)]
