"""Messages that cannot be used: kept with the reason, counted when they repeat, the newest of each box only."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from cloud_bridge.ingest.batch import Batch
from cloud_bridge.ingest.parse import PAYLOAD_KEPT_BYTES, Bad
from cloud_bridge.store import tables as t
from edge import wire

_TOPIC_MAX = 1000
_REASON_MAX = 1000


def write(batch: Batch) -> None:
    """Store what the batch refused and cut each owner's rows to the limit."""
    rows: dict[str, dict[str, Any]] = {}
    for bad in batch.outcome.bad:
        row = _row(bad, batch.now_ns)
        known = rows.setdefault(row["fingerprint"], row)
        if known is not row:
            known["times"] += 1
    for fingerprint in sorted(rows):
        batch.connection.execute(_upsert(batch, rows[fingerprint]))
    for owner in sorted({row["owner"] for row in rows.values()}):
        mine = t.quarantine.c.owner == owner
        kept = batch.limits.quarantine_rows
        if batch.connection.execute(select(func.count()).select_from(t.quarantine).where(mine)).scalar_one() > kept:
            order = (t.quarantine.c.last_ns.desc(), t.quarantine.c.id.desc())
            newest = select(t.quarantine.c.id).where(mine).order_by(*order).limit(kept)
            batch.connection.execute(delete(t.quarantine).where(mine, t.quarantine.c.id.not_in(newest)))


def _row(bad: Bad, now_ns: int) -> dict[str, Any]:
    message = bad.message
    topic = _clean(message.topic, _TOPIC_MAX)
    return {
        "topic": topic,
        "owner": _owner(message.topic),
        "kind": str(bad.kind),
        "reason": _clean(bad.reason, _REASON_MAX),
        "sha256": message.sha256,
        "payload": message.payload[:PAYLOAD_KEPT_BYTES],
        "payload_bytes": message.payload_bytes,
        "times": 1,
        "first_ns": now_ns,
        "last_ns": now_ns,
        "fingerprint": hashlib.sha256(f"{bad.kind}\n{message.sha256}\n{topic}".encode()).hexdigest(),
    }


def _upsert(batch: Batch, row: dict[str, Any]) -> Any:
    again = {
        "times": t.quarantine.c.times + row["times"],
        "last_ns": row["last_ns"],
        "reason": row["reason"],
    }
    key = [t.quarantine.c.fingerprint]
    if batch.connection.dialect.name == "postgresql":
        return postgresql.insert(t.quarantine).values(row).on_conflict_do_update(index_elements=key, set_=again)
    return sqlite.insert(t.quarantine).values(row).on_conflict_do_update(index_elements=key, set_=again)


def _owner(topic: str) -> str:
    try:
        parsed = wire.parse_topic(topic)
    except wire.WireError:
        return ""
    return f"{parsed.site}/{parsed.box}"


def _clean(text: str, limit: int) -> str:
    """Text that any database takes: no NUL, no half surrogates."""
    return text[:limit].replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
