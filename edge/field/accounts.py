"""Whose permissions count: a unit's own user where there is one, else whoever asks."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

READ, WRITE, SEARCH = 4, 2, 1


@dataclass(frozen=True, slots=True)
class Account:
    """A user and all groups that it is in."""

    name: str
    uid: int
    gids: frozenset[int]

    def may(self, path: Path, wanted: int) -> bool:
        """Whether the modes of `path` and of the folders above it allow `wanted` (READ | WRITE | SEARCH).

        Access lists are not looked at. Raises `FileNotFoundError`.
        """
        real = path.resolve(strict=True)
        return self._allows(real.stat(), wanted) and all(self._allows(folder.stat(), SEARCH) for folder in real.parents)

    def _allows(self, status: os.stat_result, wanted: int) -> bool:
        if self.uid == 0:
            return True
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid in self.gids else 0
        return (stat.S_IMODE(status.st_mode) >> shift) & wanted == wanted


def account_of(unit: str) -> Account:
    """The user `unit` with its groups; the current process's where the machine has no such user."""
    try:
        entry = pwd.getpwnam(unit)
    except KeyError:
        return current_account()
    member = {group.gr_gid for group in grp.getgrall() if unit in group.gr_mem}
    return Account(unit, entry.pw_uid, frozenset(member | {entry.pw_gid}))


def current_account() -> Account:
    """Who runs this process."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Account(name, uid, frozenset({*os.getgroups(), os.getegid()}))
