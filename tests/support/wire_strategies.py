"""Hypothesis strategies for everything that the wire carries."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from edge import wire

hex32 = st.integers(0, 2**128 - 1).map(lambda n: f"{n:032x}")
hex64 = st.integers(0, 2**256 - 1).map(lambda n: f"{n:064x}")
names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
counts = st.integers(0, 2**63 - 1)
millis = st.floats(0, 1e6)
times = st.integers(946_684_800, 4_102_444_800).map(lambda s: datetime.fromtimestamp(s, UTC))
stamps = st.builds(
    wire.Stamp,
    boot_id=hex32,
    mono_ns=counts,
    wall_ns=st.integers(0, 2**62),
    synced=st.booleans(),
    uncertainty_ms=millis,
)
optional_text = st.none() | texts

_press = st.builds(
    wire.PressData,
    button=names,
    trigger=st.sampled_from(wire.Trigger),
    stamp=stamps,
    stamp_uncertainty_ms=millis,
    source=names,
    simulated=st.booleans(),
    rating=st.none() | st.integers(1, 5),
    employee=optional_text,
    track=st.none() | hex32,
    misuse=st.booleans(),
    request_id=optional_text,
    snapshot=st.none() | hex32,
)
_gap = st.builds(wire.GapSpan, offset_frames=counts, frames=st.integers(1, 10**6), reason=names)
_track = st.builds(
    wire.TrackData,
    track=hex32,
    press=hex32,
    trigger=st.sampled_from(wire.Trigger),
    stamp=stamps,
    codec=st.sampled_from(["flac", "wav", "opus"]),
    rate_hz=st.integers(8000, 48000),
    channels=st.integers(1, 2),
    frames=counts,
    before_s=millis,
    after_s=millis,
    press_offset_frames=st.integers(-(10**6), 10**9),
    align_error_ms=millis,
    drift_ppm=st.floats(-300, 300),
    gaps=st.lists(_gap, max_size=3).map(tuple),
    partial=st.booleans(),
    partial_reason=optional_text,
    capture=texts,
    simulated=st.booleans(),
    bytes=st.integers(1, 2**40),
    sha256=hex64,
    chunk_bytes=st.integers(1, wire.CHUNK_BYTES_MAX),
    chunk_sha256=st.lists(hex64, max_size=4).map(tuple),
    extends=st.none() | hex32,
)
_lost = st.builds(wire.TrackLostData, track=hex32, press=hex32, reason=texts, bytes=counts)
_time = st.builds(wire.TimeData, stamp=stamps)
_fault = st.builds(
    wire.FaultData, name=names, device=texts, active=st.booleans(), detail=texts, stamp=stamps, lost_frames=counts
)
_shift = st.builds(wire.ShiftData, button=names, employee=optional_text, stamp=stamps, source=names)
_boot = st.builds(
    wire.BootData,
    stamp=stamps,
    version=texts,
    config_sha256=hex64,
    session=st.integers(1, 10**6),
    open_tracks=counts,
)
_self_test = st.builds(wire.SelfTestData, test=hex32, track=hex32, reason=texts, stamp=stamps)
_releases = st.lists(st.integers(0, 999_999_999), min_size=2, max_size=4).map(lambda parts: ".".join(map(str, parts)))
_update = st.builds(
    wire.UpdateData,
    offer=hex32,
    version=_releases,
    before=texts,
    state=st.sampled_from(wire.UpdateState),
    percent=st.integers(0, 100),
    stamp=stamps,
    reason=optional_text,
    slot=optional_text,
)
_share = st.floats(0, 1)
_percent = st.none() | st.floats(0, 100)
_picture = st.builds(
    wire.Picture,
    content_type=st.just("image/jpeg"),
    width_px=st.integers(1, 4000),
    height_px=st.integers(1, 4000),
    bytes=st.integers(1, wire.PICTURE_BYTES_MAX),
    sha256=hex64,
    chunk_bytes=st.integers(1, wire.CHUNK_BYTES_MAX),
    chunk_sha256=st.lists(hex64, max_size=4).map(tuple),
)
_snapshot = st.builds(
    wire.SnapshotData,
    snapshot=hex32,
    press=hex32,
    stamp=stamps,
    before_s=st.just(30),
    after_s=st.just(5),
    privacy=st.sampled_from(["index", "snapshot", "blur"]),
    subject=st.sampled_from(["client", "staff"]),
    state=st.sampled_from(wire.FaceState),
    reason=st.none() | names,
    frame_mono_ns=st.none() | counts,
    skew_ms=st.none() | st.floats(-200, 200),
    probability=st.none() | _share,
    strip=st.tuples(
        *(
            st.builds(
                wire.StripPoint,
                offset_s=st.just(offset_s),
                state=st.sampled_from(wire.FaceState),
                probability=st.none() | _share,
            )
            for offset_s in range(-30, 0)
        )
    ),
    face_share=_share,
    smiled=st.none() | st.booleans(),
    threshold=_share,
    index=st.builds(
        wire.IndexData,
        since_ns=st.integers(0, 2**62),
        n=counts,
        smiled=counts,
        percent=_percent,
        low_percent=_percent,
        high_percent=_percent,
    ),
    model=texts,
    model_sha256=st.none() | hex64,
    camera=texts,
    simulated=st.booleans(),
    partial=st.booleans(),
    partial_reason=optional_text,
    picture=st.none() | _picture,
)


def events() -> st.SearchStrategy[wire.Event]:
    """Events of every type with every kind of content."""

    def event(data: wire.EventData) -> st.SearchStrategy[wire.Event]:
        return st.builds(
            wire.Event,
            id=hex32,
            site=names,
            box=names,
            type=st.just(wire.type_name(data)),
            time=times,
            series=hex32,
            seq=st.integers(1, 2**63 - 1),
            data=st.just(data),
        )

    return st.one_of(_press, _track, _lost, _time, _fault, _shift, _boot, _self_test, _update, _snapshot).flatmap(event)


def receipts() -> st.SearchStrategy[wire.Receipt]:
    """Receipts with some of everything."""
    one = st.builds(
        wire.Received, kind=st.sampled_from(["event", "chunk", "track"]), id=hex32, sha256=hex64, n=st.integers(0, 999)
    )
    many = st.lists(one, max_size=4).map(tuple)
    return st.builds(wire.Receipt, received=many, resend=many)


def commands() -> st.SearchStrategy[wire.Command]:
    """Commands of every kind."""
    return st.one_of(
        st.builds(wire.Ping, id=hex32),
        st.builds(wire.Identify, id=hex32, seconds=st.integers(1, 600)),
        st.builds(wire.PressCommand, id=hex32, button=names, employee=optional_text),
        st.builds(wire.Extend, id=hex32, track=hex32, before_s=st.floats(0, 3600), after_s=st.floats(0, 3600)),
        st.builds(wire.ShiftCommand, id=hex32, button=names, employee=optional_text),
        st.builds(
            wire.Update,
            id=hex32,
            version=_releases,
            url=st.just("https://bridge.example/updates/1"),
            bytes=st.integers(1, wire.BUNDLE_BYTES_MAX),
            sha256=hex64,
            force=st.booleans(),
        ),
    )
