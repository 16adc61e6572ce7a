"""One run of the whole chain as real processes: three presses whose windows overlap, all of it delivered."""

import time

from broker import Listener
from watermark import RATE_HZ, watermarked, write_wav

from demo.alignment import origin_ns
from demo.chain import BUTTONS, Chain, Settings
from demo.ledger import Ledger

BEFORE_S, AFTER_S = 1.5, 1.0


class Run:
    """A chain after three presses whose windows overlap, all of it delivered."""

    def __init__(self, folder, memory):
        self.wav = write_wav(folder / "source.wav", watermarked(40, seed=11))
        self.chain = Chain(folder / "chain", memory, Settings(self.wav, BEFORE_S, AFTER_S, depth_s=60))
        self.answers = {}
        self.messages = []

    def make(self):
        chain = self.chain
        chain.prepare()
        chain.start()
        chain.wait_for(lambda: heard_s(chain) > BEFORE_S + 0.5, "the ear hears", chain.ear)
        self.origin = origin_ns(chain.ring, RATE_HZ)
        with Listener(chain.broker) as listener:
            for n, button in enumerate(BUTTONS):
                before_ns = time.monotonic_ns()
                self.answers[button.name] = (chain.press(button.name, f"chain-{n}"), before_ns, time.monotonic_ns())
            ledger = self.ledger
            chain.wait_for(
                lambda: [track.state for track in ledger.tracks().values()] == ["complete"] * len(BUTTONS),
                "all tracks are complete",
                chain.bridge,
                30,
            )
            chain.wait_for(
                lambda: not chain.state()["health"]["tracks_waiting"], "the box has its receipts", chain.box, 15
            )
            self.messages = list(listener.messages)

    @property
    def ledger(self):
        return Ledger(self.chain.database, self.chain.blobs)


def heard_s(chain):
    try:
        return (time.monotonic_ns() - origin_ns(chain.ring, RATE_HZ)) / 1e9
    except LookupError:
        return 0.0
