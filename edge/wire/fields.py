"""The building bricks of every payload: names, ids, bounded numbers, the stamp of an instant."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

VERSION = 1
ROOT = f"earshot/{VERSION}"
CHUNK_BYTES_MAX = 96 * 1024
JSON_BYTES_MAX = 128 * 1024
# A manifest names the SHA-256 of each chunk and has to fit into one message.
TRACK_BYTES_MAX = 128 * 1024 * 1024
# No slot of a box is larger.
BUNDLE_BYTES_MAX = 4 * 1024 * 1024 * 1024


class WireError(ValueError):
    """A topic or payload breaks the contract; the message says where and why."""


# `$` alone also matches before a last line feed in Python.
END = r"$(?!\n)"
NAME_PATTERN = "^[a-z0-9][a-z0-9_-]{0,62}" + END
Name = Annotated[str, Meta(pattern=NAME_PATTERN, description="Lower-case letters, digits, '-' and '_'; at most 63.")]
Id = Annotated[str, Meta(pattern="^[0-9a-f]{32}" + END, description="128 random bits in lower-case hex.")]
SourcePath = Annotated[str, Meta(pattern="^/earshot/[a-z0-9][a-z0-9_-]{0,62}/[a-z0-9][a-z0-9_-]{0,62}" + END)]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}" + END)]
# Databases and terminals choke on control characters; a text needs none but tab and line feed.
Text = Annotated[str, Meta(max_length=500, pattern=r"^[^\u0000-\u0008\u000b-\u001f\u007f]*$")]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Positive = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
NonNegative = Annotated[float, Meta(ge=0)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Release = Annotated[
    str,
    Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9}){1,3}" + END, description="Version of a release: 2 to 4 numbers and dots."),
]


class Strict(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every payload: immutable, unknown fields refused."""


class Stamp(Strict, frozen=True):
    """One instant: exact on this boot's monotonic clock, and wall time as the box knew it then.

    `wall_ns` is Unix time; its error is at most `uncertainty_ms` when `synced`, unknown otherwise.
    """

    boot_id: Id
    mono_ns: Count
    wall_ns: Integer
    synced: bool
    uncertainty_ms: NonNegative
