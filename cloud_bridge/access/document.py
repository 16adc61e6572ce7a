"""docs/PERMISSIONS.md, made from the table."""

from __future__ import annotations

from cloud_bridge.access.table import TABLE, WORDS, Action, Reach
from cloud_bridge.store.users import Role

_MARKS = {Reach.OWN: "own", Reach.PLACE: "place", Reach.COMPANY: "company", None: "–"}
_INTRODUCTION = """\
# Permissions

Made from `cloud_bridge/access/table.py` by `python tools/permissions_doc.py`; a test keeps both equal.

An account has a role, and places where it holds: whole sites or single counters; none named means everywhere. Where a
role has a dash, the action is refused to it.

- **own**: what presses and questions name the person for, at their places.
- **place**: everything at their places. A figure of the whole company needs a role that holds everywhere.
- **company**: belongs to no place, so it needs a role that holds everywhere.

Listenings, downloads, exports and changes are written to the audit trail, whoever does them; nobody can change it. An
admin may do everything, because an admin makes accounts: withholding an action would withhold it from nobody.
"""


def render() -> str:
    """The whole document."""
    roles = list(Role)
    head = ["", *(role.value.replace("_", " ") for role in roles)]
    rows = [head, ["---"] * len(head)]
    rows += [[WORDS[action], *(_MARKS[TABLE[role].get(action)] for role in roles)] for action in Action]
    return _INTRODUCTION + "\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)
