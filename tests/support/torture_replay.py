"""What an undisturbed bridge makes of the same messages: each published once, in order, nothing killed."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from broker import Listener, box_user

from cloud_bridge.store import tallies
from cloud_bridge.store.engine import open_store
from demo.chain import BOX, SITE, Chain, Settings
from demo.ledger import Ledger
from edge.wire import BRIDGE_STATE_TOPIC, TrackData, chunk_topic, decode_event, manifest_topic, topic

# Accounts and the like are not evidence; `box`, `series` and these columns tell when something was heard.
_TABLES_LEFT_OUT = {
    *("box", "account", "web_session", "audit", "alembic_version", "change", "sqlite_sequence", "series"),
    *("lease", "tally_dirty", "alarm_site", "alarm_dirty"),
    # What a new database has from the start, and when it got it.
    *("checklist", "checklist_version"),
}
_COLUMNS_LEFT_OUT = {"received_ns", "change", "completed_ns", "first_ns", "last_ns"}
_TIMEOUT_S = 60.0


def undisturbed_copy(database: Path, blobs: Path, folder: Path, memory: Path) -> Chain:
    """A fresh bridge fed with all events and all sound of `database`; stopped, its files stay in `folder`."""
    chain = Chain(folder, memory, Settings(wav=None))
    chain.prepare()
    ledger = Ledger(database, blobs)
    payloads = event_payloads(database)
    try:
        chain.broker.start()
        chain.bridge.start()
        with Listener(chain.broker, box_user(SITE, BOX), (BRIDGE_STATE_TOPIC,)) as box:
            box.wait_for(lambda message: b"true" in message.payload, 30)
            for payload in payloads:
                data = decode_event(payload).data
                is_track = isinstance(data, TrackData)
                box.publish(manifest_topic(SITE, BOX, data.track) if is_track else topic(SITE, BOX, "event"), payload)
            for track in ledger.tracks().values():
                if track.manifest is None or track.file is None:
                    continue
                content = track.file.read_bytes()
                for n, start in enumerate(range(0, len(content), track.manifest.chunk_bytes)):
                    chunk = content[start : start + track.manifest.chunk_bytes]
                    box.publish(chunk_topic(SITE, BOX, track.id, n), chunk)
        _await_equal_size(chain, len(payloads), {key for key, track in ledger.tracks().items() if track.file})
    finally:
        chain.stop()
    return chain


def event_payloads(database: Path) -> list[bytes]:
    """The bytes of all events, in the order of their numbers."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT payload FROM event ORDER BY series, seq").fetchall()
    return [payload.encode() if isinstance(payload, str) else payload for (payload,) in rows]


def canonical(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """All evidence in a stopped bridge's database: table → sorted rows, without what tells only when it arrived."""
    _count_all(database)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        dump = {}
        for name in sorted(set(names) - _TABLES_LEFT_OUT):
            columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')]
            kept = ", ".join(f'"{column}"' for column in columns if column not in _COLUMNS_LEFT_OUT)
            dump[name] = sorted(connection.execute(f'SELECT {kept} FROM "{name}"').fetchall(), key=repr)
        return dump


def _count_all(database: Path) -> None:
    """Finish the counts that the bridge was stopped in."""
    store = open_store(f"sqlite:///{database}")
    try:
        while tallies.count_dirty(store):
            pass
    finally:
        store.close()


def differences(left: dict[str, list[tuple[object, ...]]], right: dict[str, list[tuple[object, ...]]]) -> list[str]:
    """A line for each table that differs, with the first row that only one of them has."""
    found = []
    for table in sorted(left.keys() | right.keys()):
        a, b = left.get(table, []), right.get(table, [])
        if a != b:
            only = [row for row in a if row not in b][:1] + [row for row in b if row not in a][:1]
            found.append(f"{table}: {len(a)} and {len(b)} rows; {str(only)[:2000]}")
    return found


def _await_equal_size(chain: Chain, events: int, tracks: set[str]) -> None:
    ledger = Ledger(chain.database, chain.blobs)
    deadline_s = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline_s:
        chain.bridge.require_running()
        complete = {key for key, track in ledger.tracks().items() if track.state == "complete"}
        if len(event_payloads(chain.database)) >= events and complete >= tracks:
            return
        time.sleep(0.1)
    raise TimeoutError(
        f"the undisturbed bridge did not take {events} events and {len(tracks)} tracks in {_TIMEOUT_S} s"
    )
