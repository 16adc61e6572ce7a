"""What stands in an XLSX file, read without the library that wrote it."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree as ET
from zipfile import ZipFile

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheets_of(data: bytes) -> dict[str, list[dict[str, str | float]]]:
    """name → rows, each with its cells by the letters of their column: texts and numbers; no cell may be a formula."""
    with ZipFile(io.BytesIO(data)) as archive:
        strings = ["".join(one.itertext()) for one in ET.fromstring(archive.read("xl/sharedStrings.xml"))]
        book = ET.fromstring(archive.read("xl/workbook.xml"))
        names = [one.get("name") or "" for one in book.iter(f"{SHEET}sheet")]
        found = {}
        for number, name in enumerate(names, 1):
            tree = ET.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml"))
            assert tree.find(f".//{SHEET}f") is None, "a cell holds a formula"
            found[name] = [
                {
                    re.sub(r"\d", "", cell.get("r") or ""): strings[int(value.text or 0)]
                    if cell.get("t") == "s"
                    else float(value.text or 0)
                    for cell in row
                    if (value := cell.find(f"{SHEET}v")) is not None
                }
                for row in tree.iter(f"{SHEET}row")
            ]
    return found
