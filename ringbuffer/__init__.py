"""The slot ring in shared memory and the timeline that maps its frames to monotonic time."""

from ringbuffer.accounting import Account, account
from ringbuffer.audio_ring import AudioRing, Cut
from ringbuffer.audio_writer import AudioRingWriter, AudioStats
from ringbuffer.errors import NotYet, Overwritten, RingAbsent, RingDamaged, RingError, RingInUse, RingTooLarge
from ringbuffer.gaps import Gap, GapReason
from ringbuffer.slot_ring import Slot, SlotRingReader, SlotRingWriter
from ringbuffer.stream_fit import Stamps, StreamFit
from ringbuffer.timeline import Timeline

__all__ = [
    "Account",
    "AudioRing",
    "AudioRingWriter",
    "AudioStats",
    "Cut",
    "Gap",
    "GapReason",
    "NotYet",
    "Overwritten",
    "RingAbsent",
    "RingDamaged",
    "RingError",
    "RingInUse",
    "RingTooLarge",
    "Slot",
    "SlotRingReader",
    "SlotRingWriter",
    "Stamps",
    "StreamFit",
    "Timeline",
    "account",
]
