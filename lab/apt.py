"""The Debian archives that this machine's apt uses, for other suites."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True, slots=True)
class Source:
    """One archive address with the suites that this machine takes from it."""

    uri: str
    suites: tuple[str, ...]
    signed_by: str


def machine_sources(etc_apt: Path = Path("/etc/apt")) -> list[Source]:
    """Every binary source with the component `main`, of either notation of sources.list(5)."""
    found: list[Source] = []
    for path in (etc_apt / "sources.list", *sorted((etc_apt / "sources.list.d").glob("*"))):
        if path.suffix == ".sources":
            found += _deb822(path.read_text())
        elif path.suffix == ".list" and path.is_file():
            found += _one_line(path.read_text())
    return found


def archive_lines(wanted: Iterable[str], sources: list[Source], codename: str) -> list[str]:
    """Lines of sources.list for the suites `wanted`, from the archives that `sources` name for Debian `codename`.

    A suite that ends in '-security' comes from where this machine takes its own security suite, every other one from
    where it takes its main suite. Raises `LabError` when the machine has no such source.
    """
    return [_line(suite, sources, codename) for suite in wanted]


def this_codename() -> str:
    """The code name of this machine's Debian, such as 'bookworm'."""
    release = platform.freedesktop_os_release()
    if release.get("ID") != "debian" or "VERSION_CODENAME" not in release:
        raise LabError(
            f"the lab is built from the Debian archives of the machine, and this is {release.get('PRETTY_NAME')}; "
            "run it on Debian 12 or 13"
        )
    return release["VERSION_CODENAME"]


def proxy_options() -> list[str]:
    """Settings of a proxy that this machine's apt has, as apt options."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return [
        line.rstrip(";")
        for line in dump.splitlines()
        if line.lower().startswith("acquire::http") and "::proxy" in line.lower()
    ]


def _line(suite: str, sources: list[Source], codename: str) -> str:
    own = f"{codename}-security" if suite.endswith("-security") else codename
    for source in sources:
        if own in source.suites:
            return f"deb [signed-by={source.signed_by}] {source.uri} {suite} main"
    raise LabError(
        f"apt of this machine has no source for the suite {own!r}, hence none for {suite!r}; "
        "see /etc/apt/sources.list and /etc/apt/sources.list.d"
    )


def _deb822(text: str) -> Iterator[Source]:
    for stanza in text.split("\n\n"):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                fields[key] = f"{fields.get(key, '')} {line.strip()}"
            elif ":" in line:
                key, _, value = line.partition(":")
                key = key.lower()
                fields[key] = value.strip()
        wanted = "deb" in fields.get("types", "").split() and "main" in fields.get("components", "").split()
        if wanted and fields.get("enabled", "yes").lower() != "no":
            for uri in fields.get("uris", "").split():
                yield Source(uri, tuple(fields.get("suites", "").split()), _keyring(fields.get("signed-by", "")))


def _one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words[:1] != ["deb"]:
            continue
        signed_by = ""
        if words[1].startswith("["):
            end = next(n for n, word in enumerate(words) if word.endswith("]"))
            options = " ".join(words[1 : end + 1]).strip("[] ").split()
            signed_by = next((o.partition("=")[2] for o in options if o.startswith("signed-by=")), "")
            words = ["deb", *words[end + 1 :]]
        if "main" in words[3:]:
            yield Source(words[1], (words[2],), _keyring(signed_by))


def _keyring(signed_by: str) -> str:
    # A key may stand in the source itself or be named by its fingerprint; Debian's own keyring holds it in any case.
    return signed_by if signed_by.startswith("/") else str(KEYRING)
