"""Every page and report over a company's year, beside the bare SQL that it asks; and what reports cost the ingest.

`python -m bench.workplace` fills PostgreSQL with 10 million presses and SQLite with a million (--postgres, --sqlite,
--tracks), takes an hour and 30 GB, and prints one JSON document; 0 leaves a database out.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from litestar.testing import TestClient
from sqlalchemy import event

from bench.figure import Figure, percentile, seconds
from bench.load import presses
from bench.workplace_rows import END_NS, Size, fill
from cloud_bridge.blobs import open_blobs
from cloud_bridge.ingest.batch import Limits
from cloud_bridge.ingest.commit import commit
from cloud_bridge.ingest.parse import incoming, parse
from cloud_bridge.store import migrate, org, users
from cloud_bridge.store.engine import Store, open_store
from cloud_bridge.store.org import Place
from cloud_bridge.store.users import Role
from cloud_bridge.web.app import create_app
from cloud_bridge.web.settings import WebSettings
from tests.support.postgres import running_postgres
from tests.support.web_world import log_in

AREA = "workplace"
PASSWORD = "a password of the bench"
ROUNDS_MIN, LONGEST_S = 3, 30.0
_BATCH, _BATCHES = 50, 20
_LAST = f"{END_NS - 10**9}.{'0' * 32}"
_MIDDLE = f"{END_NS - 180 * 86_400 * 10**9}.{'0' * 32}"
_END = datetime.fromtimestamp(END_NS // 10**9, UTC).date()
_MONTH = f"since={_END - timedelta(days=29)}&until={_END}"
_YEAR = f"since={_END - timedelta(days=364)}&until={_END}"
_ADMIN = {
    "nothing (one's account)": "/account",
    "presses": "/presses",
    "presses of half a year ago": f"/presses?cursor={_MIDDLE}",
    "presses of a box": "/presses?box=site-7/counter-2",
    "presses of a trigger": "/presses?trigger=appeal",
    "a press": "/presses/{press}",
    "review": "/review",
    "review, with sound": "/review?sound=1",
    "review, one employee": "/review?reviewed=all&employee=Person+77",
    "review, judged true": "/review?reviewed=all&verdict=true",
    "review, one press": "/review/items/{press}",
    "cases": "/cases",
    "cases, board": "/cases?view=board",
    "a case": "/cases/1",
    "alarms": "/alarms",
    "boxes": "/boxes",
    "organisation": "/organisation",
    "a site": "/organisation/site-7",
    "people": "/people",
    "audit": "/audit",
    "audit of a track": "/audit?about={track}",
    "loyalty by site, a month": f"/reports/loyalty?by=site&{_MONTH}",
    "loyalty by counter, a year": f"/reports/loyalty?by=counter&{_YEAR}",
    "loyalty by employee, a year": f"/reports/loyalty?by=employee&{_YEAR}",
    "loyalty of a site by day, a month": f"/reports/loyalty?by=day&place=site-7&{_MONTH}",
    "causes, a month": f"/reports/causes?{_MONTH}",
    "causes, a year": f"/reports/causes?{_YEAR}",
    "frequency, a month": f"/reports/frequency?{_MONTH}",
    "comments, a month": f"/reports/comments?{_MONTH}",
    "loyalty as XLSX, a month": f"/reports/loyalty/xlsx?by=counter&{_MONTH}",
    "API: presses": "/api/v1/presses?limit=500",
    "API: receipts": "/api/v1/receipts?site=site-7",
}
_BOUND = {
    Role.SITE_MANAGER: {"presses": "/presses", "alarms": "/alarms", "loyalty, a month": f"/reports/loyalty?{_MONTH}"},
    Role.OPERATOR: {"own work": "/mine", "presses": "/presses"},
}


@click.command()
@click.option("--postgres", default=10_000_000, show_default=True, help="Presses in PostgreSQL.")
@click.option("--sqlite", default=1_000_000, show_default=True, help="Presses in SQLite.")
@click.option("--tracks", default=100_000, show_default=True, help="Tracks in each.")
@click.option("--rounds", default=20, show_default=True, help="How often a page is asked for at most.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where SQLite's file is made [the temporary folder].")
def main(postgres: int, sqlite: int, tracks: int, rounds: int, folder: Path | None) -> None:
    """Measure both databases; one JSON document on standard output."""
    figures: list[Figure] = []
    if sqlite:
        place = Path(tempfile.mkdtemp(prefix="earshot-workplace-", dir=folder))
        try:
            figures += measure(f"sqlite:///{place / 'bridge.db'}", "SQLite", Size(sqlite, min(tracks, sqlite)), rounds)
        finally:
            shutil.rmtree(place)
    if postgres:
        with running_postgres(fsync=True) as server:
            figures += measure(server.create("workplace"), "PostgreSQL", Size(postgres, min(tracks, postgres)), rounds)
    json.dump([figure.as_dict() for figure in figures], sys.stdout, indent=1)
    sys.stdout.write("\n")


def measure(url: str, name: str, size: Size, rounds: int) -> list[Figure]:
    """Fill the database at `url` and measure every page, then the ingest with and without reports beside it."""
    store = open_store(url)
    try:
        migrate.upgrade(store)
        users.create_user(store, "bench", PASSWORD)
        for role in _BOUND:
            made = users.create_user(store, str(role), PASSWORD, role, employee="Person 73")
            with store.write() as connection:
                org.set_places(connection, made.id, (Place("site-7"),))
        filling_s = seconds(lambda: fill(store, size))
        click.echo(f"{name}: {size.presses:,} presses, {size.tracks:,} tracks in {filling_s:.0f} s", err=True)
        head = f"{name}, {size.presses:,} presses: "
        with store.read() as connection:
            query = "SELECT id, track FROM press WHERE track IS NOT NULL ORDER BY wall_ns DESC LIMIT 1"
            press, track = connection.exec_driver_sql(query).one()
        figures = []
        for role, pages in {None: _ADMIN, **_BOUND}.items():
            with _client(store, "bench" if role is None else str(role)) as client:
                who = "" if role is None else f"{str(role).replace('_', ' ')}: "
                for page, path in pages.items():
                    asked = path.format(press=press, track=track)
                    figures.append(_page(store, client, head + who + page, asked, rounds))
                    click.echo(f"{figures[-1].name}: {figures[-1].value:.0f} ms", err=True)
        return [*figures, _ingest(store, head)]
    finally:
        store.close()


@contextmanager
def _client(store: Store, name: str) -> Iterator[TestClient[Any]]:
    settings = WebSettings(secret="0123456789abcdef" * 3)
    app = create_app(store, open_blobs("memory://"), settings, lambda *_: None, now_ns=lambda: END_NS)
    with TestClient(app) as client:
        client.follow_redirects = False
        if log_in(client, name, PASSWORD).status_code != 303:
            raise RuntimeError(f"{name} cannot log in")
        yield client


def _page(store: Store, client: TestClient[Any], name: str, path: str, rounds: int) -> Figure:
    """The page's p95 beside that of its own SELECTs, asked again by the driver alone, taking turns."""
    asked: list[tuple[str, Any]] = []

    def remember(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            asked.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", remember)
    answer = client.get(path)
    event.remove(store.engine, "before_cursor_execute", remember)
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answered {answer.status_code}")
    pages, bare = [], []
    ending_s = time.monotonic() + LONGEST_S
    while len(pages) < rounds and (len(pages) < ROUNDS_MIN or time.monotonic() < ending_s):
        pages.append(seconds(lambda: client.get(path)))
        bare.append(_replay(store, asked))
    floor = f"its {len(asked)} SELECTs alone, p95"
    return Figure(AREA, name + ", p95", percentile(pages, 0.95) * 1e3, "ms", floor, percentile(bare, 0.95) * 1e3)


def _replay(store: Store, asked: list[tuple[str, Any]]) -> float:
    with store.read() as connection:
        driver = connection.connection.driver_connection
        cursor = driver.cursor() if driver is not None else None
        if cursor is None:
            raise RuntimeError("the database gave no connection")
        begin = time.perf_counter()
        for statement, parameters in asked:
            cursor.execute(statement, parameters)
            cursor.fetchall()
        taken = time.perf_counter() - begin
        cursor.close()
    return taken


def _ingest(store: Store, head: str) -> Figure:
    """Events a second while the heaviest report is asked for again and again, beside as many with nothing else."""
    alone = _rate(store)
    with _client(store, "bench") as client, _asking(lambda: client.get(_ADMIN["loyalty by employee, a year"])):
        beside = _rate(store)
    name = f"{head}ingest while the year's report is read all the time"
    return Figure(AREA, name, beside, "events/s", "with nobody reading", alone, more_is_better=True)


def _rate(store: Store) -> float:
    load = presses(10, _BATCH * _BATCHES // 10)
    items = [item for topic, payload in load.messages if (item := parse(incoming(topic, payload))) is not None]
    begin = time.perf_counter()
    for first in range(0, len(items), _BATCH):
        commit(store, items[first : first + _BATCH], END_NS, Limits())
    return len(items) / (time.perf_counter() - begin)


@contextmanager
def _asking(ask: Callable[[], object]) -> Iterator[None]:
    ending = threading.Event()

    def work() -> None:
        while not ending.is_set():
            ask()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))
    main()
