"""The table of tokens, by which programs use the API."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table, Text, UniqueConstraint

from cloud_bridge.store.tables import _RowId as RowId
from cloud_bridge.store.tables import metadata

_SHA256 = 64

api_token = Table(
    "api_token",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    # SHA-256 of the token: reading the table gives nobody access.
    Column("key", String(_SHA256), nullable=False),
    Column("name", String(100), nullable=False),
    # Separated by spaces.
    Column("scopes", Text, nullable=False),
    # JSON of [site, counter] pairs; an empty list: everywhere.
    Column("places", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger),
    Column("revoked_ns", BigInteger),
    UniqueConstraint("key"),
)
