"""The tables of the outbox, as ordered migrations. A released migration never changes; the next one is added below.

Within a format a migration only adds: tables, indices, columns that may be null or have a default. The release before
goes on with the outbox when an update goes back; it names the columns that it writes and passes over what it does not
know. Whatever it could not live with is another format, which it refuses to open: docs/UPDATE.md.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

FORMAT = 1
migrations = Migrations("outbox")


@migrations()
def m001_begin(db: Database) -> None:
    """First version.

    `identity` is whose outbox this is. `event` holds only what has no receipt. `track.state` is open, finished,
    delivered or lost; `track.place` orders tracks by the time of their press. `chunk` holds the chunks with a receipt.
    `press` and the ended tracks are kept, bounded, for the local page and for commands about them.
    """
    for statement in (
        "create table identity (site text not null, box text not null, series text not null)",
        "create table counter (name text primary key, value integer not null) without rowid",
        "create table note (key text primary key, value text not null) without rowid",
        """create table event (
            seq integer primary key, id text not null unique, topic text not null, payload blob not null,
            sha256 text not null, track text)""",
        """create table press (
            seq integer primary key, id text not null unique, data blob not null, bounces integer not null,
            delivered integer not null)""",
        """create table track (
            id text primary key, press text not null, place integer not null, state text not null, plan blob not null,
            stamp blob not null, path text, bytes integer not null, manifest blob) without rowid""",
        "create index track_by_state on track (state, place)",
        "create table chunk (track text not null, n integer not null, primary key (track, n)) without rowid",
        "create table request (n integer primary key, id text not null unique, press text, reply blob)",
        "create table shift (button text primary key, employee text) without rowid",
    ):
        db.execute(statement)


@migrations()
def m002_event_by_track(db: Database) -> None:
    """The manifest of a track is found without reading all events."""
    db.execute("create index event_by_track on event (track) where track is not null")


@migrations()
def m003_snapshot(db: Database) -> None:
    """Snapshots of presses, and pictures that are delivered as tracks are.

    `track.kind` is sound or picture; the manifest of a picture is a `Picture`. A snapshot is open until its event is
    recorded; `state`, `probability` and `smiled` are what it found. Those are kept, bounded, for the index of the day.
    """
    for statement in (
        "alter table track add column kind text not null default 'sound'",
        """create table snapshot (
            id text primary key, press text not null, place integer not null, made integer not null,
            stamp blob not null, button text not null, boot_id text not null, mono_ns integer not null,
            wall_ns integer not null, synced integer not null, simulated integer not null, state text,
            probability real, smiled integer) without rowid""",
        "create index snapshot_by_time on snapshot (made, wall_ns)",
        "create index snapshot_by_place on snapshot (place)",
    ):
        db.execute(statement)
