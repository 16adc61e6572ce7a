"""What the bridge looks after by itself besides counting: limits of cases, what has been kept long enough."""

from __future__ import annotations

from cloud_bridge.blobs import Blobs
from cloud_bridge.cases import alerts
from cloud_bridge.jobs import Task
from cloud_bridge.retention import sweep
from cloud_bridge.store.engine import Store


def make_chores(store: Store, blobs: Blobs, url: str) -> tuple[Task, ...]:
    """The tasks; `url` is the bridge's address for links in messages, empty where it is not known."""
    words = alerts.load_words()
    return (
        Task("case limits", alerts.PERIOD_S, lambda now_ns: alerts.say_what_is_due(store, words, now_ns, url)),
        Task("retention", sweep.PERIOD_S, sweep.Sweep(store, blobs).work),
    )
