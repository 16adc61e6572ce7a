"""The folder `<data_dir>/identity`: the box's own key, what its enrolment gave it, and what is still to be done.

    key.pem            P-256, made on the box once, mode 0600; it never leaves the box
    enrolled.json      the enrolment in force; names the files below, and is replaced last
    certificate-*.pem  the client certificate and its authority
    broker-ca-*.pem    authorities of the broker; likewise of the bridge (bridge-ca-*.pem)
    order.json         an enrolment that is asked for: bridge, code, site, box; goes away when it is done
    trouble.json       why the last attempt failed, while it does

Everything belongs to the owner of the folder and is readable by nobody else. Needs no library: the box itself reads it.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from edge.config import Config, Uplink
from edge.durable import TEMPORARY, sync_folder, write_durable
from edge.faultpoint import FaultPoint, no_fault

FAULTS: tuple[str, ...] = (
    *(f"identity.{step}" for step in ("before_fsync", "after_fsync", "after_rename", "after_folder_fsync")),
    "identity.before_unlink",
    "identity.after_unlink",
)
"""The fault points of every change in the folder."""

_KEY, _ENROLLED, _ORDER, _TROUBLE = "key.pem", "enrolled.json", "order.json", "trouble.json"


class IdentityError(RuntimeError):
    """The identity can't be used, made or renewed; the message says why and the remedy."""


class Enrolled(Struct, frozen=True, kw_only=True):
    """The enrolment in force. Names of files are in the folder; empty: the system's authorities. Unix nanoseconds."""

    site: str
    box: str
    bridge_url: str
    code_id: str
    broker_host: str
    broker_port: int
    certificate: str
    broker_ca: str
    bridge_ca: str
    begins_ns: int
    expires_ns: int

    @property
    def renews_ns(self) -> int:
        """When a new certificate is due: a third of the life before its end."""
        return self.expires_ns - (self.expires_ns - self.begins_ns) // 3


class Order(Struct, frozen=True, kw_only=True):
    """An enrolment that is asked for."""

    bridge_url: str
    code: str
    site: str
    box: str


class Trouble(Struct, frozen=True, kw_only=True):
    """Why the last attempt failed. `refused`: the bridge said no, and will again."""

    reason: str
    refused: bool


_Kind = TypeVar("_Kind", Enrolled, Order, Trouble)


class Identity:
    """The folder of one box. Reading gives None for what is not there; raises `IdentityError` for what is broken."""

    def __init__(self, folder: Path, fault: FaultPoint = no_fault) -> None:
        self.folder = folder
        self._fault = fault

    @classmethod
    def of(cls, config: Config, fault: FaultPoint = no_fault) -> Identity:
        """That of a configured box."""
        return cls(Path(config.box.data_dir) / "identity", fault)

    @property
    def key_file(self) -> Path:
        """Where the key is, or will be."""
        return self.folder / _KEY

    def enrolled(self) -> Enrolled | None:
        """The enrolment in force."""
        return self._read(_ENROLLED, Enrolled)

    def order(self) -> Order | None:
        """The enrolment that is asked for."""
        return self._read(_ORDER, Order)

    def trouble(self) -> Trouble | None:
        """Why the last attempt failed."""
        return self._read(_TROUBLE, Trouble)

    def file(self, name: str) -> Path:
        """The path of a file that `Enrolled` names."""
        return self.folder / name

    def keep_order(self, order: Order) -> None:
        """Ask for an enrolment; what failed before is forgotten. Durable when this returns."""
        self.put(_ORDER, msgspec.json.encode(order))
        self._drop(_TROUBLE)

    def keep_trouble(self, trouble: Trouble) -> None:
        """Remember a failure; the same one again costs the card nothing."""
        if trouble != self.trouble():
            self.put(_TROUBLE, msgspec.json.encode(trouble))

    def keep_enrolled(self, enrolled: Enrolled) -> None:
        """Put an enrolment in force, whose files are there, and clear away what it has settled."""
        self.put(_ENROLLED, msgspec.json.encode(enrolled))
        self.settle(enrolled)

    def settle(self, enrolled: Enrolled) -> None:
        """Clear away order, trouble and files that the enrolment in force does not need."""
        self._drop(_ORDER)
        self._drop(_TROUBLE)
        kept = {_KEY, _ENROLLED, enrolled.certificate, enrolled.broker_ca, enrolled.bridge_ca}
        for path in self.folder.iterdir():
            if path.name not in kept:
                self._drop(path.name)

    def put(self, name: str, data: bytes) -> None:
        """Write a file of the folder atomically and durably; never more open than 0600, not even while it is written.

        Raises `IdentityError` where that can't be done.
        """
        try:
            self._make_folder()
            owner = self.folder.stat()
            temporary = self.folder / (name + TEMPORARY)
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(descriptor, owner.st_uid, owner.st_gid)
            finally:
                os.close(descriptor)
            write_durable(self.folder / name, data, "identity", self._fault)
        except OSError as error:
            raise IdentityError(f"{self.folder / name} can't be written: {error}; run this as root") from error

    def _make_folder(self) -> None:
        if self.folder.is_dir():
            return
        parent = self.folder.parent
        if not parent.is_dir():
            raise IdentityError(f"the data folder {parent} does not exist; set box.data_dir, or start earshot-box once")
        made = self.folder.with_name(self.folder.name + TEMPORARY)
        if not made.is_dir():
            made.mkdir(mode=0o700)
        owner = parent.stat()
        if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(made, owner.st_uid, owner.st_gid)
        made.rename(self.folder)
        sync_folder(parent)

    def _drop(self, name: str) -> None:
        path = self.folder / name
        if not path.exists():
            return
        self._fault("identity.before_unlink")
        try:
            path.unlink()
            sync_folder(self.folder)
        except OSError as error:
            raise IdentityError(f"{path} can't be removed: {error}; run this as root") from error
        self._fault("identity.after_unlink")

    def _read(self, name: str, kind: type[_Kind]) -> _Kind | None:
        path = self.folder / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise IdentityError(f"{path} can't be read: {error}; remove it and enrol anew") from error


def is_enrolled(config: Config) -> bool:
    """Whether an enrolment is in force that can be read. Raises nothing."""
    try:
        return Identity.of(config).enrolled() is not None
    except IdentityError:
        return False


def uplink_in_force(config: Config) -> Uplink:
    """`[uplink]` as it stands, or, where `uplink.enrolled` says so, with what the enrolment gave.

    Without an enrolment it names files that do not exist, and no connection is made. Raises nothing.
    """
    if not config.uplink.enrolled:
        return config.uplink
    identity = Identity.of(config)
    try:
        enrolled = identity.enrolled()
    except IdentityError:
        enrolled = None
    if enrolled is None:
        missing = str(identity.file("certificate.pem"))
        return msgspec.structs.replace(config.uplink, tls=True, cert_file=missing, key_file=str(identity.key_file))
    return msgspec.structs.replace(
        config.uplink,
        host=enrolled.broker_host,
        port=enrolled.broker_port,
        tls=True,
        ca_file=str(identity.file(enrolled.broker_ca)) if enrolled.broker_ca else "",
        cert_file=str(identity.file(enrolled.certificate)),
        key_file=str(identity.key_file),
        user="",
        password="",
        password_file="",
    )


def bridge_context(identity: Identity) -> tuple[str, ssl.SSLContext]:
    """The bridge's address, and a TLS context that trusts it alone and shows the box's certificate where it is asked.

    For downloads by urllib or httpx. Raises `IdentityError` where the box is not enrolled.
    """
    enrolled = identity.enrolled()
    if enrolled is None:
        raise IdentityError("the box is not enrolled; 'earshot enrol --bridge URL --code CODE' does it")
    try:
        context = ssl.create_default_context(
            cafile=str(identity.file(enrolled.bridge_ca)) if enrolled.bridge_ca else None
        )
        context.load_cert_chain(identity.file(enrolled.certificate), identity.key_file)
    except (OSError, ssl.SSLError) as error:
        raise IdentityError(f"the certificate in {identity.folder} can't be used: {error}") from error
    return enrolled.bridge_url, context
