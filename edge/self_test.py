"""The box's own press: proves that a press becomes a track and reaches the bridge, without keeping any sound.

It goes the way of every press: session, outbox, pre-roll, ring, cutter, delivery, receipt. What is cut from the ring is
measured, its gaps are named, and then it is made silence before anything of it is written: nobody has pressed, so no
sound may leave. It is an event of its own kind, never a press, and its track never counts as evidence.
"""

from __future__ import annotations

import numpy as np

from edge.codec import Samples
from edge.config import ButtonConfig, Window
from edge.plan import PlannedTrack
from edge.wire import Trigger

SELF_TEST_BUTTON = ButtonConfig(name="self_test", driver="virtual", trigger=Trigger.SELF_TEST)
SELF_TEST_WINDOW = Window(before_s=1.0, after_s=1.0)


def hushed(plan: PlannedTrack, samples: Samples) -> Samples:
    """What may be kept of a window's sound: all of it, but for a self-test only its length."""
    return np.zeros_like(samples) if plan.trigger is Trigger.SELF_TEST else samples
