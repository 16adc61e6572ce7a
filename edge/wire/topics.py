"""Topic names, made and parsed."""

from __future__ import annotations

import re

from msgspec import Struct

from edge.wire.fields import ROOT, WireError

BRIDGE_STATE_TOPIC = f"{ROOT}/bridge/state"


class BoxTopic(Struct, frozen=True):
    """A parsed box topic: `channel` is status, health, event, manifest, chunk, picture, receipt, command or reply.

    `track` is the track's id, or the snapshot's whose picture it is.
    """

    site: str
    box: str
    channel: str
    track: str | None = None
    n: int | None = None


_TOPIC = re.compile(
    rf"^{ROOT}/([a-z0-9][a-z0-9_-]{{0,62}})/([a-z0-9][a-z0-9_-]{{0,62}})/"
    r"(?:(status|health|event|receipt|command|reply)|track/([0-9a-f]{32})(?:/(0|[1-9][0-9]{0,5}))?"
    r"|picture/([0-9a-f]{32})/(0|[1-9][0-9]{0,5}))$"
)


def topic(site: str, box: str, channel: str) -> str:
    """Topic of one of a box's plain channels."""
    return f"{ROOT}/{site}/{box}/{channel}"


def manifest_topic(site: str, box: str, track: str) -> str:
    """Topic of a track's manifest (a `TrackData` event)."""
    return f"{ROOT}/{site}/{box}/track/{track}"


def chunk_topic(site: str, box: str, track: str, n: int) -> str:
    """Topic of chunk `n` (from 0) of a track; its payload is the bare bytes."""
    return f"{ROOT}/{site}/{box}/track/{track}/{n}"


def picture_topic(site: str, box: str, snapshot: str, n: int) -> str:
    """Topic of chunk `n` (from 0) of a snapshot's picture: apart from sound, so that a broker can rule who gets it."""
    return f"{ROOT}/{site}/{box}/picture/{snapshot}/{n}"


def parse_topic(name: str) -> BoxTopic:
    """The parts of a box topic; raises `WireError` for every other name."""
    match = _TOPIC.fullmatch(name)
    if match is None or match[1] == "bridge":
        raise WireError(f"topic {name[:200]!r} is not a box topic of {ROOT}/<site>/<box>/…")
    site, box, channel, track, n, snapshot, part = match.groups()
    if channel:
        return BoxTopic(site, box, channel)
    if snapshot:
        return BoxTopic(site, box, "picture", snapshot, int(part))
    return BoxTopic(site, box, "manifest" if n is None else "chunk", track, None if n is None else int(n))
