"""Talking to the bridge about the box's certificate, over whatever TLS there is.

Each side proves itself by the code, later by its key (see `edge.wire.enrol`): no certificate of a web server is needed
for trust, and a board without a clock could not even check its dates.
"""

from __future__ import annotations

import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.enrol.identity import Enrolled, Identity, IdentityError, Order, Trouble
from edge.wire import WireError, decode, encode, sha256
from edge.wire import enrol as protocol

_TIMEOUT_S = 20.0
_ANSWER_BYTES_MAX = 512 * 1024
_NS = 1_000_000_000

Post = Callable[[str, bytes], bytes]
"""Sends a body to a URL and gives the answer's; raises `Unreachable` or `RefusedByBridge`."""


class Unreachable(IdentityError):
    """The bridge did not answer as a bridge; trying again later may help."""


class RefusedByBridge(IdentityError):
    """The bridge said no; a person has to do something."""


def checked_url(url: str) -> str:
    """A bridge's address without what may follow it; raises `IdentityError` for what is none."""
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError as error:
        raise IdentityError(f"bridge {url!r} is no address: {error}") from error
    if not usable or parts.path.strip("/") or parts.query or parts.fragment:
        raise IdentityError(f"bridge {url!r} is no address; write it as https://bridge.example")
    return f"{parts.scheme}://{parts.netloc}"


def http_post(url: str, body: bytes) -> bytes:
    """POST JSON; raises `Unreachable`, or `RefusedByBridge` with the reason that the bridge gives."""
    context = ssl.create_default_context()
    context.check_hostname = False
    # Trust comes from the proofs inside; see the module.
    context.verify_mode = ssl.CERT_NONE
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - http(s) alone
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=context) as answer:  # noqa: S310
            return bytes(answer.read(_ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error:
            said = _detail(error.read(_ANSWER_BYTES_MAX))
        # A proxy's or a hotel's own refusal is no word of the bridge.
        if said and error.code in {400, 403}:
            raise RefusedByBridge(f"the bridge refuses: {said}") from error
        raise Unreachable(f"{url} answers {error.code}: {said or error.reason}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Unreachable(f"the bridge {url} can't be reached: {reason}") from error


def make_key(identity: Identity) -> ec.EllipticCurvePrivateKey:
    """The box's key: the one that it has, else a new one, durable before it is used. Raises `IdentityError`."""
    try:
        data = identity.key_file.read_bytes()
    except FileNotFoundError:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        identity.put(identity.key_file.name, pem)
        return key
    except OSError as error:
        raise IdentityError(f"{identity.key_file} can't be read: {error}; run this as root") from error
    try:
        found = serialization.load_pem_private_key(data, None)
    except ValueError as error:
        raise IdentityError(f"{identity.key_file} is no key: {error}; remove it and enrol with a new code") from error
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise IdentityError(f"{identity.key_file} is no P-256 key; remove it and enrol with a new code")
    return found


def enrol(identity: Identity, order: Order, *, hardware: str, software: str, post: Post = http_post) -> Enrolled:
    """Do what the order asks for; the enrolment is in force when this returns, and the order is gone.

    May be repeated after a power cut at any moment. Raises `IdentityError`; the former enrolment stays in force then.
    """
    try:
        code = protocol.parse_code(order.code)
    except WireError as error:
        raise RefusedByBridge(str(error)) from error
    before = identity.enrolled()
    if before is not None and (before.code_id, before.site, before.box) == (code.id, order.site, order.box):
        identity.settle(before)
        return before
    key = make_key(identity)
    request = protocol.EnrolRequest(
        version=1,
        code=code.id,
        site=order.site,
        box=order.box,
        csr=_signing_request(key, order.site, order.box),
        hardware=hardware,
        software=software,
        nonce=secrets.token_hex(16),
    )
    payload = encode(request)
    url = checked_url(order.bridge_url)
    sealed = _open(post(url + protocol.ENROL_PATH, protocol.seal(payload, protocol.prove_request(code, payload))))
    answer = sealed.payload.encode()
    if not protocol.proofs_equal(protocol.prove_grant(code, payload, answer), sealed.proof):
        raise Unreachable(f"who answers as {url} does not know the code; this is not the bridge that made it")
    grant = _decoded(answer)
    if (grant.site, grant.box) != (order.site, order.box):
        raise IdentityError(f"the bridge granted {grant.site}/{grant.box}, not {order.site}/{order.box}")
    return _take(identity, key, grant, url, code.id)


def renew(identity: Identity, *, hardware: str, software: str, post: Post = http_post) -> Enrolled:
    """Get the next certificate for the same key; in force when this returns. Raises `IdentityError`."""
    before = identity.enrolled()
    if before is None:
        raise IdentityError("the box is not enrolled; 'earshot enrol --bridge URL --code CODE' does it")
    key = make_key(identity)
    leaf, authority = _stored_certificates(identity, before)
    request = protocol.RenewRequest(
        version=1,
        certificate=leaf.public_bytes(serialization.Encoding.PEM).decode(),
        hardware=hardware,
        software=software,
        nonce=secrets.token_hex(16),
    )
    payload = encode(request)
    proof = key.sign(protocol.renewal_bytes(payload), ec.ECDSA(hashes.SHA256())).hex()
    sealed = _open(post(before.bridge_url + protocol.RENEW_PATH, protocol.seal(payload, proof)))
    answer = sealed.payload.encode()
    if not _has_signed(authority, protocol.renewal_grant_bytes(payload, answer), sealed.proof):
        raise Unreachable(f"who answers as {before.bridge_url} is not the bridge that enrolled this box")
    grant = _decoded(answer)
    if (grant.site, grant.box) != (before.site, before.box):
        raise IdentityError(f"the bridge granted {grant.site}/{grant.box}, not {before.site}/{before.box}")
    return _take(identity, key, grant, before.bridge_url, before.code_id)


def attempt(
    identity: Identity, now_ns: int, *, hardware: str, software: str, post: Post = http_post
) -> Enrolled | None:
    """Do what is due: an order, or a renewal; None where there is nothing to do and nothing in force.

    What fails is remembered in the folder and raised.
    """
    order, enrolled = identity.order(), identity.enrolled()
    with _remembered(identity):
        if order is not None:
            return enrol(identity, order, hardware=hardware, software=software, post=post)
        if enrolled is not None and now_ns >= enrolled.renews_ns:
            return renew(identity, hardware=hardware, software=software, post=post)
    if enrolled is not None:
        identity.settle(enrolled)
    return enrolled


def renew_now(identity: Identity, *, hardware: str, software: str, post: Post = http_post) -> Enrolled:
    """Renew although it is not due; what fails is remembered and raised."""
    with _remembered(identity):
        return renew(identity, hardware=hardware, software=software, post=post)


@contextmanager
def _remembered(identity: Identity) -> Iterator[None]:
    try:
        yield
    except IdentityError as error:
        identity.keep_trouble(Trouble(reason=str(error), refused=isinstance(error, RefusedByBridge)))
        raise


def _take(
    identity: Identity, key: ec.EllipticCurvePrivateKey, grant: protocol.Grant, url: str, code_id: str
) -> Enrolled:
    """Check a proven grant against our key, store its files, put it in force."""
    try:
        leaf = x509.load_pem_x509_certificate(grant.certificate.encode())
        authority = x509.load_pem_x509_certificate(grant.authority.encode())
        leaf.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise IdentityError(f"the bridge granted a certificate that can't be used: {error}") from error
    names = [str(one.value) for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if leaf.public_key() != key.public_key() or names != [f"{grant.site}/{grant.box}"]:
        raise IdentityError("the bridge granted a certificate for another box or key; ask who runs the bridge")
    chain = (grant.certificate.rstrip("\n") + "\n" + grant.authority.rstrip("\n") + "\n").encode()
    enrolled = Enrolled(
        site=grant.site,
        box=grant.box,
        bridge_url=url,
        code_id=code_id,
        broker_host=grant.broker_host,
        broker_port=grant.broker_port,
        certificate=_store(identity, "certificate", chain),
        broker_ca=_store(identity, "broker-ca", grant.broker_ca.encode()),
        bridge_ca=_store(identity, "bridge-ca", grant.bridge_ca.encode()),
        begins_ns=int(leaf.not_valid_before_utc.timestamp()) * _NS,
        expires_ns=int(leaf.not_valid_after_utc.timestamp()) * _NS,
    )
    identity.keep_enrolled(enrolled)
    return enrolled


def _store(identity: Identity, kind: str, data: bytes) -> str:
    """Store under a name that only this content has: what is in force is never written over."""
    if not data:
        return ""
    name = f"{kind}-{sha256(data)[:16]}.pem"
    identity.put(name, data)
    return name


def _stored_certificates(identity: Identity, enrolled: Enrolled) -> tuple[x509.Certificate, x509.Certificate]:
    path = identity.file(enrolled.certificate)
    try:
        leaf, authority = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise IdentityError(f"{path} can't be used: {error}; enrol the box with a new code") from error
    return leaf, authority


def _signing_request(key: ec.EllipticCurvePrivateKey, site: str, box: str) -> str:
    # A name longer than a certificate's is the bridge's to refuse, in words.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{site}/{box}"[:64])])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _has_signed(authority: x509.Certificate, data: bytes, proof: str) -> bool:
    signer = authority.public_key()
    if not isinstance(signer, ec.EllipticCurvePublicKey):
        return False
    try:
        signer.verify(bytes.fromhex(proof), data, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _open(body: bytes) -> protocol.Sealed:
    try:
        sealed: protocol.Sealed = msgspec.json.decode(body, type=protocol.Sealed)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreachable(f"the answer is not a bridge's: {error}; check the bridge's address") from error
    return sealed


def _decoded(payload: bytes) -> protocol.Grant:
    try:
        grant: protocol.Grant = decode(payload, protocol.Grant)
    except WireError as error:
        raise IdentityError(f"the bridge's grant is not understood: {error}; update the box") from error
    return grant


def _detail(body: bytes) -> str:
    """The reason in an error's JSON, as one printable line; empty where there is none."""

    class Reason(msgspec.Struct):
        detail: str

    try:
        text = msgspec.json.decode(body, type=Reason).detail
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return "".join(char if char.isprintable() else " " for char in text)[:300]
