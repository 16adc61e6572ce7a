"""The plan: all that a sheet makes of a box, as files below the data partition; made whole before any is written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from edge.config import MASK, ConfigError, decode
from edge.enrol.identity import Order
from edge.provision.problem import SheetError
from edge.provision.sheet import ButtonPart, LampPart, NetworkPart, Sheet, WifiPart, secrets_of, with_secrets
from edge.wire import NAME_PATTERN

BOX_TOML: Final = "etc/earshot/box.toml"
DATA_DIR: Final = "var/lib/earshot"
# Where the files of the data partition are seen by the units.
_SEEN_CA = "/etc/earshot/broker-ca.pem"
_SEEN_PASSWORD = "/run/credentials/earshot-box.service/broker"  # noqa: S105 - a path
_RECORD_VERSION = 1


class PlacedFile(Struct, frozen=True, kw_only=True):
    """One file: `path` is below the data partition; owner and group by name."""

    path: str
    text: str
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"


class Plan(Struct, frozen=True, kw_only=True):
    """What the box is made of, and which sheet says so. `time_zone` becomes the link etc/localtime."""

    version: int
    # SHA-256 of the sheet's text without its padding: as it was read, and as it is left on the card.
    source_sha256: str
    masked_sha256: str
    files: tuple[PlacedFile, ...]
    # What earlier plans have placed and this one has not.
    stale: tuple[str, ...]
    time_zone: str
    secrets: dict[str, str]
    order: Order | None


class Surroundings(Struct, frozen=True, kw_only=True):
    """What of the machine a plan depends on. `fallback_name` is for a box without a name in its sheet."""

    fallback_name: str
    # Buttons and lamps of the box.toml in force: learned ones stay where the sheet names none.
    buttons: tuple[dict[str, Any], ...] = ()
    lamps: tuple[dict[str, Any], ...] = ()


def make_plan(
    sheet: Sheet, before: Plan | None, around: Surroundings, *, source_sha256: str, masked_sha256: str
) -> Plan:
    """The plan for a sheet; raises `SheetError` for what can't be made of it."""
    known = before.secrets if before else {}
    whole = with_secrets(sheet, known)
    name = whole.box.name or around.fallback_name
    order = None
    if whole.bridge is not None:
        order = Order(bridge_url=whole.bridge.url.rstrip("/"), code=whole.bridge.code, site=whole.box.site, box=name)
        if sheet.bridge is not None and sheet.bridge.code == MASK and (before is None or order != before.order):
            raise SheetError("new_code", key="bridge.code")
    files = tuple(_files(whole, name, around))
    placed = {file.path for file in files}
    former = {*before.stale, *(file.path for file in before.files)} if before else set()
    return Plan(
        version=_RECORD_VERSION,
        source_sha256=source_sha256,
        masked_sha256=masked_sha256,
        files=files,
        stale=tuple(sorted(former - placed)),
        time_zone=whole.box.time_zone,
        secrets=secrets_of(whole),
        order=order,
    )


def _files(sheet: Sheet, name: str, around: Surroundings) -> list[PlacedFile]:
    # Names may have underscores, host names may not.
    hostname = re.sub(r"-+", "-", name.replace("_", "-")).strip("-")
    files = [
        PlacedFile(path="etc/hostname", text=hostname + "\n"),
        PlacedFile(path=BOX_TOML, text=_box_toml(sheet, name, around), mode=0o640, group="earshot"),
    ]
    if sheet.broker is not None:
        if sheet.broker.password:
            text = sheet.broker.password + "\n"
            files.append(PlacedFile(path="etc/credstore/earshot.broker-password", text=text, mode=0o600))
        if sheet.broker.ca:
            files.append(PlacedFile(path="etc/earshot/broker-ca.pem", text=sheet.broker.ca))
    if sheet.wifi is not None:
        files += _wifi(sheet.wifi)
    if sheet.network is not None:
        files.append(_network(sheet.network))
    if sheet.ssh is not None and sheet.ssh.keys:
        text = "".join(f"{key}\n" for key in sheet.ssh.keys)
        files.append(PlacedFile(path="etc/ssh/authorized_keys", text=text, mode=0o600))
    return files


def _box_toml(sheet: Sheet, name: str, around: Surroundings) -> str:
    box = sheet.box
    tree: dict[str, Any] = {"box": {"site": box.site, "name": name, "place": box.place}}
    tree["snapshot"] = {"language": box.language}
    if sheet.sound is not None:
        tree["ear"] = _given(sheet.sound)
    if sheet.broker is None:
        tree["uplink"] = {"enrolled": True}
    else:
        broker = sheet.broker
        tree["uplink"] = {"host": broker.host, "port": broker.port, "tls": broker.tls}
        tree["uplink"]["user"] = f"{box.site}/{name}" if broker.user is None else broker.user
        if broker.password:
            tree["uplink"]["password_file"] = _SEEN_PASSWORD
        if broker.ca:
            tree["uplink"]["ca_file"] = _SEEN_CA
    if sheet.web is not None:
        tree["web"] = {"host": "0.0.0.0", "token": sheet.web.token}
    tree["buttons"] = [_button(part) for part in sheet.buttons] or list(around.buttons) or [dict(_FIRST_BUTTON)]
    tree["lamps"] = [_lamp(part) for part in sheet.lamps] or list(around.lamps)
    _merge(tree, sheet.settings)
    try:
        config = decode(tree, "box.toml")
    except ConfigError as error:
        raise SheetError("settings", detail=str(error).removeprefix("box.toml: ")) from error
    if (config.box.site, config.box.name) != (box.site, name):
        raise SheetError("value", key="settings.box", form="names_in_box")
    if config.box.data_dir != f"/{DATA_DIR}":
        raise SheetError("value", key="settings.box.data_dir", form="data_dir")
    head = "# Made of earshot.toml on the boot partition. It is made anew when that file is changed.\n"
    return head + toml_of(tree)


# Without any button nobody could try the box out.
_FIRST_BUTTON: Final[Mapping[str, Any]] = {"name": "red", "driver": "virtual", "trigger": "incident"}


def _button(part: ButtonPart) -> dict[str, Any]:
    driver = "gpio" if part.line is not None else "usb" if part.device is not None else "virtual"
    return {"driver": driver, **_given(part)}


def _lamp(part: LampPart) -> dict[str, Any]:
    tree = {"name": part.name, "driver": "gpio_buzzer" if part.buzzer else "gpio_led", "line": part.line}
    return tree if part.button is None else {**tree, "button": part.button}


def _given(part: Struct) -> dict[str, Any]:
    """The settings that a section has, those left out left out."""
    tree: dict[str, Any] = msgspec.to_builtins(part)
    return {key: value for key, value in tree.items() if value is not None}


def _merge(tree: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(tree.get(key), dict):
            _merge(tree[key], value)
        else:
            tree[key] = value


def _wifi(wifi: WifiPart) -> list[PlacedFile]:
    """Files of iwd. A name with other characters than these is written in hex, after '='."""
    plain = re.fullmatch(r"[A-Za-z0-9 _-]+", wifi.ssid)
    stem = wifi.ssid if plain else "=" + wifi.ssid.encode().hex()
    lines = ["[Settings]", "AutoConnect=true", f"Hidden={str(wifi.hidden).lower()}"]
    if wifi.psk:
        # A space at the beginning would be skipped.
        phrase = wifi.psk.replace("\\", "\\\\")
        phrase = "\\s" + phrase[1:] if phrase.startswith(" ") else phrase
        is_key = re.fullmatch(r"[0-9A-Fa-f]{64}", wifi.psk)
        lines += ["", "[Security]", f"{'PreSharedKey' if is_key else 'Passphrase'}={phrase}"]
    path = f"var/lib/iwd/{stem}.{'psk' if wifi.psk else 'open'}"
    main = ["[General]", "EnableNetworkConfiguration=false"]
    if wifi.country != "00":
        main.append(f"Country={wifi.country}")
    return [
        PlacedFile(path=path, text="\n".join(lines) + "\n", mode=0o600),
        PlacedFile(path="etc/iwd/main.conf", text="\n".join(main) + "\n"),
    ]


def _network(network: NetworkPart) -> PlacedFile:
    """A file of systemd-networkd that comes before the image's own."""
    kind = "wlan" if network.interface == "wifi" else "ether"
    lines = ["[Match]", f"Type={kind}", "", "[Network]", f"Address={network.address}"]
    if network.gateway is not None:
        lines.append(f"Gateway={network.gateway}")
    lines += [f"DNS={server}" for server in network.dns]
    lines += ["MulticastDNS=yes", "LinkLocalAddressing=ipv6"]
    return PlacedFile(path="etc/systemd/network/10-earshot.network", text="\n".join(lines) + "\n")


def fallback_name(serial: str) -> str:
    """A name of the board's serial number, which `NAME_PATTERN` allows; empty where the board has none."""
    name = f"box-{re.sub('[^0-9a-z]', '', serial.lower())[-8:]}"
    return name if serial and re.match(NAME_PATTERN, name) else ""


def kept_inputs(box_toml: Path) -> tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]:
    """Buttons and lamps of a box.toml as trees; none where it can't be used."""
    import tomllib  # noqa: PLC0415 - once in a box's life

    try:
        tree = tomllib.loads(box_toml.read_text("utf-8"))
        decode(tree, str(box_toml))
    except (OSError, ValueError):
        return (), ()
    return tuple(tree.get("buttons", ())), tuple(tree.get("lamps", ()))


def toml_of(tree: Mapping[str, Any]) -> str:
    """TOML of a tree of sections: only what is said, so that other versions of the box read it, too."""
    return "".join(_section((key,), value) for key, value in tree.items() if value)


def _section(path: tuple[str, ...], value: Any) -> str:
    name = ".".join(key if re.fullmatch(r"[\w-]+", key) else json.dumps(key) for key in path)
    if isinstance(value, list | tuple) and all(isinstance(item, dict) for item in value):
        return "".join(f"\n[[{name}]]\n{_keys(item)}{_nested(path, item)}" for item in value)
    if isinstance(value, dict):
        keys = _keys(value)
        return (f"\n[{name}]\n{keys}" if keys else "") + _nested(path, value)
    raise SheetError("value", key="settings." + ".".join(path), form="type_object")


def _keys(tree: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_literal(value)}\n" for key, value in tree.items() if not _is_section(value))


def _nested(path: tuple[str, ...], tree: Mapping[str, Any]) -> str:
    return "".join(_section((*path, key), value) for key, value in tree.items() if _is_section(value))


def _is_section(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list | tuple) and bool(value) and all(isinstance(item, dict) for item in value)
    )


def _literal(value: Any) -> str:
    # JSON's strings, numbers, truth values and lists are TOML's too, but for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
