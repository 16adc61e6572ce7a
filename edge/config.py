"""The box's configuration: one strict TOML file. Unknown keys, wrong types and impossible values stop the start.

Every setting's docstring line (`Meta(description=…)`) names its unit; the JSON Schema is generated from it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import field

from edge import config_eye
from edge.config_eye import Eye
from edge.config_section import Seconds, Section
from edge.config_section import doc as _doc
from edge.config_snapshot import Snapshot
from edge.config_update import Update
from edge.wire import TRACK_BYTES_MAX, Name, Text, Trigger

OPUS_RATES_HZ = (8000, 12000, 16000, 24000, 48000)


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the key, the value and the remedy."""


class Box(Section, frozen=True):
    """Who this box is and where it keeps things."""

    site: Annotated[Name, _doc("Site of the box, as in its topics.")]
    name: Annotated[Name, _doc("Name of the box, unique in the site.")]
    place: Annotated[str, _doc("Human name of the counter, for the CSV journal and the pages.")] = ""
    data_dir: Annotated[str, _doc("Folder for outbox, tracks and journal; on a disk that survives power cuts.")] = (
        "/var/lib/earshot"
    )
    ring: Annotated[str, _doc("Path of the sound ring; on a memory file system.")] = "/run/earshot/audio.ring"


class Ear(Section, frozen=True):
    """Microphone to ring."""

    driver: Annotated[Literal["alsa", "wav"], _doc("alsa: a sound card. wav: plays a file (simulated).")] = "alsa"
    device: Annotated[str, _doc("ALSA device by stable name, e.g. 'hw:CARD=Device' or 'plughw:CARD=Device'.")] = (
        "default"
    )
    file: Annotated[str, _doc("wav driver: the file to play.")] = ""
    loop: Annotated[bool, _doc("wav driver: begin again at the end of the file.")] = True
    speed: Annotated[float, _doc("wav driver: times real time; 0 = as fast as possible.", ge=0, le=1000)] = 1.0
    rate_hz: Annotated[int, _doc("Sampling rate in Hz.", ge=8000, le=48000)] = 16000
    channels: Annotated[int, _doc("Channels.", ge=1, le=2)] = 1
    period_frames: Annotated[int, _doc("Frames a read and a slot.", ge=32, le=8192)] = 320
    depth_s: Annotated[int, _doc("Seconds of sound that the ring holds.", ge=10, le=86400)] = 1800
    stall_ms: Annotated[int, _doc("Milliseconds without a frame until the stream counts as stalled.", ge=100)] = 2000


class Window(Section, frozen=True):
    """Seconds before and after the press that a trigger's track holds."""

    before_s: Annotated[Seconds, _doc("Seconds before the press.")] = 30.0
    after_s: Annotated[Seconds, _doc("Seconds after the press.")] = 30.0


def _windows() -> dict[Trigger, Window]:
    return {
        Trigger.INCIDENT: Window(before_s=120, after_s=60),
        Trigger.FORCE_MAJEURE: Window(before_s=120, after_s=60),
        Trigger.APPEAL: Window(before_s=120, after_s=30),
        Trigger.SALE: Window(before_s=90, after_s=30),
    }


class Tracks(Section, frozen=True):
    """How tracks are cut and kept. A trigger without a window makes a press without a track."""

    codec: Annotated[Literal["flac", "wav", "opus"], _doc("File format of finished tracks.")] = "flac"
    windows: Annotated[dict[Trigger, Window], _doc("Window per trigger; setting one replaces all defaults.")] = field(
        default_factory=_windows
    )
    tail_grace_s: Annotated[Seconds, _doc("Seconds to wait after the window for sound that is late or absent.")] = 5.0
    disk_reserve_bytes: Annotated[
        int, _doc("Free bytes to keep on the data disk; below it undelivered sound is dropped, oldest first.", ge=0)
    ] = 64 * 1024 * 1024


class ButtonConfig(Section, frozen=True):
    """One button."""

    name: Annotated[Name, _doc("Name of the button, unique on the box.")]
    driver: Annotated[Literal["gpio", "usb", "virtual"], _doc("gpio: a line. usb: a HID key. virtual: web/MQTT only.")]
    trigger: Annotated[Trigger, _doc("What a press means.")]
    rating: Annotated[int | None, _doc("Smileys, 1 (worst) to 5 (best), for client buttons.")] = None
    employee: Annotated[Text | None, _doc("Person whose named button this is.")] = None
    shared: Annotated[bool, _doc("Belongs to who is on shift (see the shift command).")] = False
    line: Annotated[str | None, _doc("gpio: line as gpiozero names it, e.g. 'GPIO17'.")] = None
    pull_up: Annotated[bool, _doc("gpio: pull-up resistor, pressed = low.")] = True
    device: Annotated[str | None, _doc("usb: stable path below /dev/input/by-id or by-path.")] = None
    key: Annotated[str | None, _doc("usb: evdev key name, e.g. 'KEY_ENTER'.")] = None


class LampConfig(Section, frozen=True):
    """One lamp or buzzer."""

    name: Annotated[Name, _doc("Name, unique on the box.")]
    driver: Annotated[Literal["gpio_led", "gpio_buzzer", "log"], _doc("log: writes patterns to the log (simulated).")]
    line: Annotated[str | None, _doc("gpio: line as gpiozero names it.")] = None
    button: Annotated[str | None, _doc("Acknowledges only this button; all buttons where absent.")] = None


class Presses(Section, frozen=True):
    """How edges become presses."""

    debounce_ms: Annotated[int, _doc("Milliseconds of contact bounce.", ge=0, le=500)] = 25
    misuse_presses: Annotated[int, _doc("Presses within misuse_window_s that count as hammering.", ge=2)] = 5
    misuse_window_s: Annotated[Seconds, _doc("Seconds for misuse_presses.")] = 10.0


class Uplink(Section, frozen=True):
    """The way to the broker."""

    enrolled: Annotated[
        bool, _doc("Broker, authorities and certificate come from 'earshot enrol'; host to password_file don't count.")
    ] = False
    host: Annotated[str, _doc("Broker's host name or address.")] = "localhost"
    port: Annotated[int, _doc("Broker's TCP port.", ge=1, le=65535)] = 8883
    protocol: Annotated[Literal["5", "3.1.1"], _doc("MQTT version.")] = "5"
    tls: Annotated[bool, _doc("Use TLS.")] = True
    ca_file: Annotated[str, _doc("PEM file of the authorities trusted for the broker; empty: the system's.")] = ""
    cert_file: Annotated[str, _doc("PEM client certificate, where the broker asks for one.")] = ""
    key_file: Annotated[str, _doc("PEM key of the client certificate.")] = ""
    user: Annotated[str, _doc("User name at the broker.")] = ""
    password: Annotated[str, _doc("Password at the broker; better: password_file.")] = ""
    password_file: Annotated[str, _doc("File that holds the password (systemd credential).")] = ""
    keepalive_s: Annotated[int, _doc("MQTT keep-alive, seconds.", ge=5, le=600)] = 30
    backoff_min_ms: Annotated[int, _doc("First bound of the random wait before connecting anew.", ge=1)] = 500
    backoff_max_ms: Annotated[int, _doc("Last bound of the random wait.", ge=1)] = 60_000
    window_bytes: Annotated[int, _doc("Bytes in flight without a receipt, at most.", ge=98304)] = 1024 * 1024
    receipt_timeout_ms: Annotated[int, _doc("Milliseconds until what has no receipt is sent again.", ge=100)] = 10_000
    health_period_s: Annotated[Seconds, _doc("Seconds between health messages.")] = 30.0


class Web(Section, frozen=True):
    """The box's own page: VirtualPanel, shift, state."""

    enabled: Annotated[bool, _doc("Serve the local page.")] = True
    host: Annotated[str, _doc("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, _doc("Port to listen on; 0 = any.", ge=0, le=65535)] = 8080
    token: Annotated[str, _doc("Secret that POST /press and /shift need as 'Authorization: Bearer'; empty: none.")] = ""


class Config(Section, frozen=True):
    """The whole file."""

    box: Box
    ear: Ear = field(default_factory=Ear)
    eye: Eye = field(default_factory=Eye)
    snapshot: Snapshot = field(default_factory=Snapshot)
    tracks: Tracks = field(default_factory=Tracks)
    presses: Presses = field(default_factory=Presses)
    buttons: tuple[ButtonConfig, ...] = ()
    lamps: tuple[LampConfig, ...] = ()
    uplink: Uplink = field(default_factory=Uplink)
    web: Web = field(default_factory=Web)
    update: Update = field(default_factory=Update)


def load(path: Path) -> Config:
    """Read, decode and cross-check a configuration file; raises `ConfigError`."""
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"configuration {path} does not exist; make one with 'earshot config example'") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration {path} is not TOML: {error}") from error
    return decode(tree, str(path))


def track_s_max(ear: Ear) -> float:
    """The longest window, in seconds, whose sound fits into one track whatever the codec makes of it."""
    # A codec never makes sound larger than it is by more than this.
    return TRACK_BYTES_MAX * 0.99 / (ear.rate_hz * ear.channels * 2)


def decode(tree: dict[str, Any], where: str) -> Config:
    """Decode and cross-check a parsed tree; `where` names it in errors."""
    try:
        config = msgspec.convert(tree, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from error
    for problem in _problems(config):
        raise ConfigError(f"{where}: {problem}")
    return config


SECRETS = (("uplink", "password"), ("web", "token"))
MASK = "********"


def masked(config: Config) -> Config:
    """The configuration with its secrets hidden, fit to be shown and hashed."""
    for section, key in SECRETS:
        part = getattr(config, section)
        if getattr(part, key):
            hidden = msgspec.structs.replace(part, **{key: MASK})
            config = msgspec.structs.replace(config, **{section: hidden})
    return config


def _problems(config: Config) -> list[str]:
    found = []
    for kind, items in (("buttons", config.buttons), ("lamps", config.lamps)):
        names = [item.name for item in items]
        found += [
            f"{kind}: the name {name!r} stands twice; names are unique"
            for name in {n for n in names if names.count(n) > 1}
        ]
    for button in config.buttons:
        where = f"buttons.{button.name}"
        if button.driver == "gpio" and not button.line:
            found.append(f"{where}: driver 'gpio' needs 'line', e.g. line = \"GPIO17\"")
        if button.driver == "usb" and not (button.device and button.key):
            found.append(f"{where}: driver 'usb' needs 'device' and 'key'; 'earshot learn' writes them")
        if button.rating is not None and not 1 <= button.rating <= 5:
            found.append(f"{where}: rating = {button.rating} is outside 1 to 5")
        if button.shared and button.employee:
            found.append(f"{where}: a shared button can't have a fixed employee; remove one of them")
        if button.name == "self_test" or button.trigger is Trigger.SELF_TEST:
            found.append(f"{where}: 'self_test' is the box's own; choose another name and trigger")
    if Trigger.SELF_TEST in config.tracks.windows:
        found.append("tracks.windows.self_test: the window of the box's own test can't be set; remove it")
    buttons = {button.name for button in config.buttons}
    for lamp in config.lamps:
        if lamp.driver != "log" and not lamp.line:
            found.append(f"lamps.{lamp.name}: driver {lamp.driver!r} needs 'line'")
        if lamp.button is not None and lamp.button not in buttons:
            found.append(f"lamps.{lamp.name}: button = {lamp.button!r} is not configured")
    longest = max((w.before_s + w.after_s for w in config.tracks.windows.values()), default=0)
    if longest + config.tracks.tail_grace_s > config.ear.depth_s:
        found.append(f"ear.depth_s = {config.ear.depth_s} can't hold the longest window of {longest:g} s; raise it")
    if longest > track_s_max(config.ear):
        found.append(
            f"tracks.windows: {longest:g} s at {config.ear.rate_hz} Hz are more than a track can hold"
            f" ({track_s_max(config.ear):.0f} s); make the window shorter, or lower ear.rate_hz"
        )
    if config.tracks.codec == "opus" and config.ear.rate_hz not in OPUS_RATES_HZ:
        rates = ", ".join(map(str, OPUS_RATES_HZ))
        found.append(f'tracks.codec = "opus" can\'t hold ear.rate_hz = {config.ear.rate_hz}; it can: {rates}')
    if config.uplink.password and config.uplink.password_file:
        found.append("uplink: both password and password_file are set; keep one")
    if config.uplink.backoff_min_ms > config.uplink.backoff_max_ms:
        found.append("uplink: backoff_min_ms is larger than backoff_max_ms")
    if config.ear.driver == "wav" and not config.ear.file:
        found.append("ear: driver 'wav' needs 'file'")
    found += config_eye.problems(config.eye)
    return found
