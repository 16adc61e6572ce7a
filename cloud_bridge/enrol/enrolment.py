"""Codes are made, boxes enrol and renew, identities are revoked: what the pages, the API and the commands call.

`now_ns` is Unix time. What is refused raises `EnrolError`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from cloud_bridge.config import Config, ConfigError
from cloud_bridge.enrol import registry
from cloud_bridge.enrol.authority import COMMON_NAME_MAX, Authority, EnrolError
from cloud_bridge.enrol.registry import CertificateRow, CodeRow, CodeState
from cloud_bridge.store.engine import Store
from edge import wire
from edge.wire import enrol as protocol

_NS = 1_000_000_000
_DAY_NS = 86_400 * _NS
# A box that repeats its renewal, for an answer was lost, is given what it was given.
_SAME_ANSWER_NS = _DAY_NS
_ATTEMPTS = 20


class Told(Struct, frozen=True):
    """What boxes are told, and how long things last; PEM files are read at each grant, so that they may change."""

    broker_host: str
    broker_port: int
    broker_ca_file: str
    bridge_ca_file: str
    code_ns: int
    certificate_days: int
    late_days: int

    @classmethod
    def from_config(cls, config: Config) -> Told:
        """The settings of `[enrol]`, with the bridge's own broker where that names none."""
        enrol = config.enrol
        return cls(
            broker_host=enrol.broker_host or config.broker.host,
            broker_port=enrol.broker_port or config.broker.port,
            broker_ca_file=enrol.broker_ca_file or config.broker.ca_file,
            bridge_ca_file=enrol.bridge_ca_file,
            code_ns=enrol.code_hours * 3600 * _NS,
            certificate_days=enrol.certificate_days,
            late_days=enrol.late_days,
        )


class Enrolment:
    """The authority at work on a migrated store. Thread-safe; any number of processes may share folder and database."""

    def __init__(self, store: Store, authority: Authority, told: Told) -> None:
        self._store = store
        self.authority = authority
        self._told = told

    def make_code(self, site: str, box: str | None, by: str, now_ns: int) -> tuple[protocol.Code, CodeRow]:
        """A new code for a box, or for any one box of the site. This is the only time that its text is known.

        Raises `EnrolError` for names that can't stand in a topic or a certificate.
        """
        try:
            wire.parse_topic(wire.topic(site, box or "any", "status"))
        except wire.WireError as error:
            raise EnrolError(f"site {site!r} or box {box!r} cannot stand in a topic: {error}") from error
        if len(f"{site}/{box or '-'}") > COMMON_NAME_MAX:
            raise EnrolError(f"{site}/{box or '-'} is longer than {COMMON_NAME_MAX} characters; choose shorter names")
        for _ in range(_ATTEMPTS):
            row = CodeRow(
                id=protocol.letters(secrets.token_bytes(8), protocol.CODE_ID_CHARS),
                site=site,
                box=box,
                made_ns=now_ns,
                made_by=by,
                expires_ns=now_ns + self._told.code_ns,
                withdrawn_ns=None,
                used_ns=None,
                key_sha256=None,
                serial=None,
            )
            try:
                with self._store.write() as connection:
                    registry.add_code(connection, row)
            except IntegrityError:
                continue
            return self._code(row), row
        raise EnrolError("no free name for another code was found; try again")

    def withdraw_code(self, code_id: str, now_ns: int) -> bool:
        """Make an unused code worthless; False where there is none."""
        with self._store.write() as connection:
            return registry.withdraw_code(connection, code_id, now_ns)

    def codes(self) -> tuple[CodeRow, ...]:
        """The newest codes first, without their secrets."""
        with self._store.read() as connection:
            return registry.codes(connection)

    def certificates(self) -> tuple[CertificateRow, ...]:
        """The newest certificate of each box."""
        with self._store.read() as connection:
            return registry.certificates(connection)

    def enrol(self, body: bytes, now_ns: int) -> tuple[bytes, CertificateRow]:
        """Answer a sealed `EnrolRequest` with a sealed `Grant`.

        The same key may ask again with the same code as long as that lasts, and gets the same certificate: its answer
        may have been lost. Raises `WireError` for what is no request, `EnrolError` for what is refused; who can't
        prove the code learns nothing about it.
        """
        sealed: protocol.Sealed = wire.decode(body, protocol.Sealed)
        payload = sealed.payload.encode()
        request: protocol.EnrolRequest = wire.decode(payload, protocol.EnrolRequest)
        with self._store.read() as connection:
            row = registry.code(connection, request.code)
        # Someone who guesses is not told by the time of the answer, either, whether a code has this name.
        code = self._code(row) if row else protocol.make_code(request.code, "0" * protocol.CODE_SECRET_CHARS)
        proven = protocol.proofs_equal(protocol.prove_request(code, payload), sealed.proof)
        if row is None or not proven:
            raise EnrolError("this enrolment code is not known; copy it again, or make a new one on the bridge's page")
        key = _key_of_request(request.csr)
        with self._store.write() as connection:
            granted, superseded = self._grant_certificate(connection, request, key, now_ns)
        if superseded:
            self.write_revocation_list()
        answer = wire.encode(self._grant(granted))
        return protocol.seal(answer, protocol.prove_grant(code, payload, answer)), granted

    def renew(self, body: bytes, now_ns: int) -> tuple[bytes, CertificateRow]:
        """Answer a sealed `RenewRequest`, signed by the key of a certificate of ours, with a sealed `Grant`.

        A certificate that is over renews for a while, so that a box may come out of a store-room. Raises as `enrol`.
        """
        sealed: protocol.Sealed = wire.decode(body, protocol.Sealed)
        payload = sealed.payload.encode()
        request: protocol.RenewRequest = wire.decode(payload, protocol.RenewRequest)
        try:
            shown = x509.load_pem_x509_certificate(request.certificate.encode())
        except ValueError as error:
            raise wire.WireError(f"the certificate can't be read: {error}") from error
        key = shown.public_key()
        if not self.authority.has_signed(shown) or not isinstance(key, ec.EllipticCurvePublicKey):
            raise EnrolError("the certificate is not of this bridge; enrol the box with a new code")
        try:
            key.verify(bytes.fromhex(sealed.proof), protocol.renewal_bytes(payload), ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError) as error:
            raise EnrolError("the renewal is not signed by the certificate's key") from error
        with self._store.write() as connection:
            former = registry.certificate_by_serial(connection, f"{shown.serial_number:x}")
            if former is None or former.revoked_ns is not None:
                raise EnrolError("the certificate is revoked; enrol the box with a new code")
            if now_ns > former.expires_ns + self._told.late_days * _DAY_NS:
                raise EnrolError(f"the certificate is over for more than {self._told.late_days} days; enrol the box")
            registry.enter_box(connection, former.site, former.box)
            valid = registry.valid_certificates(connection, former.site, former.box, now_ns)
            if any(one.key_sha256 != former.key_sha256 for one in valid):
                raise EnrolError(f"{former.site}/{former.box} is another device now; enrol the box with a new code")
            granted = next((one for one in valid if now_ns - one.issued_ns < _SAME_ANSWER_NS), None)
            if granted is None:
                granted = self._certify(
                    key, former.site, former.box, request.hardware, request.software, "renewal", now_ns
                )
                registry.add_certificate(connection, granted)
        answer = wire.encode(self._grant(granted))
        return protocol.seal(answer, self.authority.sign(protocol.renewal_grant_bytes(payload, answer))), granted

    def revoke(self, site: str, box: str, why: str, now_ns: int) -> int:
        """Revoke all certificates of a box and write the revocation list; returns how many were valid."""
        with self._store.write() as connection:
            count = registry.revoke(connection, site, box, now_ns, why)
        self.write_revocation_list()
        return count

    def write_revocation_list(self) -> Path:
        """Write the list of what the database says is revoked: at each start, and after each revocation."""
        with self._store.read() as connection:
            return self.authority.write_revocation_list(registry.revoked(connection))

    def _code(self, row: CodeRow) -> protocol.Code:
        bound = "\0".join(("code 1", row.id, row.site, row.box or "*", str(row.expires_ns)))
        derived = hmac.digest(self.authority.codes_key, bound.encode(), "sha256")
        return protocol.make_code(row.id, protocol.letters(derived, protocol.CODE_SECRET_CHARS))

    def _grant_certificate(
        self, connection: Connection, request: protocol.EnrolRequest, key: ec.EllipticCurvePublicKey, now_ns: int
    ) -> tuple[CertificateRow, int]:
        """The certificate, and how many of former devices were revoked for it."""
        registry.enter_box(connection, request.site, request.box)
        row = registry.code(connection, request.code, lock=True)
        assert row is not None  # noqa: S101 - codes are never deleted
        if row.site != request.site:
            raise EnrolError(f"this code is for site {row.site!r}, the box says {request.site!r}; correct its 'site'")
        if row.box not in (None, request.box):
            raise EnrolError(f"this code is for box {row.box!r}, the box says {request.box!r}; correct its 'name'")
        if now_ns >= row.expires_ns:
            raise EnrolError("this code has expired; make a new one on the bridge's page")
        digest = _digest(key)
        state = row.state(now_ns)
        if state is CodeState.WITHDRAWN:
            raise EnrolError("this code was withdrawn; make a new one on the bridge's page")
        if state is CodeState.USED:
            again = registry.certificate_by_serial(connection, row.serial or "")
            if row.key_sha256 != digest or again is None or again.box != request.box or again.revoked_ns is not None:
                raise EnrolError("this code was used by another device; make a new one on the bridge's page")
            return again, 0
        others = registry.valid_certificates(connection, request.site, request.box, now_ns)
        if row.box is None and any(one.key_sha256 != digest for one in others):
            raise EnrolError(
                f"{request.site}/{request.box} is enrolled already; choose another 'name', or, where this device takes"
                " its place, make a code for this very box"
            )
        superseded = registry.revoke(
            connection, request.site, request.box, now_ns, "another device took its place", but_key=digest
        )
        granted = self._certify(key, request.site, request.box, request.hardware, request.software, row.id, now_ns)
        registry.add_certificate(connection, granted)
        registry.use_code(connection, row.id, now_ns, digest, granted.serial)
        return granted, superseded

    def _certify(
        self,
        key: ec.EllipticCurvePublicKey,
        site: str,
        box: str,
        hardware: str,
        software: str,
        granted_by: str,
        now_ns: int,
    ) -> CertificateRow:
        now = datetime.fromtimestamp(now_ns // _NS, UTC)
        made = self.authority.certify(key, site, box, now, timedelta(days=self._told.certificate_days))
        return CertificateRow(
            serial=f"{made.serial_number:x}",
            site=site,
            box=box,
            key_sha256=_digest(key),
            pem=made.public_bytes(serialization.Encoding.PEM).decode("ascii"),
            hardware=hardware,
            software=software,
            granted_by=granted_by,
            issued_ns=now_ns,
            expires_ns=int(made.not_valid_after_utc.timestamp()) * _NS,
            revoked_ns=None,
            revoked_why=None,
        )

    def _grant(self, row: CertificateRow) -> protocol.Grant:
        return protocol.Grant(
            version=1,
            site=row.site,
            box=row.box,
            certificate=row.pem,
            authority=self.authority.pem,
            broker_host=self._told.broker_host,
            broker_port=self._told.broker_port,
            broker_ca=_bundle(self._told.broker_ca_file, "enrol.broker_ca_file"),
            bridge_ca=_bundle(self._told.bridge_ca_file, "enrol.bridge_ca_file"),
        )


def open_enrolment(store: Store, config: Config) -> Enrolment | None:
    """The enrolment of a configured bridge; None where no authority was made. Raises `ConfigError`."""
    folder = Path(config.enrol.folder)
    if not folder.exists():
        return None
    return Enrolment(store, Authority(folder), Told.from_config(config))


def _key_of_request(csr: str) -> ec.EllipticCurvePublicKey:
    """The key that a signing request proves to be held; only P-256 is taken."""
    try:
        request = x509.load_pem_x509_csr(csr.encode())
        signed = request.is_signature_valid
        key = request.public_key()
    except ValueError as error:
        raise wire.WireError(f"the certificate signing request can't be read: {error}") from error
    if not signed or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise EnrolError("the certificate signing request is not signed by a P-256 key of its own")
    return key


def _digest(key: ec.EllipticCurvePublicKey) -> str:
    encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).hexdigest()


def _bundle(path: str, key: str) -> str:
    """A PEM bundle without the comments that such files often have; empty for no path."""
    if not path:
        return ""
    try:
        certificates = x509.load_pem_x509_certificates(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{key} = {path!r} can't be used: {error}") from error
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode("ascii") for one in certificates)
