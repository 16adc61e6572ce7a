"""Checks of the rest of the machine: versions, clock, buttons, the box's own process."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import version as installed_version
from pathlib import Path

from edge.config import ButtonConfig
from edge.field.accounts import READ, WRITE
from edge.field.findings import Finding, finding
from edge.field.surroundings import Surroundings


def check_versions(around: Surroundings) -> Iterator[Finding]:
    """What is installed, and whether the box runs just that."""
    installed = installed_version("earshot")
    running = None if around.state is None else around.state["health"]["version"]
    if running not in (None, installed):
        yield finding("versions", "differ", earshot=installed, running=running)
    yield finding(
        "versions",
        "ok",
        earshot=installed,
        python=platform.python_version(),
        kernel=platform.release(),
        system=system_name(),
    )


def system_name() -> str:
    """The distribution's own name for itself."""
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def check_clock(around: Surroundings) -> Iterator[Finding]:
    """Whether wall time can be believed."""
    synced, error_ms = around.clock.synced()
    yield finding("clock", "ok", error_ms=f"{error_ms:.0f}") if synced else finding("clock", "free")


def check_buttons(around: Surroundings) -> Iterator[Finding]:
    """Each configured button's and lamp's device: there, and the box's to use."""
    buttons = around.config.buttons
    if not buttons:
        yield finding("buttons", "none")
    for button in buttons:
        yield _check_button(around, button)
    for lamp in around.config.lamps:
        if lamp.driver != "log":
            yield _check_gpio(around, lamp.name, str(lamp.line))


def _check_button(around: Surroundings, button: ButtonConfig) -> Finding:
    match button.driver:
        case "virtual":
            return finding("buttons", "virtual", button=button.name)
        case "gpio":
            return _check_gpio(around, button.name, str(button.line))
        case "usb":
            device = Path(str(button.device))
            if not device.exists():
                return finding("buttons", "absent", button=button.name, device=device)
            if not around.box.may(device, READ):
                return _denied(around, button.name, device, "input")
            return finding("buttons", "ok", button=button.name, device=device)


def _check_gpio(around: Surroundings, name: str, line: str) -> Finding:
    chips = sorted(around.folders.dev.glob("gpiochip*"))
    if not chips:
        return finding("buttons", "no_chip", button=name)
    if not any(around.box.may(chip, READ | WRITE) for chip in chips):
        return _denied(around, name, chips[0], "gpio")
    return finding("buttons", "ok", button=name, device=line)


def _denied(around: Surroundings, button: str, device: Path, group: str) -> Finding:
    return finding("buttons", "denied", button=button, user=around.box.name, device=device, group=group)


def check_box(around: Surroundings) -> Iterator[Finding]:
    """Whether the box runs, and what it says is wrong."""
    if not around.config.web.enabled:
        yield finding("box", "no_page")
        return
    if around.state is None:
        yield finding("box", "down", error=around.state_error)
        return
    health = around.state["health"]
    for fault in health["faults"]:
        yield finding("box", "fault", fault=fault)
    yield finding("box", "ok", hours=f"{health['uptime_s'] / 3600:.1f}")
