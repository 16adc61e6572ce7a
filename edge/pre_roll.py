"""The pre-roll file: the sound before a press, made durable at the press. One JSON line, then FLAC."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.codec import Samples, decode, encode
from edge.durable import write_durable
from edge.faultpoint import FaultPoint
from edge.outbox_stored import stored
from edge.plan import PreRoll
from edge.wire import WireError, sha256
from edge.wire import encode as wire_encode


class PreRollDamaged(Exception):
    """The file is not a whole pre-roll of the track; the message names it and what is wrong."""


@dataclass(frozen=True, slots=True)
class SavedPreRoll:
    """A pre-roll as it was read back: `samples` int16 (head.frames, head.channels)."""

    head: PreRoll
    samples: Samples


def pack(head: PreRoll, samples: Samples) -> bytes:
    """The file's bytes. `audio_bytes` and `audio_sha256` of `head` are filled in here."""
    audio = encode(samples, head.rate_hz, "flac")
    values = {name: getattr(head, name) for name in head.__struct_fields__}
    whole = PreRoll(**values | {"audio_bytes": len(audio), "audio_sha256": sha256(audio)})
    return wire_encode(whole) + b"\n" + audio


def write(path: Path, head: PreRoll, samples: Samples, fault: FaultPoint) -> None:
    """Write the file durably; raises `OSError` (disk full, …)."""
    write_durable(path, pack(head, samples), "pre_roll", fault)


def read(path: Path, track: str) -> SavedPreRoll:
    """Read a file back; raises `PreRollDamaged`, also where it belongs to another track."""
    try:
        line, _, audio = path.read_bytes().partition(b"\n")
        head: PreRoll = stored(line, PreRoll)
        samples, rate_hz = decode(audio)
    except (OSError, WireError, ValueError) as error:
        raise PreRollDamaged(f"pre-roll {path} can't be read: {error}") from error
    expected = (track, head.audio_sha256, (head.frames, head.channels), head.rate_hz)
    found = (head.track, sha256(audio), samples.shape, rate_hz)
    if expected != found:
        raise PreRollDamaged(f"pre-roll {path} holds {found}, not {expected}")
    return SavedPreRoll(head, samples)
