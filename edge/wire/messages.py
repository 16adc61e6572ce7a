"""The plain messages: status, health, receipts, commands and replies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from edge.wire.fields import (
    BUNDLE_BYTES_MAX,
    Count,
    Id,
    Integer,
    Name,
    NonNegative,
    Release,
    Sha256,
    Stamp,
    Strict,
    Text,
)


class Status(Strict, frozen=True):
    """Retained on `…/status`: the birth message, and the will with `online=False`. `session` grows at every connect."""

    online: bool
    session: Count
    version: Text
    boot_id: Id
    series: Id


class EarHealth(Strict, frozen=True):
    """What the ear does. Levels in dBFS over the last second; None while the stream stands."""

    capture: Text
    simulated: bool
    running: bool
    stalled_ms: Count
    rate_hz: NonNegative
    drift_ppm: float
    captured_frames: Count
    lost_frames: Count
    unexplained_frames: Integer
    peak_dbfs: float | None
    rms_dbfs: float | None


class EyeHealth(Strict, frozen=True):
    """What the eye does. `state` is that of the newest point: face, no_face or no_data, which `reason` explains."""

    camera: Text
    simulated: bool
    subject: Text
    privacy: Text
    running: bool
    stalled_ms: Count
    state: Text
    reason: Text | None
    faces: Count


class Health(Strict, frozen=True):
    """Retained on `…/health`, every `health_period_s`."""

    stamp: Stamp
    uptime_s: NonNegative
    version: Text
    ear: EarHealth | None
    seq: Count
    events_waiting: Count
    tracks_waiting: Count
    bytes_waiting: Count
    disk_free_bytes: Count
    rss_bytes: Count
    devices: dict[str, bool]
    faults: tuple[Text, ...]
    eye: EyeHealth | None = None


class Received(Strict, frozen=True):
    """One thing that the bridge has committed; `n` is the chunk's index for `kind="chunk"`."""

    kind: Literal["event", "chunk", "track"]
    id: Id
    sha256: Sha256
    n: Count = 0


class Receipt(Strict, frozen=True):
    """On `…/receipt`, after the bridge's commit. `resend` lists chunks whose content did not match the manifest."""

    received: tuple[Received, ...] = ()
    resend: tuple[Received, ...] = ()


class BridgeState(Strict, frozen=True):
    """Retained on `earshot/1/bridge/state`; boxes hold their data unless a bridge is online."""

    online: bool
    worker: Text


class Ping(Strict, frozen=True, tag_field="command", tag="ping"):
    """Answers with the box's stamp."""

    id: Id


class Identify(Strict, frozen=True, tag_field="command", tag="identify"):
    """Blinks every lamp so that a person finds the box."""

    id: Id
    seconds: Annotated[int, Meta(ge=1, le=600)] = 10


class PressCommand(Strict, frozen=True, tag_field="command", tag="press"):
    """VirtualPanel: the same press as the button's; `id` makes a repetition the same press."""

    id: Id
    button: Name
    employee: Text | None = None


class Extend(Strict, frozen=True, tag_field="command", tag="extend"):
    """A new track with `before_s` more seconds before and `after_s` after `track`, while the ring still has them."""

    id: Id
    track: Id
    before_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    after_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0


class ShiftCommand(Strict, frozen=True, tag_field="command", tag="shift"):
    """Binds a shared staff button to a person from now on (None: to nobody)."""

    id: Id
    button: Name
    employee: Text | None = None


class Update(Strict, frozen=True, tag_field="command", tag="update"):
    """Offers the release `version`: a signed bundle of `bytes` and `sha256` at `url`, which answers ranges.

    The reply says whether it is taken; how it goes on is told by `earshot.update.v1`. The same version does nothing, an
    older one and one that failed before are refused unless `force` is set. The `id` repeated asks nothing new.
    """

    id: Id
    version: Release
    url: Annotated[str, Meta(max_length=2000, pattern=r"^https?://[\u0021-\u007e]+$(?!\n)")]
    bytes: Annotated[int, Meta(ge=1, le=BUNDLE_BYTES_MAX)]
    sha256: Sha256
    force: bool = False


Command = Ping | Identify | PressCommand | Extend | ShiftCommand | Update


class Reply(Strict, frozen=True):
    """On `…/reply`: the outcome of the command `id`. `error` says what was wrong and the remedy."""

    id: Id
    ok: bool
    error: Text | None = None
    result: dict[str, Any] = field(default_factory=dict)
