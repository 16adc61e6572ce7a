"""Tables of enrolment: codes that were shown, certificates that were signed. Times are Unix nanoseconds (`_ns`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from cloud_bridge.store.tables import metadata

_NAME = 63
_SHA256 = 64

enrol_code = Table(
    "enrol_code",
    metadata,
    # The part of the code that names it. Its secret part stands nowhere: it is derived anew by the key in the file.
    Column("id", String(5), primary_key=True),
    Column("site", String(_NAME), nullable=False),
    # Null: for one box of the site, whichever comes.
    Column("box", String(_NAME)),
    Column("made_ns", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("withdrawn_ns", BigInteger),
    # Set once: the key that used the code, and the certificate that it got.
    Column("used_ns", BigInteger),
    Column("key_sha256", String(_SHA256)),
    Column("serial", String(40)),
    Index(None, "made_ns"),
)

certificate = Table(
    "certificate",
    metadata,
    # Lower-case hex of the X.509 serial number.
    Column("serial", String(40), primary_key=True),
    Column("site", String(_NAME), nullable=False),
    Column("box", String(_NAME), nullable=False),
    Column("key_sha256", String(_SHA256), nullable=False),
    Column("pem", Text, nullable=False),
    Column("hardware", Text, nullable=False),
    Column("software", Text, nullable=False),
    # A code's id, or "renewal".
    Column("granted_by", String(16), nullable=False),
    Column("issued_ns", BigInteger, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("revoked_ns", BigInteger),
    Column("revoked_why", Text),
    Index(None, "site", "box", "issued_ns"),
)
