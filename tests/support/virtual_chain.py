"""The whole chain in one process and in virtual time: real driver, ring, session, outbox, cutter, delivery and bridge.

Only three things are not real: the clock (a test's own), the broker (a list of messages) and the threads (everything
happens in `advance`). Hours pass in seconds, and the truth of each instant is known exactly.
"""

import itertools
import random
from collections import deque
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from fake_clock import FakeClock

from cloud_bridge.blobs import open_blobs
from cloud_bridge.ingest.assemble import Assembler
from cloud_bridge.ingest.batch import Limits
from cloud_bridge.ingest.parse import Incoming, incoming
from cloud_bridge.ingest.worker import Worker
from cloud_bridge.metrics import Metrics
from cloud_bridge.store.engine import open_store
from cloud_bridge.store.migrate import upgrade
from drivers.contract import Block, Press, Source
from drivers.wav_capture import WavCapture
from edge.actions import AcceptPress, Refuse
from edge.config import Config, decode
from edge.cutter import Cutter, CutterDied, PreRollSaved, TrackFailed, TrackFinished
from edge.faultpoint import no_fault
from edge.faults import FaultBook
from edge.journal import Journal
from edge.link import Link
from edge.outbox import Outbox
from edge.outbox_types import DiskFull
from edge.recording import Recorder
from edge.session import Session
from edge.uplink import Connected, Disconnected, Message, Published
from edge.wire import BRIDGE_STATE_TOPIC, BridgeState, decode_event, encode, parse_topic
from ringbuffer.audio_ring import AudioRing, AudioRingWriter, GapReason

NS = 1_000_000_000
RATE_HZ = 16000
PERIOD_FRAMES = 320
PERIOD_NS = PERIOD_FRAMES * NS // RATE_HZ
SITE, BOX = "site", "box"


def box_config(
    folder: Path, windows: Mapping[str, tuple[float, float]], codec: str = "flac", *, depth_s: int = 120, **sections
) -> Config:
    """A box with a virtual button named after each trigger of `windows` (before_s, after_s)."""
    tree = {
        "box": {"site": SITE, "name": BOX, "data_dir": str(folder), "ring": str(folder / "audio.ring")},
        "ear": {"driver": "wav", "file": "virtual", "depth_s": depth_s},
        "tracks": {
            "codec": codec,
            "tail_grace_s": 1,
            "windows": {name: {"before_s": before, "after_s": after} for name, (before, after) in windows.items()},
        },
        "presses": {"misuse_presses": 1_000_000},
        "buttons": [{"name": name.replace("_", "-"), "driver": "virtual", "trigger": name} for name in windows],
    }
    for name, section in sections.items():
        tree[name] = tree.get(name, {}) | section
    return decode(tree, "virtual box")


class VirtualBridge:
    """The bridge's own worker over its own store, without a broker: `take` returns the receipts as (topic, payload)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.database = folder / "bridge.db"
        self.blobs = folder / "blobs"
        self._store = open_store(f"sqlite:///{self.database}")
        upgrade(self._store)
        self._receipts: list[tuple[str, bytes]] = []
        assembler = Assembler(self._store, open_blobs(f"file://{self.blobs}"), Limits())
        self._worker = Worker(self._store, assembler, self, Metrics(), wait=lambda _: False)

    def take(self, messages: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        self._worker.take([incoming(topic, payload) for topic, payload in messages])
        self._worker.finish_tracks()
        receipts, self._receipts = self._receipts, []
        return receipts

    def close(self) -> None:
        self._store.close()

    # What the worker wants of a broker.
    def publish(self, topic: str, payload: bytes) -> None:
        self._receipts.append((topic, payload))

    def acknowledge(self, message: Incoming) -> None:
        pass

    def set_healthy(self, *, healthy: bool) -> None:
        assert healthy


class VirtualBroker:
    """Up or down; everything that passed it stays in `passed` (topics only where `keep_payloads` is off)."""

    def __init__(self, bridge: VirtualBridge | None, *, keep_payloads: bool = True) -> None:
        self.up = True
        self.passed: list[tuple[str, bytes]] = []
        self._keep_payloads = keep_payloads
        self._bridge = bridge
        self._waiting: list[tuple[str, bytes]] = []

    def take(self, topic: str, payload: bytes) -> None:
        self.passed.append((topic, payload if self._keep_payloads else b""))
        self._waiting.append((topic, payload))

    def receipts(self) -> list[tuple[str, bytes]]:
        """Let the bridge work off what waits."""
        waiting, self._waiting = self._waiting, []
        return self._bridge.take(waiting) if self._bridge is not None and waiting else []


class _Line:
    """One connection to the virtual broker, as `edge.link.Line`."""

    def __init__(self, number: int, broker: VirtualBroker, facts: deque) -> None:
        self.number = number
        self._broker = broker
        self._facts = facts
        self._keys = {}
        self._mids = itertools.count(1)

    def open(self) -> None:
        if not self._broker.up:
            self._facts.append(Disconnected(self.number, "connection refused", reached=False))
            return
        self._facts.append(Connected(self.number))
        state = encode(BridgeState(online=True, worker="virtual"))
        self._facts.append(Message(self.number, BRIDGE_STATE_TOPIC, state, len(state)))

    def publish(self, topic_name, payload, *, key=None, retain=False) -> bool:
        mid = next(self._mids)
        self._keys[mid] = key
        self._broker.take(topic_name, payload)
        self._facts.append(Published(self.number, mid, None))
        return True

    def acknowledged(self, fact):
        return self._keys.pop(fact.mid, None)

    def abort(self, reason: str) -> None:
        self._facts.append(Disconnected(self.number, reason, reached=True))

    def close(self, farewell: bytes) -> None:
        pass


class VirtualBox:
    """A box and its ear in `folder`, hearing `wav` from the moment of its construction.

    `drift_ppm` and `overruns` ((frame, lost frames) since the start) are the sound card's faults. A press's truth:
    source frame `source_frame(mono_ns)` was at the microphone then.
    """

    def __init__(
        self,
        config: Config,
        wav: Path,
        broker: VirtualBroker,
        *,
        drift_ppm: float = 0.0,
        overruns: Sequence[tuple[int, int]] = (),
        stamp_noise_ns: int = 0,
        seed: int = 1,
    ) -> None:
        self.config = config
        self.clock = FakeClock()
        self.broker = broker
        self.manifests = {}
        self.files = {}
        self.lost = {}
        self._facts: deque = deque()
        self._rng = random.Random(seed)
        self._stamp_noise_ns = stamp_noise_ns
        self.ring = self._new_ring()
        self._wav = wav
        self._drift_ppm = drift_ppm
        self._listen(overruns)
        self._start()

    def _start(self) -> None:
        config, folder = self.config, Path(self.config.box.data_dir)
        self.outbox = Outbox(folder, SITE, BOX, new_id=self._new_id)
        self.outbox.make_room(config.tracks.disk_reserve_bytes, self.clock.wall_ns())
        faults = FaultBook(self.outbox, self.clock)
        self.cutter = Cutter(
            lambda: AudioRing(config.box.ring),
            self.outbox.files.folder,
            config.tracks,
            self.clock,
            self._facts.append,
        )
        self.link = Link(
            config,
            outbox=self.outbox,
            faults=faults,
            dial=lambda number, _words: _Line(number, self.broker, self._facts),
            boot_id=self.clock.boot_id,
            version="virtual",
            session=self.outbox.next_session(),
            on_command=lambda _payload, _now_ns: None,
            fault=no_fault,
            rng=self._rng,
        )
        self.recorder = Recorder(
            session=Session(config, self._new_id),
            outbox=self.outbox,
            cutter=self.cutter,
            journal=Journal(folder, "virtual counter"),
            faults=faults,
            clock=self.clock,
            acknowledge=lambda _button: None,
            track_done=self.link.track_done,
            disk_reserve_bytes=config.tracks.disk_reserve_bytes,
        )
        self.recorder.make_room(config.tracks.disk_reserve_bytes)
        self.recorder.resume()

    def restart(self) -> None:
        """The box's process has ended and is started again; the ear, another process, has not noticed."""
        self.cutter.close()
        self.outbox.close()
        self._facts.clear()
        self._start()

    def press(self, button: str, mono_ns: int | None = None, request_id: str | None = None) -> AcceptPress:
        """Press now, or with the stamp of an instant just before; settles what follows at once."""
        now_ns = self.clock.mono_ns()
        fact = Press(button, now_ns if mono_ns is None else mono_ns, 0, Source.SIMULATED, True, request_id=request_id)
        (accepted,) = self.recorder.take(fact, now_ns)
        if isinstance(accepted, Refuse):
            raise DiskFull(accepted.reason)
        assert isinstance(accepted, AcceptPress)
        self.settle()
        return accepted

    def advance(self, seconds: float) -> None:
        """Let time pass, a period at a time, with the ear hearing."""
        end_ns = self.clock.mono_ns() + round(seconds * NS)
        while (left_ns := end_ns - self.clock.mono_ns()) > 0:
            self.clock.advance(min(PERIOD_NS, left_ns))
            self._hear()
            self.settle()

    def skip(self, seconds: float) -> None:
        """Let time pass in one leap without an ear; then a new ring, and the file begins anew."""
        self.clock.advance(round(seconds * NS))
        self.ring.close()
        Path(self.config.box.ring).unlink()
        self.ring = self._new_ring()
        self._listen(())
        self.settle()

    def settle(self) -> None:
        """Do all that is due at this instant."""
        while True:
            now_ns = self.clock.mono_ns()
            self.recorder.tick(now_ns)
            due_ns = self.cutter.step(now_ns)
            self.link.pump(now_ns)
            for topic, payload in self.broker.receipts():
                if parse_topic(topic).channel == "receipt" and self.link.connected:
                    self._facts.append(Message(self._line_number, topic, payload, len(payload)))
            if not self._facts and (due_ns is None or due_ns > now_ns):
                return
            while self._facts:
                self._take(self._facts.popleft(), now_ns)

    def source_frame(self, mono_ns: int) -> Fraction:
        """Where in the (endless) source the microphone was at that instant, since the last `skip`."""
        rate = Fraction(RATE_HZ) * (1 + Fraction(self._drift_ppm) / 1_000_000)
        return (mono_ns - self._origin_ns) * rate / NS

    def close(self) -> None:
        self.cutter.close()
        self.link.close()
        self.outbox.close()
        self.ring.close()

    @property
    def _line_number(self) -> int:
        return self.link._line.number

    def _new_ring(self) -> AudioRingWriter:
        return AudioRingWriter(
            self.config.box.ring,
            boot_id=self.clock.boot_id,
            source="virtual",
            simulated=True,
            depth_s=self.config.ear.depth_s,
            period_frames=PERIOD_FRAMES,
        )

    def _listen(self, overruns: Sequence[tuple[int, int]]) -> None:
        self._origin_ns = self.clock.mono_ns()
        self._ahead: Block | None = None
        self._microphone = WavCapture(
            self._wav,
            rate_hz=RATE_HZ,
            channels=1,
            period_frames=PERIOD_FRAMES,
            speed=0,
            drift_ppm=self._drift_ppm,
            overruns=overruns,
            clock_ns=self.clock.mono_ns,
        )

    def _hear(self) -> None:
        """Append the blocks whose end has come; a stamp is late by up to `stamp_noise_ns`, never early."""
        while True:
            if self._ahead is None:
                read = self._microphone.read()
                if not isinstance(read, Block):
                    now_ns = self.clock.mono_ns()
                    self.ring.gap(GapReason(read.reason.value), now_ns, now_ns)
                    continue
                self._ahead = read
            if self._ahead.end_mono_ns > self.clock.mono_ns():
                return
            late_ns = self._rng.randint(0, self._stamp_noise_ns) if self._stamp_noise_ns else 0
            uncertainty_ns = self._ahead.uncertainty_ns + self._stamp_noise_ns
            self.ring.append(self._ahead.samples, self._ahead.end_mono_ns + late_ns, uncertainty_ns)
            self._ahead = None

    def _take(self, fact, now_ns: int) -> None:
        match fact:
            case PreRollSaved():
                self.recorder.pre_roll_saved(fact)
            case TrackFinished():
                self.manifests[fact.track] = fact.manifest
                self.recorder.track_finished(fact)
            case TrackFailed():
                if not fact.disk_full:
                    self.lost[fact.track] = fact.reason
                self.recorder.track_failed(fact, now_ns)
            case CutterDied():
                raise fact.error
            case _:
                self.link.handle(fact, now_ns)

    def _new_id(self) -> str:
        return f"{self._rng.getrandbits(128):032x}"


def presses_passed(broker: VirtualBroker) -> list[str]:
    """Ids of the press events in the order in which they passed the broker, repetitions left out."""
    ids = (
        decode_event(payload).id
        for topic, payload in broker.passed
        if topic.endswith("/event") and b"press.v1" in payload
    )
    return list(dict.fromkeys(ids))
