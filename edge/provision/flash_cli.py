"""`earshot flash-config`: fill in the sheet of a card or an image, on the engineer's laptop."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edge.faultpoint import from_environment
from edge.provision.flash import FAULTS, FlashError, flash
from edge.provision.problem import SheetError
from edge.provision.sheet_text import filled

_KEYS = {
    "site": "box.site",
    "box": "box.name",
    "place": "box.place",
    "language": "box.language",
    "time_zone": "box.time_zone",
    "bridge": "bridge.url",
    "code": "bridge.code",
    "wifi_ssid": "wifi.ssid",
    "wifi_country": "wifi.country",
    "sound_device": "sound.device",
}


@click.command("flash-config")
@click.argument("target", type=click.Path(exists=True, path_type=Path))
@click.option("--site", help="Site of the box.")
@click.option("--box", help="Name of the box; left out: made from the board's serial number.")
@click.option("--place", help="Name of the counter for people.")
@click.option("--language", type=click.Choice(["en", "ru"]), help="Language of what the box writes for people.")
@click.option("--time-zone", help="Such as Europe/Riga.")
@click.option("--bridge", help="The bridge's address.")
@click.option("--code", help="The code of the bridge's page; '-' reads it from standard input.")
@click.option("--wifi-ssid", help="Name of the wireless network.")
@click.option("--wifi-psk-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its password.")
@click.option("--wifi-country", help="Two letters.")
@click.option("--sound-device", help="ALSA name of the microphone.")
@click.option("--ssh-key", "ssh_keys", multiple=True, help="Public key, or a file with it, of who may log in.")
@click.option("--file", "sheet", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A whole sheet.")
def flash_config(
    target: Path,
    sheet: Path | None,
    wifi_psk_file: Path | None,
    ssh_keys: tuple[str, ...],
    **given: str | None,
) -> None:
    """Write earshot.toml into TARGET: the folder where a card's boot partition is mounted, a disk image, or a card.

    Nothing but that one file is written, it is read back, and a disk that is no Earshot card is refused. The password
    of the network is asked for, or read from a file: on the command line everybody on this machine could read it.
    """
    try:
        if sheet is not None:
            if any(value is not None for value in given.values()) or wifi_psk_file or ssh_keys:
                raise click.UsageError("--file is a whole sheet; leave the other options out")
            text = sheet.read_text("utf-8-sig")
        else:
            text = filled(*_values(given, wifi_psk_file, ssh_keys))
        where = flash(target, text, from_environment(names=FAULTS))
    except (SheetError, FlashError, OSError, UnicodeDecodeError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"written and read back: {where}")


def _values(
    given: dict[str, str | None], wifi_psk_file: Path | None, ssh_keys: tuple[str, ...]
) -> tuple[dict[str, str | bool], dict[str, list[str]]]:
    values: dict[str, str | bool] = {_KEYS[name]: value for name, value in given.items() if value is not None}
    if values.get("bridge.code") == "-":
        values["bridge.code"] = sys.stdin.readline().strip()
    if wifi_psk_file is not None:
        values["wifi.psk"] = wifi_psk_file.read_text("utf-8").rstrip("\r\n")
    elif "wifi.ssid" in values and sys.stdin.isatty():
        values["wifi.psk"] = click.prompt("Password of the network (empty: it is open)", hide_input=True, default="")
    keys = [Path(key).read_text("utf-8").strip() if Path(key).is_file() else key for key in ssh_keys]
    return values, {"ssh.keys": keys} if keys else {}
