"""What the bridge looks after by itself: limits of cases, what was kept long enough, who asked to be removed."""

from __future__ import annotations

from cloud_bridge.blobs import Blobs
from cloud_bridge.cases import alerts
from cloud_bridge.jobs import Task
from cloud_bridge.retention import sweep, work
from cloud_bridge.store.engine import Store


def make_chores(store: Store, blobs: Blobs, url: str) -> tuple[Task, ...]:
    """The tasks; `url` is the bridge's address for links in messages, empty where it is not known."""
    words = alerts.load_words()
    return (
        Task("case limits", alerts.PERIOD_S, lambda now_ns: alerts.say_what_is_due(store, words, now_ns, url)),
        Task("retention", sweep.PERIOD_S, sweep.Sweep(store, blobs).work),
        Task("persons", work.PERIOD_S, lambda now_ns: work.remove_persons(store, blobs, now_ns)),
        Task("late persons", work.LATE_PERIOD_S, lambda _now_ns: work.look_for_late(store)),
    )
