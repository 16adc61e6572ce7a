"""A company's year, written by SQL alone: as many presses as asked for, and what people have done with some of them.

Numbers follow from the number of a row, so two databases of one size hold the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from cloud_bridge.store.engine import Store

DAYS = 365
SITES, COUNTERS_A_SITE, PEOPLE_A_COUNTER = 50, 4, 3
BOXES = SITES * COUNTERS_A_SITE
END_NS = 1_790_000_000_000_000_000
BEGIN_NS = END_NS - DAYS * 86_400_000_000_000
_SLOT_NS = 1_800_000_000_000
_SLOTS_A_DAY_MAX = 24
_PRESSES_A_SLOT = 40_000
_AT_ONCE = 250_000
# A reserved word in PostgreSQL.
_USER = '"user"'


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is: presses, and of them those with sound."""

    presses: int
    tracks: int


def fill(store: Store, size: Size) -> None:
    """Write everything and bring the database's statistics up to date. The schema is migrated and empty of presses."""
    with store.write() as connection:
        words = _Words(is_postgres=store.is_postgres)
        _places(connection, words)
    for first in range(1, size.presses + 1, _AT_ONCE):
        with store.write() as connection:
            _presses(connection, words, size, first, min(first + _AT_ONCE - 1, size.presses))
    with store.write() as connection:
        _tracks(connection, words, size)
        _work(connection, words, size)
        _tallies(connection, words, size)
    with store.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")


@dataclass(frozen=True, slots=True)
class _Words:
    """What the two databases say differently."""

    is_postgres: bool

    def numbers(self, first: int, last: int) -> str:
        """A table `n` of one column `i`, both ends included."""
        if self.is_postgres:
            return f"(SELECT generate_series({first}::bigint, {last}::bigint) AS i) AS n"
        numbers = f"WITH RECURSIVE c(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM c WHERE i < {last})"
        return f"({numbers} SELECT i FROM c) AS n"

    def key(self, prefix: str, number: str) -> str:
        """An id of 32 hex digits that begins with one letter and ends with a number."""
        if self.is_postgres:
            return f"('{prefix}' || lpad(to_hex(({number})::bigint), 31, '0'))"
        return f"('{prefix}' || printf('%031x', {number}))"

    @property
    def yes(self) -> str:
        """True."""
        return "true" if self.is_postgres else "1"

    @property
    def no(self) -> str:
        """False."""
        return "false" if self.is_postgres else "0"


# A multiplier that spreads neighbours over all boxes; prime to every number of places here.
_SPREAD = 7919
_BOX = f"(i * {_SPREAD} % {BOXES})"
_SITE = f"'site-' || ({_BOX} / {COUNTERS_A_SITE} + 1)"
_NAME = f"'counter-' || ({_BOX} % {COUNTERS_A_SITE} + 1)"
_PERSON = f"'Person ' || ({_BOX} * {PEOPLE_A_COUNTER} + i % {PEOPLE_A_COUNTER} + 1)"
# Of 100 presses 80 are satisfied, 8 neither, 9 red, 3 appeals.
_OF = "(i % 100)"
_TRIGGER = f"CASE WHEN {_OF} < 88 THEN 'rating' WHEN {_OF} < 97 THEN 'incident' ELSE 'appeal' END"
_BUTTON = f"CASE WHEN {_OF} < 80 THEN 'green' WHEN {_OF} < 88 THEN 'yellow' WHEN {_OF} < 97 THEN 'red' ELSE 'staff' END"
_RATING = f"CASE WHEN {_OF} < 80 THEN 5 WHEN {_OF} < 88 THEN 3 WHEN {_OF} < 97 THEN 1 ELSE NULL END"


def _every(size: Size) -> int:
    """Each how manieth press has sound."""
    return max(1, size.presses // max(size.tracks, 1))


def _sql(connection: Connection, statement: str) -> None:
    # The bar between a literal per cent sign and the driver's own.
    connection.exec_driver_sql(statement.replace("%", "%%") if connection.dialect.name == "postgresql" else statement)


def _places(connection: Connection, words: _Words) -> None:
    sites = words.numbers(1, SITES)
    boxes = words.numbers(0, BOXES - 1)
    site = f"'site-' || (i / {COUNTERS_A_SITE} + 1)"
    name = f"'counter-' || (i % {COUNTERS_A_SITE} + 1)"
    _sql(
        connection,
        f"INSERT INTO site (name, title, time_zone) SELECT 'site-' || i, 'Store ' || i, 'Europe/Moscow' FROM {sites}",
    )
    _sql(
        connection,
        "INSERT INTO counter (site, name, title, retired)"
        f" SELECT {site}, {name}, 'Desk ' || i, {words.no} FROM {boxes}",
    )
    _sql(
        connection,
        f"INSERT INTO counter_source (site, box, button, counter) SELECT {site}, {name}, '', {name} FROM {boxes}",
    )
    _sql(
        connection,
        "INSERT INTO box (site, name, online, session, version, status_ns)"
        f" SELECT {site}, {name}, {words.yes}, 1, '1.0', {END_NS} FROM {boxes}",
    )
    people = words.numbers(1, BOXES * PEOPLE_A_COUNTER)
    at = f"'site-' || ((i - 1) / {COUNTERS_A_SITE * PEOPLE_A_COUNTER} + 1)"
    _sql(
        connection,
        "INSERT INTO employee (name, title, site, retired)"
        f" SELECT 'Person ' || i, 'Person ' || i, {at}, {words.no} FROM {people}",
    )


def _presses(connection: Connection, words: _Words, size: Size, first: int, last: int) -> None:
    numbers = words.numbers(first, last)
    step_ns = (END_NS - BEGIN_NS) // size.presses
    at_ns = f"({BEGIN_NS} + i * {step_ns})"
    key = words.key("a", "i")
    _sql(
        connection,
        "INSERT INTO event (id, site, box, series, seq, type, sha256, received_ns, payload)"
        f" SELECT {key}, {_SITE}, {_NAME}, {words.key('5', _BOX)}, i, 'earshot.press.v1', '', {at_ns}, '{{}}'"
        f" FROM {numbers}",
    )
    every = _every(size)
    track = f"CASE WHEN i % {every} = 0 AND i / {every} <= {size.tracks} THEN {words.key('b', 'i')} ELSE NULL END"
    _sql(
        connection,
        "INSERT INTO press (id, site, box, button, trigger, rating, employee, track, misuse, source, simulated,"
        " stamp_uncertainty_ms, boot_id, mono_ns, wall_ns, synced, repaired, uncertainty_ms, received_ns, change)"
        f" SELECT {key}, {_SITE}, {_NAME}, {_BUTTON}, {_TRIGGER}, {_RATING}, {_PERSON}, {track}, {words.no}, 'gpio',"
        f" {words.no}, 1.0, {words.key('6', _BOX)}, i, {at_ns}, {words.yes}, {words.no}, 1.0, {at_ns}, i"
        f" FROM {numbers}",
    )


def _tracks(connection: Connection, words: _Words, size: Size) -> None:
    del size
    _sql(
        connection,
        "INSERT INTO track (id, site, box, kind, state, press, trigger, partial, boot_id, mono_ns, wall_ns, synced,"
        " repaired, uncertainty_ms, bytes, chunks, completed_ns)"
        f" SELECT track, site, box, 'sound', 'complete', id, trigger, {words.no}, boot_id, mono_ns, wall_ns, synced,"
        " repaired, uncertainty_ms, 100000, 2, received_ns FROM press WHERE track IS NOT NULL",
    )


def _work(connection: Connection, words: _Words, size: Size) -> None:
    """Half of what has sound was reviewed by the first account; of that some has a check-list, some is a case."""
    # Which of those with sound it is.
    nth = f"(mono_ns / {_every(size)})"
    judged = f"FROM press WHERE track IS NOT NULL AND {nth} % 2 = 0"
    scored = f"{judged} AND {nth} % 5 <> 0"
    verdict = f"CASE {nth} % 3 WHEN 0 THEN 'true' WHEN 1 THEN 'check' ELSE 'false' END"
    cause = f"CASE {nth} % 3 WHEN 0 THEN 'slow_work' WHEN 1 THEN 'rude' ELSE 'mistake' END"
    sheet = words.key("c", "mono_ns")
    _sql(
        connection,
        f"INSERT INTO review (account, press, at_ns, spent_s) SELECT 1, id, received_ns, 8.0 {judged}",
    )
    _sql(
        connection,
        "INSERT INTO judgement (press, verdict, note, changed_by, changed_ns)"
        f" SELECT id, {verdict}, 'It was loud at the desk.', 'bench', received_ns {judged}",
    )
    _sql(
        connection,
        f"INSERT INTO sheet (id, checklist, version, press, turn, account, {_USER}, note, started_ns, changed_ns,"
        f" done_ns, failed_by) SELECT {sheet}, 'causes', 1, id, 1, 1, 'bench', '', received_ns, received_ns,"
        f" received_ns, '[]' {scored}",
    )
    _sql(
        connection,
        f"INSERT INTO sheet_answer (sheet, item, value, note) SELECT {sheet}, {cause}, 'yes', '' {scored}",
    )
    cases = max(1, size.tracks // 10)
    status = "CASE i % 4 WHEN 0 THEN 'new' WHEN 1 THEN 'work' WHEN 2 THEN 'waiting' ELSE 'closed' END"
    at_ns = f"({END_NS} - i * 1000000000)"
    closed = f"CASE i % 4 WHEN 3 THEN {at_ns} ELSE NULL END"
    measure = "CASE i % 4 WHEN 3 THEN 'A second till' END"
    _sql(
        connection,
        "INSERT INTO case_file (title, site, counter, simulated, status, limit_no, warn_before_s, warned_no,"
        " escalated_no, order_ns, cause, measure, opened_ns, opened_by, changed_ns, closed_ns)"
        f" SELECT 'A queue at the desk ' || i, {_SITE}, {_NAME}, {words.no}, {status}, 0, 7200, 0, 0, {at_ns},"
        f" CASE i % 4 WHEN 3 THEN 'slow_work' END, {measure}, {at_ns}, 'bench', {at_ns}, {closed}"
        f" FROM {words.numbers(1, cases)}",
    )
    lines = words.numbers(1, max(1, size.presses // 10))
    _sql(
        connection,
        f"INSERT INTO audit (at_ns, {_USER}, action, object, address)"
        f" SELECT {BEGIN_NS} + i * 1000000, 'bench', 'track.listen', {words.key('b', 'i')}, '192.0.2.1' FROM {lines}",
    )
    _sql(
        connection,
        "INSERT INTO sale (site, id, box, employee, wall_ns, voided, simulated, received_ns)"
        f" SELECT {_SITE}, 'r' || i, {_NAME}, {_PERSON}, {BEGIN_NS} + i * 1000000, {words.no}, {words.no}, {END_NS}"
        f" FROM {lines}",
    )


def _tallies(connection: Connection, words: _Words, size: Size) -> None:
    slot = f"(wall_ns - wall_ns % {_SLOT_NS})"
    groups = f"site, box, {slot}, button, trigger, COALESCE(rating, 0), COALESCE(employee, ''), simulated"
    _sql(
        connection,
        "INSERT INTO tally (site, box, slot_ns, button, trigger, rating, employee, simulated, count, misuse)"
        f" SELECT {groups}, COUNT(*), 0 FROM press GROUP BY {groups}",
    )
    # Up to twelve hours a day somebody is served at every counter, by everybody there in turn.
    slots = max(1, min(_SLOTS_A_DAY_MAX, size.presses // _PRESSES_A_SLOT))
    numbers = words.numbers(0, BOXES * DAYS * slots - 1)
    day = f"(i / {BOXES} / {slots})"
    half = f"(i / {BOXES} % {slots})"
    box = f"(i % {BOXES})"
    at_ns = f"({BEGIN_NS - BEGIN_NS % 86_400_000_000_000} + {day} * 86400000000000 + (18 + {half}) * {_SLOT_NS})"
    person = f"'Person ' || ({box} * {PEOPLE_A_COUNTER} + {half} % {PEOPLE_A_COUNTER} + 1)"
    _sql(
        connection,
        "INSERT INTO tally (site, box, slot_ns, button, trigger, rating, employee, simulated, count, misuse)"
        f" SELECT 'site-' || ({box} / {COUNTERS_A_SITE} + 1), 'counter-' || ({box} % {COUNTERS_A_SITE} + 1), {at_ns},"
        f" '', 'served', 0, {person}, {words.no}, 20, 0 FROM {numbers}",
    )
