"""Tables of counts: served customers as tills report them, and how many presses fell into which half hour.

Counts are made from presses, shifts and sales, never the other way round: whoever changes one of those says so in
`tally_dirty` in the same transaction, and the next round of `cloud_bridge.store.tallies` counts that stretch anew. So
late, repeated and redated events lead to the same counts, and reports read thousands of rows instead of millions.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from cloud_bridge.store.tables import _RowId as RowId
from cloud_bridge.store.tables import metadata

_NAME = 63
SLOT_NS = 1800 * 1_000_000_000
"""Half an hour: the hours of nearly every time zone begin with one."""
SERVED = "served"
"""The trigger of rows that count served customers."""

sale = Table(
    "sale",
    metadata,
    # A receipt of a till: `id` is the till's own number, unique within the site.
    Column("site", String(_NAME), primary_key=True),
    Column("id", String(100), primary_key=True),
    # The box at whose counter it was printed, or the till's own name; the organisation says which counter that is.
    Column("box", String(_NAME), nullable=False),
    Column("employee", String(500)),
    Column("wall_ns", BigInteger, nullable=False),
    Column("voided", Boolean, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("received_ns", BigInteger, nullable=False),
    Index(None, "site", "box", "wall_ns"),
    Index(None, "site", "wall_ns", "id"),
)

sale_void = Table(
    "sale_void",
    metadata,
    # Receipts that were taken back before they were known here; they come in as voided.
    Column("site", String(_NAME), primary_key=True),
    Column("id", String(100), primary_key=True),
    Column("received_ns", BigInteger, nullable=False),
)

tally = Table(
    "tally",
    metadata,
    Column("site", String(_NAME), primary_key=True),
    Column("box", String(_NAME), primary_key=True),
    Column("slot_ns", BigInteger, primary_key=True),
    # Empty for served customers.
    Column("button", String(_NAME), primary_key=True),
    Column("trigger", String(_NAME), primary_key=True),
    # 0: none.
    Column("rating", Integer, primary_key=True),
    # The one who pressed or, for a client's press, the only one on shift at the box; empty: unknown.
    Column("employee", String(500), primary_key=True),
    Column("simulated", Boolean, primary_key=True),
    Column("count", BigInteger, nullable=False),
    # Of `count`: presses that were flagged as hammering.
    Column("misuse", BigInteger, nullable=False),
    # Of `count`: clients of whom the Smile-Index has a verdict, and those of them who smiled.
    Column("smile_verdicts", BigInteger, nullable=False, server_default="0"),
    Column("smiles", BigInteger, nullable=False, server_default="0"),
    Index(None, "slot_ns"),
)

tally_dirty = Table(
    "tally_dirty",
    metadata,
    # Rows are only added, so that a round that runs at the same time takes away none that it has not seen.
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("site", String(_NAME), nullable=False),
    Column("box", String(_NAME), nullable=False),
    Column("from_ns", BigInteger, nullable=False),
    Column("until_ns", BigInteger, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    # Which of several processes does the work that only one may do.
    Column("name", String(_NAME), primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until_ns", BigInteger, nullable=False),
)
