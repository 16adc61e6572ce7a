"""Counters of the bridge for Prometheus, in a registry of their own; `render` is what /metrics answers."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """All counters of one process. Thread-safe."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = Counter("earshot_messages", "MQTT messages taken in.", registry=self.registry)
        self.payload_bytes = Counter("earshot_payload_bytes", "Payload bytes taken in.", registry=self.registry)
        self.events = Counter("earshot_events", "Events stored for the first time.", registry=self.registry)
        self.chunks = Counter("earshot_chunks", "Chunks stored.", registry=self.registry)
        self.tracks = Counter("earshot_tracks", "Tracks completed.", registry=self.registry)
        self.quarantined = Counter(
            "earshot_quarantined", "Messages that could not be used.", ["kind"], registry=self.registry
        )
        self.receipts = Counter("earshot_receipts", "Receipt messages published.", registry=self.registry)
        self.retries = Counter("earshot_retries", "Failures that were tried again.", ["what"], registry=self.registry)
        self.batch_messages = Histogram(
            "earshot_batch_messages",
            "Messages a transaction.",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
            registry=self.registry,
        )
        self.commit_seconds = Histogram(
            "earshot_commit_seconds", "Duration of a batch's transaction.", registry=self.registry
        )
        self.assemble_seconds = Histogram(
            "earshot_assemble_seconds", "Duration of completing a track.", registry=self.registry
        )
        self.waiting_tracks = Gauge(
            "earshot_waiting_tracks", "Tracks whose sound is there but not yet stored.", registry=self.registry
        )
        self.connected = Gauge("earshot_broker_connected", "1 while connected to the broker.", registry=self.registry)
        self.online = Gauge("earshot_online", "1 while boxes are told to send.", registry=self.registry)

    def render(self) -> bytes:
        """The text format."""
        return generate_latest(self.registry)
