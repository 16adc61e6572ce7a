"""The whole examination of a box: every check, in the order in which a fault in one explains the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from drivers.alsa_capture import AlsaCapture
from drivers.contract import Capture
from edge.config import Config, ConfigError, load
from edge.field.check_camera import check_camera
from edge.field.check_identity import check_identity, check_setup
from edge.field.check_machine import check_box, check_buttons, check_clock, check_versions
from edge.field.check_sound import check_ear, check_microphone, check_sound
from edge.field.check_storage import check_backlog, check_data, check_memory, check_receipts
from edge.field.check_uplink import check_uplink
from edge.field.findings import Finding, finding
from edge.field.surroundings import Surroundings
from edge.local_client import NoAnswer, ask_box

Checks = Iterator[Finding]


def microphone_opener(config: Config) -> Callable[[], Capture]:
    """What opens the configured card for a moment, as the ear would."""
    ear = config.ear
    return partial(
        AlsaCapture,
        ear.device,
        rate_hz=ear.rate_hz,
        channels=ear.channels,
        period_frames=ear.period_frames,
        read_timeout_s=ear.stall_ms / 1000,
    )


def examine(around: Surroundings) -> Checks:
    """Every finding about a box whose configuration is valid; takes up to some twenty seconds without a network."""
    yield from check_setup(around)
    yield from check_versions(around)
    yield from check_clock(around)
    yield from check_data(around)
    yield from check_memory(around)
    yield from check_microphone(around, microphone_opener(around.config))
    yield from check_ear(around)
    yield from check_sound(around)
    yield from check_camera(around)
    yield from check_buttons(around)
    yield from check_box(around)
    yield from check_identity(around)
    yield from check_uplink(around)
    yield from check_receipts(around)
    yield from check_backlog(around)


def examine_file(path: Path) -> Checks:
    """The same from outside, beginning with the configuration; without a valid one there is nothing more to say."""
    try:
        config = load(path)
    except (ConfigError, OSError) as error:
        yield finding("config", "bad", error=error)
        return
    yield finding("config", "ok", path=path)
    yield from examine(look_around(config))


def look_around(config: Config) -> Surroundings:
    """The surroundings as a command finds them, with what the running box says, if it does."""
    if not config.web.enabled:
        return Surroundings(config)
    try:
        return Surroundings(config, state=ask_box(config, "GET", "/state"))
    except NoAnswer as error:
        return Surroundings(config, state_error=str(error))


def examine_running(config: Config, state: Mapping[str, Any]) -> list[Finding]:
    """The same from within the box, whose state is given."""
    return list(examine(Surroundings(config, state=state)))
