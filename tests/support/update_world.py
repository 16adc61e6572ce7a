"""A box whose updates are played through: its process over a real outbox, root's own script over a machine of files."""

import secrets
from types import SimpleNamespace

from box_parts import S
from fake_clock import FakeClock
from fake_rauc import Machine

from edge import wire
from edge.actions import AcceptPress
from edge.outbox import KnownTrack, Outbox, TrackState
from edge.update.downloader import DownloadEnded
from edge.update.helper import Helper
from edge.update.needs import Surroundings
from edge.update.record import Book
from edge.update.release import Running
from edge.update.trial import Senses
from edge.update.updater import Updater
from edge.wire import Update

SHA = "5a" * 32


def offer(number=1, version="2.0", sha256=SHA, **options):
    """An offer as the bridge makes it."""
    return Update(id=f"{number:032x}", version=version, url="http://bridge/x", bytes=1000, sha256=sha256, **options)


class Fetch:
    """The download; the test says how it goes."""

    def __init__(self, machine, content):
        self.machine, self.content = machine, content
        self.offer = self.allowed = None
        self.removed = 0
        self.free = 10**9

    def start(self, offer, wanted):
        self.offer = offer

    def allow(self, *, allowed):
        self.allowed = allowed

    def stop(self):
        self.offer = None

    def remove(self):
        self.stop()
        self.removed += 1
        self.machine.bundle.unlink(missing_ok=True)

    def free_bytes(self):
        return self.free


class World:
    """One disk and the boots over it. `obstacle`, `evidence`, `sound`, `track_state` and `partial` are how it is."""

    def __init__(self, folder, content="signed 2.0"):
        self.folder, self.content = folder, content
        self.machine = Machine(folder)
        self.clock = FakeClock()
        self.obstacle, self.evidence, self.enabled = None, False, True
        self.sound, self.track_state, self.partial = True, TrackState.DELIVERED, False
        self.presses = 0
        self.outbox = None
        self.boot()

    def boot(self, *, userspace=True):
        """Power on: U-Boot's choice, root's unit, the box's process; returns the slot."""
        self.stop()
        slot = self.machine.boot(userspace=userspace)
        self.clock.boot_id = secrets.token_hex(16)
        if userspace:
            self.start()
        return slot

    def start(self, slot="as booted"):
        """The box's process alone, anew."""
        self.stop()
        state = self.machine.state
        slot = state["booted"] if slot == "as booted" else slot
        self.outbox = Outbox(self.folder / "data", "shop", "one", new_id=lambda: secrets.token_hex(16))
        self.fetch = Fetch(self.machine, self.content)
        self.helper = Helper(self.machine.run)
        self.updater = Updater(
            book=Book(self.outbox),
            machine=Running(state["slots"].get(slot, "1.0"), slot),
            root=self.helper,
            fetch=self.fetch,
            surroundings=Surroundings(lambda: self.evidence, lambda _: self.obstacle),
            senses=Senses(lambda _: self.sound, self._press, SimpleNamespace(track=self._track)),
            clock=self.clock,
            enabled=self.enabled,
        )

    def stop(self):
        if self.outbox is not None:
            self.outbox.close()
            self.outbox = None

    def tick(self, seconds=1):
        for _ in range(seconds):
            self.clock.advance(S)
            self.updater.tick(self.clock.mono_ns())

    def serve(self, **options):
        """Root's path unit: nothing happens where nothing is asked."""
        if self.helper.pending:
            self.machine.slot("serve", **options)

    def download(self):
        """From the offer to the durable bundle."""
        self.tick(2)
        self.machine.bundle.write_text(self.content)
        self.updater.handle(DownloadEnded(self.updater.record.offer, None))

    def install(self, **options):
        """From the offer to RAUC's answer, taken note of."""
        self.download()
        self.tick(2)
        self.serve(**options)
        self.tick()

    @property
    def told(self):
        """The reports that the bridge will get, in order."""
        rows = self.outbox._db.execute("select payload from event order by seq").fetchall()
        return [wire.decode_event(row[0]).data for row in rows]

    @property
    def states(self):
        return [str(data.state) for data in self.told]

    def _press(self, press, now_ns):
        self.presses += 1
        return [AcceptPress("a" * 32, None, 0, 0, press.source, False, None, "b" * 32, None, False, None)]

    def _track(self, track):
        assert track == "b" * 32
        return KnownTrack(None, None, self.track_state, SimpleNamespace(partial=self.partial))
