"""The support archive: what helps from afar, without any sound, any secret and any person's name.

Only texts made here go in, never a file of the box. Each is searched for the box's secrets before it is written.
"""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from edge import config_text
from edge.config import MASK, SECRETS, Config, masked
from edge.enrol.identity import uplink_in_force
from edge.field.backlog import BacklogUnreadable, look
from edge.field.findings import Finding, as_json
from edge.field.journalctl import NoJournal, arguments, read
from edge.field.surroundings import Surroundings

_LOG_LINES = 5000
# A shorter secret stands in ordinary words; such a one protects nothing anyhow.
_SECRET_CHARS_MIN = 4


def write_bundle(target: Path, around: Surroundings, findings: Iterable[Finding]) -> list[str]:
    """Write `target` (.tar.gz, readable by its owner alone); returns the names inside. Raises `OSError`."""
    texts = {
        "doctor.json": _json(as_json(findings, "en")),
        "config.toml": config_text.toml(nameless(masked(around.config))),
        "state.json": _json(_state(around)),
        "outbox.json": _json(_outbox(around)),
        "machine.json": _json(_machine(around)),
        "logs.txt": _logs(),
    }
    secrets = secrets_of(around.config)
    with target.open("xb") as file:
        target.chmod(0o600)
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, text in texts.items():
                data = scrubbed(text, secrets).encode()
                entry = tarfile.TarInfo(f"earshot-bundle/{name}")
                entry.size = len(data)
                entry.mtime = int(time.time())
                archive.addfile(entry, io.BytesIO(data))
    return list(texts)


def secrets_of(config: Config) -> list[str]:
    """Every secret and person's name that the configuration holds or points at, as far as we may read it."""
    found = [getattr(getattr(config, section), key) for section, key in SECRETS]
    for path in (config.uplink.password_file, uplink_in_force(config).key_file):
        try:
            text = Path(path).read_text("utf-8") if path else ""
        except (OSError, UnicodeDecodeError):
            continue
        # Line by line too: a log may show a part of a key.
        found += [text.strip(), *(line for line in text.splitlines() if not line.startswith("-----"))]
    found += [button.employee for button in config.buttons if button.employee]
    return sorted({secret for secret in found if len(secret) >= _SECRET_CHARS_MIN}, key=len, reverse=True)


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret, also as JSON writes it, masked."""
    for secret in secrets:
        for form in {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}:
            text = text.replace(form, MASK)
    return text


def nameless(config: Config) -> Config:
    """The configuration without persons' names."""
    buttons = tuple(
        msgspec.structs.replace(button, employee=MASK) if button.employee else button for button in config.buttons
    )
    return msgspec.structs.replace(config, buttons=buttons)


def _state(around: Surroundings) -> dict[str, Any]:
    if around.state is None:
        return {"error": around.state_error}
    state: dict[str, Any] = {**around.state, "shifts": dict.fromkeys(around.state["shifts"], MASK)}
    state["presses"] = [{**press, "employee": MASK if press["employee"] else None} for press in around.state["presses"]]
    return state


def _outbox(around: Surroundings) -> Mapping[str, Any]:
    try:
        backlog = look(Path(around.config.box.data_dir))
    except BacklogUnreadable as error:
        return {"error": str(error)}
    return {} if backlog is None else asdict(backlog)


def _machine(around: Surroundings) -> Mapping[str, str]:
    proc = around.folders.proc
    names = ("version", "uptime", "loadavg", "meminfo", "asound/cards", "bus/input/devices", "self/mountinfo")
    return {name: (proc / name).read_text("utf-8", "replace") for name in names if (proc / name).is_file()}


def _logs() -> str:
    try:
        return read(arguments(lines=_LOG_LINES, output="short-iso"))
    except NoJournal as error:
        return f"{error}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
