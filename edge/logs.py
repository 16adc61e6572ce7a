"""Where log lines go: below systemd into the journal with fields to search by, else to stderr. Imports systemd.journal.

The fields are EARSHOT_BOX (`<site>/<box>`), EARSHOT_PRESS and EARSHOT_TRACK: `earshot logs --press ID` finds by them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

PRESS_FIELD = "EARSHOT_PRESS"
TRACK_FIELD = "EARSHOT_TRACK"
BOX_FIELD = "EARSHOT_BOX"
STDERR_FILENO = 2


def about(*, press: str | None = None, track: str | None = None) -> dict[str, str]:
    """What to pass as `extra=` of a log call: the press and the track that the line is about."""
    fields = {PRESS_FIELD: press, TRACK_FIELD: track}
    return {name: value for name, value in fields.items() if value is not None}


def set_up(process: str, box: str) -> None:
    """Send all log lines of this process, `process` of the box `box` (`<site>/<box>`), where they belong."""
    if below_journald(os.environ, STDERR_FILENO):
        from systemd.journal import JournalHandler  # noqa: PLC0415 - only needed below systemd

        handler: logging.Handler = JournalHandler(SYSLOG_IDENTIFIER=f"earshot-{process}", **{BOX_FIELD: box})
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def below_journald(environment: Mapping[str, str], descriptor: int) -> bool:
    """Whether what is written to `descriptor` ends in the journal: systemd names it there as `device:inode`."""
    named = environment.get("JOURNAL_STREAM")
    if not named:
        return False
    status = os.fstat(descriptor)
    return named == f"{status.st_dev}:{status.st_ino}"
