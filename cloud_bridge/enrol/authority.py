"""The authority that signs the boxes' certificates: its key in a folder of files, never in the database.

authority.key   P-256, PKCS #8, mode 0600: signs certificates, the revocation list, and the answers to renewals
authority.pem   its self-signed certificate, for the broker's `cafile`
codes.key       32 random bytes in hex, mode 0600: the secret part of every enrolment code is derived from it
crl.pem         the revocation list, for the broker's `crlfile`
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from cloud_bridge.config import ConfigError

KEY, CERTIFICATE, CODES, CRL = "authority.key", "authority.pem", "codes.key", "crl.pem"
COMMON_NAME_MAX = 64
"""Characters of a certificate's common name (X.520), which is `<site>/<box>`."""

_LIFE = timedelta(days=20 * 365)
# Brokers whose clock is late take a new certificate, too.
_BACKDATED = timedelta(days=1)
_CODES_BYTES = 32


class EnrolError(ValueError):
    """An enrolment, a renewal, a code or a revocation is refused; the message says why and the remedy."""


class Revoked(Struct, frozen=True):
    """One line of the revocation list."""

    serial: str
    revoked_ns: int


def make_authority(folder: Path) -> None:
    """Make key, certificate, code key and an empty revocation list, whole or not at all.

    Raises `ConfigError` where the folder exists (a new key would make every enrolled box a stranger) or can't be made.
    """
    if folder.exists():
        raise ConfigError(
            f"{folder} exists already; a second authority would lock out every box that the first has enrolled"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Earshot boxes {secrets.token_hex(4)}")])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
    try:
        made.mkdir(mode=0o755, parents=True)
        _write(made / KEY, private, 0o600)
        _write(made / CODES, secrets.token_hex(_CODES_BYTES).encode(), 0o600)
        _write(made / CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        _write(made / CRL, Authority(made).revocation_list(()), 0o644)
        made.rename(folder)
        _sync_folder(folder.parent)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        raise ConfigError(f"the authority can't be made in {folder}: {error}") from error


class Authority:
    """A made authority. Raises `ConfigError` where its files can't be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            key = serialization.load_pem_private_key((folder / KEY).read_bytes(), None)
            self.pem = (folder / CERTIFICATE).read_text("ascii")
            self.certificate = x509.load_pem_x509_certificate(self.pem.encode())
            self.codes_key = bytes.fromhex((folder / CODES).read_text("ascii").strip())
        except (OSError, ValueError) as error:
            raise ConfigError(f"the enrolment authority in {folder} can't be used: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != self.certificate.public_key():
            raise ConfigError(f"{folder / KEY} is not the key of {folder / CERTIFICATE}; restore both from one backup")
        if len(self.codes_key) != _CODES_BYTES:
            raise ConfigError(f"{folder / CODES} has not {_CODES_BYTES} bytes in hex; restore it from a backup")
        self._key = key

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` prints it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    def certify(
        self, key: ec.EllipticCurvePublicKey, site: str, box: str, now: datetime, life: timedelta
    ) -> x509.Certificate:
        """A client certificate for the box's key. Raises `EnrolError` where the name is too long for one."""
        name = f"{site}/{box}"
        if len(name) > COMMON_NAME_MAX:
            raise EnrolError(
                f"{name!r} has {len(name)} characters, a certificate's name at most {COMMON_NAME_MAX};"
                " choose a shorter site or box"
            )
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATED)
            .not_valid_after(min(now + life, self.certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def has_signed(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate is of this authority (its dates are not looked at)."""
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (InvalidSignature, ValueError, TypeError):
            return False
        return True

    def sign(self, data: bytes) -> str:
        """ECDSA with SHA-256 over `data`, DER in hex."""
        return self._key.sign(data, ec.ECDSA(hashes.SHA256())).hex()

    def revocation_list(self, revoked: Iterable[Revoked]) -> bytes:
        """The revocation list in PEM. It never ends before the authority: a broker refuses everybody on an old one."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(self.certificate.not_valid_before_utc)
            .next_update(self.certificate.not_valid_after_utc)
        )
        for one in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(int(one.serial, 16))
                .revocation_date(datetime.fromtimestamp(one.revoked_ns // 1_000_000_000, UTC))
                .build()
            )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def write_revocation_list(self, revoked: Iterable[Revoked]) -> Path:
        """Put the list in the place of the former one, atomically and durably; returns its path."""
        path = self.folder / CRL
        made = path.with_name(f".{CRL}.{secrets.token_hex(8)}")
        try:
            _write(made, self.revocation_list(revoked), 0o644)
            made.replace(path)
            _sync_folder(self.folder)
        except OSError:
            made.unlink(missing_ok=True)
            raise
        return path


def _write(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
