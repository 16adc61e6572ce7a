"""Keys for signing updates during development: made once on this machine, kept beside the caches, never in git.

A product is built with `--keyring`: the certificate of an authority whose key is elsewhere.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Long past, so that a box whose clock is not set yet accepts it; the end of the validity is far.
_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
_YEARS = 40


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """Files in PEM: the authority that boxes trust (`keyring`), and what signs a bundle (`certificate`, `key`)."""

    keyring: Path
    certificate: Path
    key: Path


def development_keys(folder: Path) -> SigningKeys:
    """The keys in `folder`, made if they are not all there; the authority's own key is not kept."""
    keys = SigningKeys(folder / "keyring.pem", folder / "signer.pem", folder / "signer.key")
    if all(path.exists() for path in (keys.keyring, keys.certificate, keys.key)):
        return keys
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority_key, signer_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("Earshot development authority", authority_key, None, None)
    signer = _certificate("Earshot development signer", signer_key, authority, authority_key)
    private = signer_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(keys.key, private, 0o600)
    _write(keys.certificate, signer.public_bytes(serialization.Encoding.PEM), 0o644)
    _write(keys.keyring, authority.public_bytes(serialization.Encoding.PEM), 0o644)
    return keys


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey | None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    is_authority = issuer is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(_BEGIN + timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer_key is not None:
        # RAUC's check-purpose=codesign asks for this use.
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=True)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    return builder.sign(key if issuer_key is None else issuer_key, hashes.SHA256())


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
