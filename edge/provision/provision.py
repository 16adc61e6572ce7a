"""One run of provisioning, at each start before any service of the box: from the sheet to files that are in place."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from edge.durable import write_durable
from edge.faultpoint import FaultPoint, no_fault
from edge.provision.boot_folder import BootFolder
from edge.provision.ledger import FOLDER, Ledger, Owner, ProvisionError
from edge.provision.plan import BOX_TOML, DATA_DIR, Plan, Surroundings, fallback_name, kept_inputs, make_plan
from edge.provision.problem import LANGUAGES, SheetError
from edge.provision.sheet import Sheet, parse
from edge.provision.sheet_text import digest, without_secrets
from edge.provision.trouble import clear_trouble, tell_trouble

_ZONES = Path("/usr/share/zoneinfo")
_NAME_FILE: Final = "fallback-name"


class Outcome(StrEnum):
    """What a run has found and done."""

    NEW = "new"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Result:
    """`problem` is why a sheet was refused; `plan` is in force and placed, None where there was never one."""

    outcome: Outcome
    plan: Plan | None
    problem: SheetError | None = None


def provision(
    boot: Path,
    data: Path,
    *,
    serial: str,
    fault: FaultPoint = no_fault,
    owner: Owner | None = None,
    zones: Path = _ZONES,
) -> Result:
    """Take a new sheet into force, place what is in force, take secrets off the card, report what is wrong.

    May be cut off at any moment and run again. A sheet that can't be used changes nothing: the settings in force stay.
    Raises `ProvisionError` where the data partition can't be written, `OSError` where the boot partition can't.
    """
    folder = BootFolder(boot, fault)
    ledger = Ledger(data, fault, owner)
    plan = ledger.plan()
    outcome, problem, text = Outcome.UNCHANGED if plan else Outcome.NOTHING, None, None
    try:
        text = _sheet_text(folder, is_needed=plan is None)
        if text is not None and (plan is None or digest(text) not in (plan.source_sha256, plan.masked_sha256)):
            plan = _new_plan(text, plan, data, serial, fault, zones)
            ledger.keep(plan)
            outcome = Outcome.NEW
    except SheetError as error:
        outcome, problem = Outcome.REFUSED, error
    if plan is not None and not ledger.is_placed(plan):
        ledger.place(plan)
    if problem is not None:
        # Told to the box first, whose lamp and page say it; the card may be one that can't be written.
        tell_trouble(data / DATA_DIR, {language: problem.text(language) for language in LANGUAGES})
        folder.report(problem, has_settings=plan is not None)
        return Result(outcome, plan, problem)
    clear_trouble(data / DATA_DIR)
    if text is not None:
        masked = without_secrets(text)
        if masked != text:
            folder.replace_sheet(masked)
    folder.remove_report()
    return Result(outcome, plan)


def _sheet_text(folder: BootFolder, *, is_needed: bool) -> str | None:
    text = folder.sheet()
    if text is None and is_needed:
        raise SheetError("unreadable", detail="there is no such file")
    return text


def _new_plan(text: str, before: Plan | None, data: Path, serial: str, fault: FaultPoint, zones: Path) -> Plan:
    sheet: Sheet = parse(text)
    if zones.is_dir() and not (zones / sheet.box.time_zone).is_file():
        raise SheetError("zone", key="box.time_zone", zone=sheet.box.time_zone)
    buttons, lamps = kept_inputs(data / BOX_TOML)
    name = fallback_name(serial)
    if not name and sheet.box.name is None:
        name = _drawn_name(data, fault)
    return make_plan(
        sheet,
        before,
        Surroundings(fallback_name=name, buttons=buttons, lamps=lamps),
        source_sha256=digest(text),
        masked_sha256=digest(without_secrets(text)),
    )


def _drawn_name(data: Path, fault: FaultPoint) -> str:
    """A name for a board without a serial number: drawn once, then the same."""
    path = data / FOLDER / _NAME_FILE
    try:
        return path.read_text("ascii")
    except FileNotFoundError:
        name = f"box-{secrets.token_hex(4)}"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durable(path, name.encode(), "plan", fault)
    except OSError as error:
        raise ProvisionError(f"{path} can't be written: {error}") from error
    return name


def as_json(result: Result) -> str:
    """The result for programs, without a secret."""
    plan = result.plan
    tree = {
        "outcome": str(result.outcome),
        "problem": result.problem.text("en") if result.problem else None,
        "name": f"{plan.order.site}/{plan.order.box}" if plan and plan.order else None,
        "files": [file.path for file in plan.files] if plan else [],
    }
    return msgspec.json.encode(tree).decode()
