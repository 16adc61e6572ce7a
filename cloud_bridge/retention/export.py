"""All that is kept of a person, as a ZIP: `person.json`, and for a client the sound and pictures of their presses."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from sqlalchemy import Connection, Select, select

from cloud_bridge.blobs import Blobs
from cloud_bridge.retention import persons
from cloud_bridge.retention.belonging import tracks_of_press
from cloud_bridge.retention.classes import RetentionError
from cloud_bridge.retention.persons import PersonKind
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_case as tc
from cloud_bridge.store import tables_org as to
from cloud_bridge.store import tables_review as tr
from cloud_bridge.store import tables_tally as tt
from cloud_bridge.store.engine import Store
from cloud_bridge.store.rows import TrackState

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_export(store: Store, blobs: Blobs, kind: PersonKind, who: str, now_ns: int, file: IO[bytes]) -> int:
    """Write the ZIP; how many files it has. Raises `RetentionError` for nobody known, `BlobError`.

    Times are ISO 8601, UTC. Of an employee the sound is left out: it is also that of the clients.
    """
    subject = persons.normal(kind, who)
    with store.read() as connection:
        if not persons.is_known(connection, kind, subject):
            raise RetentionError("person", f"nobody is known as {subject[:60]!r}")
        about = {"person": subject, "kind": str(kind), "exported": _time(now_ns)}
        told = _client(connection, subject) if kind is PersonKind.CLIENT else _employee(connection, subject)
        files = list(_files(connection, told["presses"])) if kind is PersonKind.CLIENT else []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("person.json", json.dumps(about | told, ensure_ascii=False, indent=1))
        for name, key in files:
            with archive.open(name, "w") as entry:
                for piece in blobs.stream(key, 0, blobs.size_bytes(key)):
                    entry.write(piece)
    return 1 + len(files)


def _client(connection: Connection, subject: str) -> dict[str, Any]:
    cases = persons.cases_of_client(connection, subject)
    file, event, message = tc.case_file, tc.case_event, tc.case_message
    presses = select(tc.case_press.c.press).where(tc.case_press.c.case.in_(cases))
    return {
        "cases": _rows(connection, select(file).where(file.c.id.in_(cases)).order_by(file.c.id)),
        "contacts": _rows(connection, select(tc.case_contact).where(tc.case_contact.c.case.in_(cases))),
        "messages": _rows(connection, select(message).where(message.c.case.in_(cases)).order_by(message.c.id)),
        "history": _rows(connection, select(event).where(event.c.case.in_(cases)).order_by(event.c.id)),
        "presses": _rows(connection, _presses().where(tp.press.c.id.in_(presses))),
    }


def _employee(connection: Connection, name: str) -> dict[str, Any]:
    account = tp.user
    columns = (account.c.name, account.c.role, account.c.email, account.c.language, account.c.created_ns)
    found: dict[str, Any] = {
        "employee": _rows(connection, select(to.employee).where(to.employee.c.name == name)),
        "accounts": _rows(connection, select(*columns).where(account.c.employee == name)),
        "presses": _rows(connection, _presses().where(tp.press.c.employee == name)),
        "shifts": _rows(connection, _shifts().where(tp.shift.c.employee == name)),
        "receipts": _rows(connection, select(tt.sale).where(tt.sale.c.employee == name)),
        "counts": _rows(connection, select(tt.tally).where(tt.tally.c.employee == name)),
        "cases": _rows(connection, select(tc.case_file).where(tc.case_file.c.employee == name)),
        "questions": _rows(connection, select(tr.question).where(tr.question.c.employee == name)),
    }
    return found


def _presses() -> Select[Any]:
    press = tp.press
    columns = (press.c.site, press.c.box, press.c.button, press.c.trigger, press.c.rating, press.c.employee)
    more = (press.c.simulated, press.c.misuse, press.c.wall_ns, press.c.received_ns)
    return select(press.c.id, *columns, *more).order_by(press.c.wall_ns, press.c.id)


def _shifts() -> Select[Any]:
    shift = tp.shift
    return select(shift.c.site, shift.c.box, shift.c.button, shift.c.employee, shift.c.wall_ns).order_by(
        shift.c.wall_ns
    )


def _files(connection: Connection, presses: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """(name in the archive, key of the blob) of what is complete."""
    seen: set[str] = set()
    for press in presses:
        for track in tracks_of_press(connection, press["id"]):
            query = select(tp.track.c.kind, tp.track.c.state, tp.track.c.blob).where(tp.track.c.id == track)
            row = connection.execute(query).one()
            if row.state == TrackState.COMPLETE and row.blob and track not in seen:
                seen.add(track)
                yield f"{row.kind}/{row.blob.rsplit('/', 1)[-1]}", row.blob


def _rows(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    return [_plain(row) for row in connection.execute(query).mappings()]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Columns for people: times as ISO 8601 without the `_ns`, and nothing of the machinery."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if name.endswith("_ns"):
            found[name.removesuffix("_ns")] = None if value is None else _time(value)
        elif name == "data":
            found[name] = json.loads(value)
        elif not name.endswith("_no"):
            found[str(name)] = value
    return found


def _time(at_ns: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=at_ns // 1000)).isoformat(timespec="milliseconds")
    except OverflowError:
        # A box without a clock may claim any year.
        return str(at_ns)
