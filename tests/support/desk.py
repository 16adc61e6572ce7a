"""A recorder over a real outbox, with nobody behind its cutter and its journal: for tests of what becomes durable."""

from box_parts import S, config, counting_ids

from drivers.contract import Press, Source
from edge.clock import SystemClock
from edge.faults import FaultBook
from edge.outbox import Outbox
from edge.recording import Recorder
from edge.session import Session


class Work:
    """The cutter's side: what was asked of it."""

    def __init__(self):
        self.pre_rolls = []
        self.finishes = []

    def save_pre_roll(self, track):
        self.pre_rolls.append(track)

    def finish(self, track):
        self.finishes.append(track)


class NoBook:
    """A journal that only remembers which presses it was given."""

    def __init__(self):
        self.presses = []

    def append(self, press_id, data):
        self.presses.append(press_id)

    def restore(self, presses):
        return 0

    def repair(self, time):
        return 0


class Desk:
    """`lit` and `refused` are the buttons whose press was acknowledged or refused, `written` the journal.

    `ids` makes the makers of ids; a desk over the outbox of an earlier one needs others than 1, 2, 3.
    """

    def __init__(self, folder, ids=counting_ids):
        self.clock = SystemClock()
        self.outbox = Outbox(folder, "shop", "one", new_id=ids())
        self.work, self.lit, self.refused = Work(), [], []
        book = NoBook()
        self.written = book.presses
        self.recorder = Recorder(
            session=Session(config(), ids()),
            outbox=self.outbox,
            cutter=self.work,
            journal=book,
            faults=FaultBook(self.outbox, self.clock),
            clock=self.clock,
            acknowledge=self.lit.append,
            track_done=lambda _: None,
            disk_reserve_bytes=0,
            refuse=self.refused.append,
        )

    def press(self, mono_ns=5 * S):
        """What became of a press of the red button."""
        return self.recorder.take(Press("red", mono_ns, 0, Source.SIMULATED, simulated=True), mono_ns)[0]

    def close(self):
        self.outbox.close()
