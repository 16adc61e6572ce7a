"""From a press to its event at an independent subscriber, and from the end of its window to the receipt."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from bench import bare
from bench.chain_run import running_chain
from bench.figure import Figure, percentile
from demo.broker import Broker, box_user
from demo.chain import Chain
from demo.observer import Observer
from edge.wire import topic

PRESSES = 30
# Two buttons in turn; closer would count as hammering, and such presses share a track.
SPACING_S = 1.5
AFTER_S = 1.0
TYPICAL_EVENT_BYTES = 620
SITE, BOX = "bench", "floor"


def run() -> list[Figure]:
    """Medians and 95th percentiles over 30 presses, one at a time; the floor on a broker of its own."""
    with tempfile.TemporaryDirectory() as folder:
        with running_chain(before_s=2, after_s=AFTER_S) as chain:
            event_ms, receipt_ms, track_bytes, answer_ms = _press(chain)
        broker = Broker(Path(folder) / "broker", [(SITE, BOX)])
        broker.start()
        try:
            client = bare.connect(broker, box_user(SITE, BOX))
            name = topic(SITE, BOX, "event")
            bare_ms = bare.latency_ms(broker, client, name, b"x" * TYPICAL_EVENT_BYTES, PRESSES)
            bare_track_ms = bare.latency_ms(broker, client, name, b"x" * track_bytes, PRESSES)
            bare.disconnect(client)
        finally:
            broker.stop()
    floor, floor_track = statistics.median(bare_ms), statistics.median(bare_track_ms)
    publish = f"bare publish of {TYPICAL_EVENT_BYTES} B to a subscriber"
    publish_track = f"bare publish of as many bytes ({track_bytes // 1000} kB)"
    return [
        Figure("latency", "press → event at a subscriber, p50", statistics.median(event_ms), "ms", publish, floor),
        Figure(
            "latency",
            "press → event at a subscriber, p95",
            percentile(event_ms, 0.95),
            "ms",
            publish,
            percentile(bare_ms, 0.95),
        ),
        Figure(
            "latency",
            "POST /press → durable answer with pre-roll, p50",
            statistics.median(answer_ms),
            "ms",
            publish,
            floor,
        ),
        Figure(
            "latency", "end of window → receipt, p50", statistics.median(receipt_ms), "ms", publish_track, floor_track
        ),
        Figure(
            "latency",
            "end of window → receipt, p95",
            percentile(receipt_ms, 0.95),
            "ms",
            publish_track,
            percentile(bare_track_ms, 0.95),
        ),
    ]


def _press(chain: Chain) -> tuple[list[float], list[float], int, list[float]]:
    observer = Observer(chain.broker)
    observer.start()
    time.sleep(3)
    answers_ms = []
    for n in range(PRESSES):
        begin_ns = time.monotonic_ns()
        chain.press("red" if n % 2 else "appeal", f"bench-{n}")
        answers_ms.append((time.monotonic_ns() - begin_ns) / 1e6)
        time.sleep(SPACING_S)
    deadline = time.monotonic() + bare.TIMEOUT_S

    def delivered() -> int:
        with observer.lock:
            return sum(journey.track_receipt_ns is not None for journey in observer.journeys.values())

    while delivered() < PRESSES:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{delivered()} of {PRESSES} tracks have a receipt")
        time.sleep(0.05)
    observer.stop()
    journeys = list(observer.journeys.values())
    return (
        [(j.event_ns - j.data.stamp.mono_ns) / 1e6 for j in journeys],
        [(j.track_receipt_ns - j.data.stamp.mono_ns) / 1e6 - AFTER_S * 1e3 for j in journeys if j.track_receipt_ns],
        round(statistics.median(j.manifest.bytes for j in journeys if j.manifest)),
        answers_ms,
    )
