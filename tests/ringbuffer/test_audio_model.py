"""Any history of blocks, gaps, restarts and damage: each cut equals the same cut of a plain array."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ringbuffer import AudioRing, AudioRingWriter, GapReason, NotYet, Overwritten
from ringbuffer.audio_search import GUARD_SLOTS
from ringbuffer.memory import Room

T0 = 1_000_000_000_000
FRAME_NS = 1_000_000
DEPTH_S = 2

BLOCKS = st.tuples(st.just("blocks"), st.one_of(st.integers(1, 30), st.integers(1, 250)), st.integers(1, 50))
GAPS = st.tuples(
    st.sampled_from([GapReason.OVERRUN, GapReason.ABSENT, GapReason.DISCONNECT]), st.integers(0, 90), st.integers(0, 40)
)
RESTARTS = st.tuples(st.just("restart"), st.integers(0, 90), st.just(0))
DAMAGE = st.tuples(st.just("damage"), st.integers(0, 200), st.integers(0, 71))


class Model:
    """What the ring must hold: a sample and a reason (or none) for each frame; stamps are exact, the rate nominal."""

    def __init__(self, path):
        self.path = path
        self.samples: list[int] = []
        self.reasons: list[GapReason | None] = []
        self.blocks: list[tuple[int, int]] = []
        self.writer = self.open()
        self.now = 0  # The card's time in frames; ahead of len(samples) while something is missing.
        self.missing: GapReason | None = None

    def open(self):
        return AudioRingWriter(
            self.path,
            boot_id="boot",
            source="model",
            simulated=True,
            rate_hz=1000,
            period_frames=20,
            depth_s=DEPTH_S,
            room=lambda _: Room(10**9, 10**9),
        )

    def lose(self, until, reason):
        first = len(self.samples)
        if until > first:
            self.samples += [0] * (until - first)
            self.reasons += [reason] * (until - first)
        self.blocks.append((first, len(self.samples)))

    def do(self, step):
        what, many, much = step
        if what == "blocks":
            for _ in range(many):
                self.append(much)
        elif what == "restart":
            self.writer.close()
            self.writer = self.open()
            if self.blocks:
                self.now += many
                self.missing = GapReason.RESTART
        elif what != "damage":
            self.gap(what, many, much)

    def append(self, much):
        if self.missing is GapReason.RESTART or (self.missing is not None and self.now > len(self.samples) + 1):
            self.lose(self.now, self.missing)
        elif self.missing is not None and self.now > len(self.samples):
            self.now = len(self.samples)  # Less than a frame is no gap; keep the card on the grid.
        self.missing = None
        first = self.now
        block = (np.arange(first, first + much) * 7 % 30011 + 1).astype(np.int16)
        self.now += much
        self.writer.append(block, T0 + self.now * FRAME_NS, 0)
        self.samples += block.tolist()
        self.reasons += [None] * much
        for at in range(first, first + much, 20):
            self.blocks.append((at, min(at + 20, first + much)))

    def gap(self, reason, many, much):
        """`many` frames are missing, of which the driver is told all but `much`."""
        if self.missing is GapReason.RESTART:
            self.lose(self.now, GapReason.RESTART)
        self.writer.gap(reason, T0 + self.now * FRAME_NS, T0 + (self.now + many) * FRAME_NS)
        self.lose(self.now + many, reason)
        self.now += many + (much if much > 1 else 0)
        self.missing = reason


@settings(max_examples=120)
@given(
    steps=st.lists(st.one_of(BLOCKS, BLOCKS, GAPS, RESTARTS, DAMAGE), min_size=1, max_size=14),
    windows=st.lists(st.tuples(st.floats(-0.1, 1.1), st.floats(0, 0.5)), min_size=1, max_size=6),
    by_time=st.booleans(),
)
def test_cuts_equal_the_model(steps, windows, by_time):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.ring"
        model = Model(path)
        ring = AudioRing(path)
        for step in steps:
            model.do(step)
        damage = [step for step in steps if step[0] == "damage"]
        model.writer.close()
        torn = damaged(path, model, ring, damage)
        total = len(model.samples)
        slots = ring._table().geometry.slots
        overwritten = len(model.blocks) >= slots
        held = model.blocks[-(slots - 2 * GUARD_SLOTS - 2) :]
        for where, length in windows:
            first = int(where * total)
            frames = min(max(1, int(length * total)), DEPTH_S * 1000)
            try:
                if by_time:
                    cut = ring.cut(T0 + first * FRAME_NS, T0 + (first + frames) * FRAME_NS)
                else:
                    cut = ring.cut_frames(first, frames)
            except NotYet as early:
                not_yet(early.available_until_ns, model, total, first + frames)
                continue
            except Overwritten:
                assert overwritten
                assert torn or first < held[0][1]
                continue
            compare(cut, model, first, frames, torn)


def not_yet(until_ns, model, total, end_frame):
    if until_ns is None:
        assert not model.blocks
    else:
        assert abs(until_ns - T0 - total * FRAME_NS) <= 1
        assert end_frame > total


def damaged(path, model, ring, damage):
    """Flip a bit in the slots that the steps name; the frames that they held."""
    torn = set()
    if not model.blocks:
        return torn
    table = ring._table()
    newest = table.newest_seq()
    assert newest == len(model.blocks)
    data = bytearray(path.read_bytes())
    for _, back, at in damage:
        seq = newest - back
        # The newest slot stays: without it the ring's end is another one, which other tests cover.
        if back == 0 or table.read(seq) is None or seq in torn:
            continue
        data[4096 + (seq - 1) % table.geometry.slots * table.geometry.slot_bytes + at] ^= 1
        torn.add(seq)
    with path.open("r+b") as file:
        file.write(data)
    return {frame for seq in torn for frame in range(*model.blocks[seq - 1])}


def compare(cut, model, first, frames, torn):
    assert (cut.first_frame, len(cut.samples)) == (first, frames)
    expected, reasons = [], []
    for frame in range(first, first + frames):
        if frame < 0:
            expected.append(0)
            reasons.append(GapReason.ABSENT)
        elif frame in torn:
            expected.append(0)
            reasons.append(GapReason.TORN)
        else:
            expected.append(model.samples[frame])
            reasons.append(model.reasons[frame])
    assert cut.samples.tolist() == expected
    told: list[GapReason | None] = [None] * frames
    at = first
    for gap in cut.gaps:
        assert gap.frames > 0
        assert gap.first_frame >= at
        at = gap.first_frame + gap.frames
        told[gap.first_frame - first : at - first] = [gap.reason] * gap.frames
    assert told == reasons
    if not torn:
        assert abs(cut.start_ns - T0 - first * FRAME_NS) <= 2
        assert abs(cut.end_ns - T0 - (first + frames) * FRAME_NS) <= 2
