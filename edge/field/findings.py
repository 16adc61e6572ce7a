"""What the doctor can find: every check, every message, how grave it is; the words stand in edge/locales."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final


class Outcome(StrEnum):
    """How a check ended. Only a fault makes the doctor's exit status 1."""

    OK = "ok"
    NOTE = "note"
    FAULT = "fault"
    UNKNOWN = "unknown"


_OK, _NOTE, _FAULT, _UNKNOWN = Outcome.OK, Outcome.NOTE, Outcome.FAULT, Outcome.UNKNOWN

CODES: Final[Mapping[str, Mapping[str, Outcome]]] = {
    "config": {"ok": _OK, "bad": _FAULT},
    "setup": {"ok": _OK, "refused": _FAULT},
    "versions": {"ok": _OK, "differ": _NOTE},
    "clock": {"ok": _OK, "free": _NOTE},
    "data": {
        "ok": _OK,
        "absent": _FAULT,
        "denied": _FAULT,
        "volatile": _FAULT,
        "unsafe": _FAULT,
        "low": _NOTE,
        "full": _FAULT,
    },
    "memory": {"ok": _OK, "small": _FAULT, "absent": _FAULT, "denied": _FAULT, "disk": _FAULT},
    "microphone": {
        "used": _OK,
        "ok": _OK,
        "simulated": _NOTE,
        "absent": _FAULT,
        "refused": _FAULT,
        "mute": _FAULT,
        "untried": _UNKNOWN,
    },
    "ear": {
        "ok": _OK,
        "absent": _FAULT,
        "unreadable": _FAULT,
        "stale": _FAULT,
        "never": _FAULT,
        "stalled": _FAULT,
        "unexplained": _FAULT,
    },
    "camera": {
        "off": _OK,
        "ok": _OK,
        "simulated": _NOTE,
        "no_detector": _FAULT,
        "absent": _FAULT,
        "unreadable": _FAULT,
        "stale": _FAULT,
        "unplugged": _FAULT,
        "stalled": _FAULT,
        "covered": _NOTE,
    },
    "sound": {"ok": _OK, "silent": _FAULT, "quiet": _NOTE, "clipped": _NOTE, "unknown": _UNKNOWN},
    "buttons": {"ok": _OK, "virtual": _OK, "none": _NOTE, "absent": _FAULT, "denied": _FAULT, "no_chip": _FAULT},
    "box": {"ok": _OK, "down": _FAULT, "no_page": _UNKNOWN, "fault": _FAULT},
    "identity": {
        "unused": _OK,
        "ok": _OK,
        "none": _FAULT,
        "waiting": _FAULT,
        "refused": _FAULT,
        "late": _NOTE,
        "over": _FAULT,
        "other": _FAULT,
        "unreadable": _UNKNOWN,
    },
    "broker_name": {"ok": _OK, "unknown": _FAULT},
    "broker_reach": {"ok": _OK, "refused": _FAULT, "skipped": _UNKNOWN},
    "broker_tls": {
        "ok": _OK,
        "off": _NOTE,
        "files": _FAULT,
        "refused": _FAULT,
        "expiring": _NOTE,
        "skipped": _UNKNOWN,
    },
    "broker_login": {"ok": _OK, "secret": _FAULT, "refused": _FAULT, "silent": _FAULT, "skipped": _UNKNOWN},
    "broker_rules": {"ok": _OK, "read": _FAULT, "write": _FAULT, "silent": _FAULT, "skipped": _UNKNOWN},
    "bridge": {"ok": _OK, "away": _FAULT, "unknown": _UNKNOWN},
    "receipts": {"ok": _OK, "idle": _OK, "late": _FAULT, "unknown": _UNKNOWN},
    "backlog": {"ok": _OK, "short": _NOTE, "absent": _NOTE, "unreadable": _UNKNOWN},
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One message of one check; `values` fill the gaps of its words."""

    check: str
    code: str
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """How grave it is."""
        return CODES[self.check][self.code]

    def found(self, language: str) -> str:
        """What was found, in words."""
        return str(words(language)[self.check][self.code]["found"]).format_map(self.values)

    def remedy(self, language: str) -> str:
        """What to do; empty where nothing is to be done."""
        return str(words(language)[self.check][self.code].get("remedy", "")).format_map(self.values)

    def title(self, language: str) -> str:
        """What the check looks at."""
        return str(words(language)[self.check]["title"])


def finding(check: str, code: str, **values: object) -> Finding:
    """A finding; raises KeyError for a code that is not in `CODES`."""
    CODES[check][code]
    return Finding(check, code, {name: str(value) for name, value in values.items()})


def gravest(findings: Iterable[Finding]) -> Outcome:
    """Fault before note before ok; what is unknown is none of our business here."""
    outcomes = {found.outcome for found in findings}
    return next((outcome for outcome in (_FAULT, _NOTE) if outcome in outcomes), _OK)


def as_json(findings: Iterable[Finding], language: str) -> list[dict[str, str]]:
    """The findings for programs; `check`, `code` and `outcome` never change with the language."""
    return [
        {
            "check": one.check,
            "code": one.code,
            "outcome": str(one.outcome),
            "title": one.title(language),
            "found": one.found(language),
            "remedy": one.remedy(language),
        }
        for one in findings
    ]


def reference(language: str = "en") -> str:
    """Every message in Markdown, as docs/FIELD.md holds it."""
    lines = ["| check | code | outcome | found | remedy |", "|---|---|---|---|---|"]
    for check, codes in CODES.items():
        for code, outcome in codes.items():
            text = words(language)[check][code]
            cells = (f"`{check}`", f"`{code}`", str(outcome), text["found"], text.get("remedy", ""))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


@cache
def words(language: str) -> dict[str, Any]:
    """The doctor's catalogue of a language."""
    return tomllib.loads(files("edge").joinpath("locales", f"doctor.{language}.toml").read_text("utf-8"))


def language_of_terminal(environment: Mapping[str, str] = os.environ) -> str:
    """The language of the person at the terminal, as far as we speak it."""
    named = next((environment[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(key)), "")
    return "ru" if named.lower().startswith("ru") else "en"
