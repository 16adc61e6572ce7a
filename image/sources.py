"""Where Debian's packages come from: this machine's own apt sources, with the image's suite put in their place."""

from __future__ import annotations

import subprocess
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
COMPONENTS = "main non-free-firmware"


def debian(suite: str) -> list[str]:
    """One-line apt sources for `suite`, its updates and its security updates, as this machine's apt reaches Debian.

    Raises RuntimeError where this machine has no Debian source, or no security source: an image without security
    updates is not to be built unnoticed.
    """
    addresses = _addresses()
    for label in ("Debian", "Debian-Security"):
        if label not in addresses:
            raise RuntimeError(
                f"apt on this machine knows no source labelled {label!r}; add it and run 'apt-get update', "
                "or name a file of apt sources with --sources"
            )
    option = f"[signed-by={KEYRING}]"
    plain, security = addresses["Debian"], addresses["Debian-Security"]
    return [
        f"deb {option} {plain} {suite} {COMPONENTS}",
        f"deb {option} {plain} {suite}-updates {COMPONENTS}",
        f"deb {option} {security} {suite}-security {COMPONENTS}",
    ]


def _addresses() -> dict[str, str]:
    """The address of each archive by the label that its Release file gives."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)", "Identifier: Packages"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    pairs = (line.split("|", 1) for line in listing.splitlines())
    return {label: address for label, address in pairs if not label.startswith("$(")}
