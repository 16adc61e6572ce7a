"""Bridge workers on a private broker and a fresh database, for the areas that load the bridge."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.load import GENERATOR, SITE
from demo.broker import BRIDGE_USER, Broker, box_user
from demo.chain import earshot_command, toml
from demo.processes import Child

START_TIMEOUT_S = 60.0
SUBSCRIBE_S = 1.0


@contextmanager
def private_broker() -> Iterator[tuple[Broker, Path]]:
    """A broker on which one account may speak for every box, and a folder; both gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="earshot-bench-"))
    broker = Broker(folder / "broker", [(SITE, GENERATOR)])
    with (folder / "broker" / "acl").open("a") as rules:
        rules.write(f"\nuser {box_user(SITE, GENERATOR)}\ntopic readwrite earshot/1/#\n")
    with (folder / "broker" / "mosquitto.conf").open("a") as settings:
        # The generator outruns every reader; what is queued must not be thrown away by the broker.
        settings.write("max_queued_messages 0\nmax_inflight_messages 0\n")
    try:
        broker.start()
        yield broker, folder
    finally:
        broker.stop()
        shutil.rmtree(folder)


@contextmanager
def running_workers(broker: Broker, folder: Path, database_url: str, count: int) -> Iterator[list[Child]]:
    """`count` ingest workers that share the subscription; returned when all are connected."""
    workers = []
    config = folder / f"bridge-{time.monotonic_ns()}.toml"
    account = {"user": BRIDGE_USER, "password": broker.accounts[BRIDGE_USER]}
    tree = {
        "broker": {"host": broker.host, "port": broker.port, "tls": False, **account},
        "database": {"url": database_url},
        "blobs": {"url": f"file://{folder / 'blobs'}"},
        "web": {"secret_file": str(folder / "secret")},
    }
    (folder / "blobs").mkdir(exist_ok=True)
    config.write_text(toml(tree), "utf-8")
    command = earshot_command()
    subprocess.run([command, "bridge", "migrate", "--config", config], check=True, capture_output=True)
    try:
        for n in range(count):
            worker = Child(f"worker-{n}", [command, "bridge", "ingest", "--config", config], folder / f"worker-{n}.log")
            worker.start()
            workers.append(worker)
        _await_connected(folder / "broker" / "mosquitto.log", workers)
        yield workers
    finally:
        for worker in workers:
            worker.stop()


def _await_connected(broker_log: Path, workers: list[Child]) -> None:
    """What is published before the last worker has subscribed would reach nobody."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while broker_log.read_text("utf-8", "replace").count("as earshot-bridge-") < len(workers):
        for worker in workers:
            worker.require_running()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(workers)} workers did not connect within {START_TIMEOUT_S} s")
        time.sleep(0.1)
    time.sleep(SUBSCRIBE_S)
