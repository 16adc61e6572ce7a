"""Which numbers of a box's events have come, as ranges, so that a hole is seen without looking at the events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select

from cloud_bridge.ingest.batch import Batch, parts
from cloud_bridge.ingest.parse import EventItem
from cloud_bridge.store import tables as t

Key = tuple[str, str, str]
Range = tuple[int, int]

_NAMES = ("site", "box", "series")


def write(batch: Batch, fresh: Sequence[EventItem]) -> None:
    """Add the numbers of new events. Holds the lock of each numbering, so no other worker's ranges are overlooked."""
    numbers: dict[Key, set[int]] = {}
    for item in fresh:
        event = item.event
        numbers.setdefault((event.site, event.box, event.series), set()).add(event.seq)
    batch.lock(t.series, [dict(zip(_NAMES, key, strict=True)) for key in numbers], _NAMES)
    for keys in parts(sorted(numbers)):
        known = _ranges_near(batch, {key: numbers[key] for key in keys})
        gone: list[ColumnElement[bool]] = []
        rows = []
        for key in keys:
            old = known.get(key, [])
            new = merged([*old, *((seq, seq) for seq in numbers[key])])
            gone += [and_(_of(key), t.seq_range.c.first == first) for first, last in old if (first, last) not in new]
            rows += [
                {**dict(zip(_NAMES, key, strict=True)), "first": first, "last": last}
                for first, last in new
                if (first, last) not in old
            ]
        for some in parts(gone):
            batch.connection.execute(delete(t.seq_range).where(or_(*some)))
        if rows:
            batch.connection.execute(insert(t.seq_range), rows)


def merged(ranges: Iterable[Range]) -> list[Range]:
    """The same numbers in as few ranges as possible, in order."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _ranges_near(batch: Batch, numbers: dict[Key, set[int]]) -> dict[Key, list[Range]]:
    """The ranges that the numbers may touch."""
    near = [
        and_(_of(key), t.seq_range.c.last >= min(seqs) - 1, t.seq_range.c.first <= max(seqs) + 1)
        for key, seqs in numbers.items()
    ]
    found: dict[Key, list[Range]] = {}
    for row in batch.connection.execute(select(t.seq_range).where(or_(*near))).mappings():
        found.setdefault((row["site"], row["box"], row["series"]), []).append((row["first"], row["last"]))
    return found


def _of(key: Key) -> ColumnElement[bool]:
    return and_(*(t.seq_range.c[name] == value for name, value in zip(_NAMES, key, strict=True)))
