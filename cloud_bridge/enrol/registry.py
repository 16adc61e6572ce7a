"""Codes and certificates as rows. Every function works in the transaction that it is given."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from sqlalchemy import Connection, RowMapping, Select, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cloud_bridge.enrol.authority import Revoked
from cloud_bridge.store import tables as t
from cloud_bridge.store.tables_enrol import certificate, enrol_code

_ROWS_MAX = 500


class CodeState(StrEnum):
    """What has become of a code."""

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class CodeRow(Struct, frozen=True, kw_only=True):
    """A code without its secret part. `box` None: for one box of the site, whichever comes."""

    id: str
    site: str
    box: str | None
    made_ns: int
    made_by: str
    expires_ns: int
    withdrawn_ns: int | None
    used_ns: int | None
    key_sha256: str | None
    serial: str | None

    def state(self, now_ns: int) -> CodeState:
        """Its state at Unix time `now_ns`."""
        if self.used_ns is not None:
            return CodeState.USED
        if self.withdrawn_ns is not None:
            return CodeState.WITHDRAWN
        return CodeState.OPEN if now_ns < self.expires_ns else CodeState.EXPIRED


class CertificateRow(Struct, frozen=True, kw_only=True):
    """A certificate that was signed."""

    serial: str
    site: str
    box: str
    key_sha256: str
    pem: str
    hardware: str
    software: str
    granted_by: str
    issued_ns: int
    expires_ns: int
    revoked_ns: int | None
    revoked_why: str | None


def add_code(connection: Connection, row: CodeRow) -> None:
    """Insert a code; raises `IntegrityError` where its id is taken."""
    connection.execute(insert(enrol_code).values(_values(row)))


def code(connection: Connection, code_id: str, *, lock: bool = False) -> CodeRow | None:
    """A code; `lock`: nobody else uses it before this transaction ends (SQLite's writers are alone anyway)."""
    query = select(enrol_code).where(enrol_code.c.id == code_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    return None if row is None else CodeRow(**row)


def codes(connection: Connection) -> tuple[CodeRow, ...]:
    """The newest codes first."""
    query = select(enrol_code).order_by(enrol_code.c.made_ns.desc(), enrol_code.c.id).limit(_ROWS_MAX)
    return tuple(CodeRow(**row) for row in connection.execute(query).mappings())


def use_code(connection: Connection, code_id: str, now_ns: int, key_sha256: str, serial: str) -> None:
    """The code is this key's from now on."""
    values = {"used_ns": now_ns, "key_sha256": key_sha256, "serial": serial}
    connection.execute(update(enrol_code).where(enrol_code.c.id == code_id).values(values))


def withdraw_code(connection: Connection, code_id: str, now_ns: int) -> bool:
    """Make an unused code worthless; False where there is none."""
    still = (enrol_code.c.id == code_id) & enrol_code.c.used_ns.is_(None) & enrol_code.c.withdrawn_ns.is_(None)
    return bool(connection.execute(update(enrol_code).where(still).values(withdrawn_ns=now_ns)).rowcount)


def enter_box(connection: Connection, site: str, box: str) -> None:
    """Make the box known where it is not, and keep other enrolments under its name out until the transaction ends."""
    fresh = {"site": site, "name": box, "online": False, "session": 0, "version": ""}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    # Somebody else who enters it now is waited for; then the row is there to be locked.
    connection.execute(dialect.insert(t.box).values(fresh).on_conflict_do_nothing())
    here = (t.box.c.site == site) & (t.box.c.name == box)
    connection.execute(select(t.box.c.name).where(here).with_for_update()).one()


def add_certificate(connection: Connection, row: CertificateRow) -> None:
    """Insert a certificate."""
    connection.execute(insert(certificate).values(_values(row)))


def certificate_by_serial(connection: Connection, serial: str) -> CertificateRow | None:
    """A certificate that we signed, or None."""
    row = connection.execute(select(certificate).where(certificate.c.serial == serial)).mappings().one_or_none()
    return None if row is None else _certificate(row)


def valid_certificates(connection: Connection, site: str, box: str, now_ns: int) -> tuple[CertificateRow, ...]:
    """Those of a box that are neither revoked nor over, newest first."""
    query = _newest_first().where(
        certificate.c.site == site,
        certificate.c.box == box,
        certificate.c.revoked_ns.is_(None),
        certificate.c.expires_ns > now_ns,
    )
    return tuple(_certificate(row) for row in connection.execute(query).mappings())


def certificates(connection: Connection) -> tuple[CertificateRow, ...]:
    """The newest certificate of each box, by name."""
    latest: dict[tuple[str, str], CertificateRow] = {}
    for row in connection.execute(_newest_first()).mappings():
        latest.setdefault((row["site"], row["box"]), _certificate(row))
    return tuple(latest[name] for name in sorted(latest))


def revoke(connection: Connection, site: str, box: str, now_ns: int, why: str, *, but_key: str = "") -> int:
    """Revoke all certificates of a box, but for those of the key `but_key`; returns how many."""
    these = (
        (certificate.c.site == site)
        & (certificate.c.box == box)
        & certificate.c.revoked_ns.is_(None)
        & (certificate.c.expires_ns > now_ns)
        & (certificate.c.key_sha256 != but_key)
    )
    return connection.execute(update(certificate).where(these).values(revoked_ns=now_ns, revoked_why=why)).rowcount


def revoked(connection: Connection) -> tuple[Revoked, ...]:
    """What belongs on the revocation list, in an order that does not change."""
    query = (
        select(certificate.c.serial, certificate.c.revoked_ns)
        .where(certificate.c.revoked_ns.is_not(None))
        .order_by(certificate.c.serial)
    )
    return tuple(Revoked(serial, revoked_ns) for serial, revoked_ns in connection.execute(query))


def _newest_first() -> Select[tuple[object, ...]]:
    return select(certificate).order_by(
        certificate.c.issued_ns.desc(), certificate.c.revoked_ns.is_not(None), certificate.c.serial
    )


def _certificate(row: RowMapping) -> CertificateRow:
    return CertificateRow(**row)


def _values(row: Struct) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__struct_fields__}
