"""The sheet: `earshot.toml` on the boot partition, what a field engineer fills in. Strict; blanks count as left out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from edge.config import MASK
from edge.config_section import Section, doc
from edge.provision.problem import SheetError, line_of
from edge.wire import Name, Text, Trigger, WireError
from edge.wire.enrol import parse_code

SHEET_BYTES_MAX: Final = 64 * 1024
SECRETS: Final = ("wifi.psk", "bridge.code", "broker.password", "web.token")
"""What is taken off the card once the box has it; `MASK` in its place means: as the box has it."""

_NO_CONTROL = r"^[^\x00-\x1f\x7f]*$(?!\n)"
Line = Annotated[str, Meta(pattern=_NO_CONTROL, max_length=200)]
Host = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:_-]{0,252})$(?!\n)")]
Address = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f.:]+/[0-9]{1,3}$(?!\n)")]
Ip = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f.:]+$(?!\n)")]
SshKey = Annotated[str, Meta(pattern=r"^(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}( [ -~]*)?$(?!\n)")]


class BoxPart(Section, frozen=True):
    """Which box this is."""

    site: Annotated[Name, doc("Site of the box.")]
    name: Annotated[Name | None, doc("Name of the box; left out: made from the board's serial number.")] = None
    place: Annotated[Text, doc("Name of the counter for people.")] = ""
    language: Annotated[Literal["en", "ru"], doc("Language of what the box writes for people.")] = "en"
    time_zone: Annotated[str, doc("IANA time zone.", pattern=r"^[A-Za-z0-9_+/-]{1,64}$(?!\n)")] = "UTC"


class BridgePart(Section, frozen=True):
    """The bridge that enrols the box."""

    url: Annotated[str, doc("Address of the bridge.", pattern=r"^https?://[^\s/?#]+/?$(?!\n)")]
    code: Annotated[str, doc("The one-time code of the bridge's page.")]


class BrokerPart(Section, frozen=True):
    """A broker with a password account, instead of [bridge]."""

    host: Annotated[Host, doc("Broker's host name or address.")]
    port: Annotated[int, doc("Broker's TCP port.", ge=1, le=65535)] = 8883
    tls: Annotated[bool, doc("Use TLS.")] = True
    user: Annotated[Line | None, doc("User name; left out: <site>/<name>.")] = None
    password: Annotated[str, doc("Password.", pattern=_NO_CONTROL, max_length=1000)] = ""
    ca: Annotated[str, doc("PEM of the broker's authorities; left out: the system's.")] = ""


class WifiPart(Section, frozen=True):
    """A wireless network."""

    ssid: Annotated[str, doc("Name of the network.", min_length=1, max_length=32, pattern=_NO_CONTROL)]
    psk: Annotated[str, doc("Password of the network, 8 to 63 characters; left out: an open network.")] = ""
    country: Annotated[str, doc("Two letters of the country.", pattern="^[A-Z]{2}$(?!\n)")] = "00"
    hidden: Annotated[bool, doc("The network does not show its name.")] = False


class NetworkPart(Section, frozen=True):
    """A fixed address, where there is no DHCP."""

    address: Annotated[Address, doc("Address and length of the prefix, e.g. 192.0.2.5/24.")]
    gateway: Annotated[Ip | None, doc("Router.")] = None
    dns: Annotated[tuple[Ip, ...], doc("Name servers.")] = ()
    interface: Annotated[Literal["wired", "wifi"], doc("Which interface has it.")] = "wired"


class SoundPart(Section, frozen=True):
    """The microphone."""

    device: Annotated[str, doc("ALSA name.", pattern=_NO_CONTROL, max_length=200)]
    rate_hz: Annotated[int | None, doc("Sampling rate in Hz.")] = None
    channels: Annotated[int | None, doc("Channels.")] = None


class ButtonPart(Section, frozen=True):
    """A button: with `line` at a GPIO, with `device` and `key` at USB, without either on the page alone."""

    name: Annotated[Name, doc("Name of the button.")]
    trigger: Annotated[Trigger, doc("What a press means.")] = Trigger.INCIDENT
    line: Annotated[str | None, doc("GPIO line, e.g. GPIO17.")] = None
    device: Annotated[str | None, doc("Path below /dev/input.")] = None
    key: Annotated[str | None, doc("Key name, e.g. KEY_ENTER.")] = None
    rating: Annotated[int | None, doc("Smileys, 1 to 5.")] = None
    employee: Annotated[Text | None, doc("Person whose button it is.")] = None
    shared: Annotated[bool, doc("Belongs to who is on shift.")] = False


class LampPart(Section, frozen=True):
    """A lamp or a buzzer."""

    name: Annotated[Name, doc("Name of the lamp.")]
    line: Annotated[str, doc("GPIO line, e.g. GPIO27.")]
    buzzer: Annotated[bool, doc("It is a buzzer.")] = False
    button: Annotated[str | None, doc("Answers this button alone.")] = None


class SshPart(Section, frozen=True):
    """Who may log in as root over SSH; nobody else may, and nobody by a password."""

    keys: Annotated[tuple[SshKey, ...], doc("Public keys.")] = ()


class WebPart(Section, frozen=True):
    """The box's own page on the network."""

    token: Annotated[str, doc("Secret that the page asks for; left out: the page is for the box itself.")]


class Sheet(Section, frozen=True):
    """The whole file."""

    box: BoxPart
    bridge: BridgePart | None = None
    broker: BrokerPart | None = None
    wifi: WifiPart | None = None
    network: NetworkPart | None = None
    sound: SoundPart | None = None
    buttons: tuple[ButtonPart, ...] = ()
    lamps: tuple[LampPart, ...] = ()
    ssh: SshPart | None = None
    web: WebPart | None = None
    settings: Annotated[dict[str, Any], doc("Any settings of box.toml, which win over all of the above.")] = (
        msgspec.field(default_factory=dict)
    )


def parse(text: str) -> Sheet:
    """Read a sheet; raises `SheetError` that names key, line and remedy."""
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r"at line (\d+)", str(error))
        raise SheetError("syntax", line=int(found[1]) if found else None, detail=str(error)) from error
    tree = _without_blanks(tree)
    if not tree:
        raise SheetError("empty")
    try:
        sheet = msgspec.convert(tree, Sheet)
    except msgspec.ValidationError as error:
        raise _problem_of(str(error), text) from error
    for problem in _problems(sheet):
        raise SheetError(problem.code, key=problem.key, line=line_of(text, problem.key or ""), **problem.values)
    return sheet


def secrets_of(sheet: Sheet) -> dict[str, str]:
    """The secrets that a sheet tells, by key; `MASK` where it says: as the box has it."""
    found = {}
    for key in SECRETS:
        section, name = key.split(".")
        part = getattr(sheet, section)
        if part is not None and getattr(part, name):
            found[key] = getattr(part, name)
    return found


def with_secrets(sheet: Sheet, known: dict[str, str]) -> Sheet:
    """The sheet with `known` in the places of its masks; raises `SheetError` for a mask that stands for nothing."""
    for key, value in secrets_of(sheet).items():
        if value != MASK:
            continue
        if key not in known:
            raise SheetError("mask", key=key)
        section, name = key.split(".")
        part = msgspec.structs.replace(getattr(sheet, section), **{name: known[key]})
        sheet = msgspec.structs.replace(sheet, **{section: part})
    return sheet


def _without_blanks(value: Any) -> Any:
    """The template's keys without a value, as if they were not there."""
    if isinstance(value, dict):
        kept = {key: _without_blanks(item) for key, item in value.items() if item not in ("", [])}
        return {key: item for key, item in kept.items() if item != {}}
    return value


def _problem_of(message: str, text: str) -> SheetError:
    detail, _, path = message.partition(" - at `$")
    key = re.sub(r"\[(\d+)\]", r".\1", path.rstrip("`")).lstrip(".")
    if unknown := re.search(r"unknown field `(.*)`", detail):
        key = f"{key}.{unknown[1]}".lstrip(".")
        return SheetError("unknown", key=key, line=line_of(text, key))
    if missing := re.search(r"missing required field `(.*)`", detail):
        key = f"{key}.{missing[1]}".lstrip(".")
        return SheetError("missing", key=key, line=line_of(text, key))
    return SheetError("value", key=key, line=line_of(text, key), form=_form_of(detail, key))


def _form_of(detail: str, key: str) -> str:
    """Which words of the catalogue say what is expected: of the key where it has its own, else of its type."""
    names = [part for part in key.split(".") if not part.isdigit()]
    if names and names[-1] in _OWN_FORMS:
        return names[-1]
    kind = re.match(r"Expected `(\w+)", detail)
    return f"type_{kind[1]}" if kind and kind[1] in {"str", "int", "bool", "array", "object"} else "other"


_OWN_FORMS: Final = {
    "address",
    "country",
    "dns",
    "gateway",
    "host",
    "interface",
    "keys",
    "language",
    "name",
    "site",
    "ssid",
    "time_zone",
    "trigger",
    "url",
}


def _problems(sheet: Sheet) -> Iterator[SheetError]:
    if (sheet.bridge is None) == (sheet.broker is None):
        yield SheetError("pair")
    if sheet.bridge is not None and sheet.bridge.code != MASK:
        try:
            parse_code(sheet.bridge.code)
        except WireError:
            yield SheetError("value", key="bridge.code", form="code")
    if sheet.wifi is not None and sheet.wifi.psk not in ("", MASK) and not _is_psk(sheet.wifi.psk):
        yield SheetError("value", key="wifi.psk", form="psk")
    if sheet.network is not None and sheet.network.interface == "wifi" and sheet.wifi is None:
        yield SheetError("missing", key="wifi.ssid")
    for at, button in enumerate(sheet.buttons):
        if (button.device is None) != (button.key is None):
            yield SheetError("missing", key=f"buttons.{at}.{'key' if button.key is None else 'device'}")
        if button.line is not None and button.device is not None:
            yield SheetError("value", key=f"buttons.{at}.line", form="line_or_device")
    for section, name in (("uplink", "password"), ("web", "token")):
        if isinstance(part := sheet.settings.get(section), dict) and name in part:
            yield SheetError("value", key=f"settings.{section}.{name}", form="secret_elsewhere")
    if sheet.web is not None and sheet.web.token != MASK and len(sheet.web.token) < 12:
        yield SheetError("value", key="web.token", form="token")


def _is_psk(psk: str) -> bool:
    return bool(re.fullmatch(r"[ -~]{8,63}|[0-9A-Fa-f]{64}", psk))
