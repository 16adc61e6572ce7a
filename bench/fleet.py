"""What 1 000 and 10 000 boxes cost one ingest worker, beside the same messages from a single box."""

from __future__ import annotations

import time
from pathlib import Path

from bench.figure import Figure, seconds
from bench.idle import cpu_s, rss_bytes
from bench.load import Generator, health, presses
from bench.workers import private_broker, running_workers
from cloud_bridge.store import queries
from cloud_bridge.store.engine import open_store

FLEETS = (1_000, 10_000)
HEALTH_PERIOD_S = 30
TIMEOUT_S = 300.0


def run() -> list[Figure]:
    """CPU a message, memory, database bytes a box, and the page that lists all boxes."""
    figures = []
    for boxes in FLEETS:
        with private_broker() as (broker, folder):
            database = folder / "bridge.db"
            with running_workers(broker, folder, f"sqlite:///{database}", 1) as (worker,):
                pid = worker.pid or 0
                generator = Generator(broker)
                single = presses(1, boxes)
                begin = cpu_s(pid)
                generator.send(single)
                single_cpu = cpu_s(pid) - begin
                size = _size(database)
                begin = cpu_s(pid)
                generator.send(presses(boxes, 1))
                fleet_cpu = cpu_s(pid) - begin
                begin = cpu_s(pid)
                _send_health(generator, boxes, f"sqlite:///{database}")
                health_cpu = cpu_s(pid) - begin
                per_box = (_size(database) - size) / boxes
                memory = rss_bytes(pid)
                generator.close()
            list_s, count_s = _list_boxes(f"sqlite:///{database}")
        name = f"{boxes:,} boxes: "
        figures += [
            Figure(
                "fleet",
                name + "CPU of one event from each",
                fleet_cpu / boxes * 1e6,
                "µs each",
                "as many from one box",
                single_cpu / boxes * 1e6,
            ),
            Figure("fleet", name + "share of a core for health every 30 s", health_cpu / HEALTH_PERIOD_S * 100, "%"),
            Figure("fleet", name + "RSS of the worker", memory / 1e6, "MB"),
            Figure("fleet", name + "database a box (1 press, status, health)", per_box, "B"),
            Figure(
                "fleet", name + "list of all boxes", list_s * 1e3, "ms", "bare SELECT of the same rows", count_s * 1e3
            ),
        ]
    return figures


def _size(database: Path) -> int:
    return sum(path.stat().st_size for path in database.parent.glob(f"{database.name}*"))


def _send_health(generator: Generator, boxes: int, url: str) -> None:
    for topic, payload in health(boxes):
        generator.client.publish(topic, payload, 1)
    deadline = time.monotonic() + TIMEOUT_S
    store = open_store(url)
    try:
        while True:
            known = sum(row.health is not None for row in queries.boxes(store))
            if known >= boxes:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{known} of {boxes} health messages were stored")
            time.sleep(0.5)
    finally:
        store.close()


def _list_boxes(url: str) -> tuple[float, float]:
    store = open_store(url)
    try:
        ours = seconds(lambda: queries.boxes(store), 5)
        with store.read() as connection:
            floor = seconds(lambda: connection.exec_driver_sql("SELECT * FROM box").fetchall(), 5)
        return ours, floor
    finally:
        store.close()
