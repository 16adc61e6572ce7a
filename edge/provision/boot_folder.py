"""The boot partition as provisioning sees it: the sheet, and the report beside it for whom reads the card elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from edge.durable import sync_folder, write_durable
from edge.faultpoint import FaultPoint
from edge.provision.problem import LANGUAGES, SheetError, catalogue
from edge.provision.sheet import SHEET_BYTES_MAX
from edge.provision.sheet_text import NAME, padded

REPORT: Final = "earshot-error.txt"


class BootFolder:
    """The folder in which the boot partition is mounted. Writing raises `OSError`."""

    def __init__(self, folder: Path, fault: FaultPoint) -> None:
        self._folder = folder
        self._fault = fault

    def sheet(self) -> str | None:
        """The text of the sheet; None where there is none. Raises `SheetError` for what is no text."""
        try:
            with (self._folder / NAME).open("rb") as file:
                data = file.read(SHEET_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SheetError("unreadable", detail=error.strerror or str(error)) from error
        if len(data) > SHEET_BYTES_MAX:
            raise SheetError("unreadable", detail=f"it has more than {SHEET_BYTES_MAX} bytes")
        try:
            # Editors of Windows begin a file with a mark.
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise SheetError("unreadable", detail=str(error)) from error

    def replace_sheet(self, text: str) -> None:
        """Put `text` in the place of the sheet, and overwrite what that was written on."""
        path = self._folder / NAME
        data = padded(text)
        with path.open("r+b") as former:
            size_bytes = os.fstat(former.fileno()).st_size
            write_durable(path, data, "sheet", self._fault)
            # The clusters of the former file are still its own, until it is closed.
            former.write(bytes(size_bytes))
            former.flush()
            os.fsync(former.fileno())

    def report(self, problem: SheetError, *, has_settings: bool) -> None:
        """Write in words, in each language, what is wrong; the same words again are not written again."""
        text = report_text(problem, has_settings=has_settings)
        path = self._folder / REPORT
        try:
            if path.read_bytes() == text.encode():
                return
        except FileNotFoundError:
            pass
        write_durable(path, text.encode(), "report", self._fault)

    def remove_report(self) -> None:
        """Nothing is wrong any more."""
        path = self._folder / REPORT
        if path.exists():
            path.unlink()
            sync_folder(self._folder)
            self._fault("report.after_unlink")


def report_text(problem: SheetError, *, has_settings: bool) -> str:
    """What the report says. Lines end as Windows wants them: everything else takes that, too."""
    parts = []
    for language in LANGUAGES:
        words = catalogue(language)["report"]
        kept = words["kept" if has_settings else "none"]
        parts.append("\n\n".join((words["title"], problem.text(language), f"{kept} {words['again']}")))
    return ("\n\n".join(parts) + "\n").replace("\n", "\r\n")
