"""What the box is decided to be, and making it so.

The plan is one file, replaced atomically: that is the moment at which a sheet counts. Placing its files follows and is
repeated from the beginning, before any service reads them, until a second file says that it was done. A power cut
leaves either the former plan, wholly placed, or the new one, wholly placed at the next start.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from edge.durable import TEMPORARY, sync_folder, write_durable
from edge.enrol.identity import FAULTS as IDENTITY_FAULTS
from edge.enrol.identity import Identity, IdentityError
from edge.faultpoint import FaultPoint
from edge.provision.plan import DATA_DIR, PlacedFile, Plan
from edge.wire import WireError, sha256
from edge.wire.enrol import parse_code

FOLDER: Final = "provision"
_PLAN, _PLACED = "plan.json", "placed.json"
_STEPS = ("before_fsync", "after_fsync", "after_rename", "after_folder_fsync")

FAULTS: Final[tuple[str, ...]] = (
    *(f"{what}.{step}" for what in ("plan", "settings", "placed", "sheet", "report") for step in _STEPS),
    "settings.after_link",
    "settings.after_unlink",
    "report.after_unlink",
    *IDENTITY_FAULTS,
)
"""Every fault point of provisioning."""

Owner = Callable[[str, str], tuple[int, int]]
"""User and group numbers of two names; raises `ProvisionError` where the machine does not know them."""


class ProvisionError(RuntimeError):
    """What a sheet says can't be stored on this machine; the message says why and the remedy."""


class Ledger:
    """The plan in force below `data`. Raises `ProvisionError` where reading or writing fails."""

    def __init__(self, data: Path, fault: FaultPoint, owner: Owner | None = None) -> None:
        self._data = data
        self._folder = data / FOLDER
        self._fault = fault
        self._owner = owner or owner_of

    def plan(self) -> Plan | None:
        """The plan in force; None where there was never one."""
        try:
            return msgspec.json.decode((self._folder / _PLAN).read_bytes(), type=Plan)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise ProvisionError(f"{self._folder / _PLAN} can't be read: {error}; remove it to begin anew") from error

    def keep(self, plan: Plan) -> None:
        """Put a plan in force. Durable when this returns, its files not placed yet."""
        try:
            self._make_folder()
            self._write(self._folder / _PLAN, msgspec.json.encode(plan), 0o600, None, "plan")
        except OSError as error:
            raise ProvisionError(f"the settings can't be stored: {error}") from error

    def is_placed(self, plan: Plan) -> bool:
        """Whether all files of the plan are where they belong."""
        try:
            return (self._folder / _PLACED).read_bytes() == _mark(plan)
        except OSError:
            return False

    def place(self, plan: Plan) -> None:
        """Write every file of the plan, take away what earlier ones had, ask for the enrolment. May be repeated."""
        try:
            for file in plan.files:
                self._place(file)
            self._link(plan.time_zone)
            for path in plan.stale:
                self._take_away(self._data / path)
            self._ask_for_enrolment(plan)
            self._write(self._folder / _PLACED, _mark(plan), 0o600, None, "placed")
        except (OSError, IdentityError) as error:
            raise ProvisionError(f"the settings can't be put in place: {error}") from error

    def _place(self, file: PlacedFile) -> None:
        path = self._data / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        owner = self._owner(file.owner, file.group)
        self._write(path, file.text.encode(), file.mode, owner, "settings")

    def _write(self, path: Path, data: bytes, mode: int, owner: tuple[int, int] | None, what: str) -> None:
        # It may hold a secret: what takes the place of the former file is never more open than it is to be.
        temporary = path.with_name(path.name + TEMPORARY)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if owner is not None and os.geteuid() == 0:
                os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
        write_durable(path, data, what, self._fault)

    def _link(self, time_zone: str) -> None:
        link = self._data / "etc/localtime"
        made = link.with_name(link.name + TEMPORARY)
        made.unlink(missing_ok=True)
        made.symlink_to(f"/usr/share/zoneinfo/{time_zone}")
        made.rename(link)
        sync_folder(link.parent)
        self._fault("settings.after_link")

    def _take_away(self, path: Path) -> None:
        if path.exists():
            path.unlink()
            sync_folder(path.parent)
            self._fault("settings.after_unlink")

    def _ask_for_enrolment(self, plan: Plan) -> None:
        if plan.order is None:
            return
        data_dir = self._data / DATA_DIR
        data_dir.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0 and data_dir.stat().st_uid == 0:
            os.chown(data_dir, *self._owner("earshot-box", "earshot-box"))
        identity = Identity(data_dir / "identity", self._fault)
        try:
            enrolled = identity.enrolled()
        except IdentityError:
            enrolled = None
        order = plan.order
        try:
            code_id = parse_code(order.code).id
        except WireError as error:
            raise ProvisionError(str(error)) from error
        if enrolled is None or (enrolled.code_id, enrolled.site, enrolled.box) != (code_id, order.site, order.box):
            identity.keep_order(order)

    def _make_folder(self) -> None:
        if not self._folder.is_dir():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(self._folder.parent)


def owner_of(user: str, group: str) -> tuple[int, int]:
    """Numbers of a user and a group of this machine."""
    try:
        return pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise ProvisionError(f"this machine has no account {user}:{group}; run systemd-sysusers") from error


def _mark(plan: Plan) -> bytes:
    return msgspec.json.encode({"plan_sha256": sha256(msgspec.json.encode(plan, order="deterministic"))})
