"""The invented world as the messages that its boxes would have published, box by box, in order of `seq`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from cloud_bridge.simulate.failures import Kind
from cloud_bridge.simulate.speech import AFTER_S, BEFORE_S, RATE_HZ
from cloud_bridge.simulate.world import Customer, Shift, Vote, World
from edge import wire

SOURCE = "simulated"
VERSION = "simulate-1"
STAMP_UNCERTAINTY_MS = 10.0
_BOOT_BEFORE_NS = 3_600_000_000_000
# The press comes while the receipt is printed or shortly after.
_AFTER_RECEIPT_NS = 4_000_000_000
_NS = 1_000_000_000
_RATINGS = {Vote.GREEN: 5, Vote.YELLOW: 3}

MakeSound = Callable[[Kind | None, int], bytes]


class Message(Struct, frozen=True):
    """One thing to deliver: published as `parts`, done with a receipt that names `kind`, `id` and `sha256`."""

    parts: tuple[tuple[str, bytes], ...]
    kind: str
    id: str
    sha256: str


def box_messages(world: World, counter: int, make_sound: MakeSound | None) -> Iterator[Message]:
    """What the box of `counter` published. Equal worlds give equal messages; `make_sound` None: presses alone."""
    box = _Box(world, counter)
    yield box.boot()
    shifts = [shift for shift in world.shifts if shift.counter == counter]
    customers = [one for one in world.customers if one.counter == counter]
    moments: list[Shift | Customer] = sorted([*shifts, *customers], key=lambda one: one.at_ns)
    for moment in moments:
        if isinstance(moment, Shift):
            yield box.shift(moment)
        else:
            yield from box.presses(moment, make_sound)


def series_of(world: World, counter: int) -> str:
    """The series that numbers the events of a counter's box."""
    return _id(world, counter, "series")


def boot_of(world: World, counter: int) -> str:
    """The one boot of a counter's box."""
    return _id(world, counter, "boot")


class _Box:
    def __init__(self, world: World, counter: int) -> None:
        self._world = world
        self._counter = counter
        self._place = world.counters[counter]
        self._series = series_of(world, counter)
        self._boot = boot_of(world, counter)
        self._boot_ns = world.start_ns - _BOOT_BEFORE_NS
        self._seq = 0

    def boot(self) -> Message:
        config = hashlib.sha256(self._series.encode()).hexdigest()
        data = wire.BootData(
            stamp=self._stamp(self._boot_ns + _NS), version=VERSION, config_sha256=config, session=1, open_tracks=0
        )
        return self._event(data, self._boot_ns + _NS, "booted")

    def shift(self, shift: Shift) -> Message:
        name = None if shift.employee is None else self._place.employees[shift.employee]
        data = wire.ShiftData(button="staff", employee=name, stamp=self._stamp(shift.at_ns), source=SOURCE)
        return self._event(data, shift.at_ns, f"shift {shift.at_ns}")

    def presses(self, customer: Customer, make_sound: MakeSound | None) -> Iterator[Message]:
        employee = self._place.employees[customer.employee]
        pressed_ns = customer.at_ns + _AFTER_RECEIPT_NS
        if customer.vote is Vote.RED:
            yield from self._press(customer, "red", wire.Trigger.INCIDENT, pressed_ns, None, make_sound, rating=1)
        elif customer.vote is not None:
            rating = _RATINGS[customer.vote]
            yield from self._press(
                customer, str(customer.vote), wire.Trigger.RATING, pressed_ns, None, None, rating=rating
            )
        if customer.appeal:
            yield from self._press(customer, "staff", wire.Trigger.APPEAL, pressed_ns + _NS, employee, make_sound)
        if customer.force_majeure:
            yield from self._press(
                customer, "staff", wire.Trigger.FORCE_MAJEURE, pressed_ns + 2 * _NS, employee, make_sound
            )

    def _press(
        self,
        customer: Customer,
        button: str,
        trigger: wire.Trigger,
        at_ns: int,
        employee: str | None,
        make_sound: MakeSound | None,
        rating: int | None = None,
    ) -> Iterator[Message]:
        name = f"press {customer.number} {trigger}"
        track = None if make_sound is None else _id(self._world, self._counter, f"track of {name}")
        data = wire.PressData(
            button=button,
            trigger=trigger,
            stamp=self._stamp(at_ns),
            stamp_uncertainty_ms=STAMP_UNCERTAINTY_MS,
            source=SOURCE,
            simulated=True,
            rating=rating,
            employee=employee,
            track=track,
        )
        press = self._event(data, at_ns, name)
        yield press
        if make_sound is not None and track is not None:
            kind = None if customer.failure is None else self._world.failures[customer.failure].kind
            yield from self._track(track, press.id, trigger, at_ns, make_sound(kind, customer.number))

    def _track(self, track: str, press: str, trigger: wire.Trigger, at_ns: int, sound: bytes) -> Iterator[Message]:
        chunks = [sound[at : at + wire.CHUNK_BYTES_MAX] for at in range(0, len(sound), wire.CHUNK_BYTES_MAX)]
        manifest = wire.TrackData(
            track=track,
            press=press,
            trigger=trigger,
            stamp=self._stamp(at_ns),
            codec="flac",
            rate_hz=RATE_HZ,
            channels=1,
            frames=(BEFORE_S + AFTER_S) * RATE_HZ,
            before_s=BEFORE_S,
            after_s=AFTER_S,
            press_offset_frames=BEFORE_S * RATE_HZ,
            align_error_ms=STAMP_UNCERTAINTY_MS,
            drift_ppm=0.0,
            gaps=(),
            partial=False,
            partial_reason=None,
            capture="espeak-ng",
            simulated=True,
            bytes=len(sound),
            sha256=wire.sha256(sound),
            chunk_bytes=wire.CHUNK_BYTES_MAX,
            chunk_sha256=tuple(wire.sha256(chunk) for chunk in chunks),
        )
        told = self._event(manifest, at_ns + AFTER_S * _NS, f"manifest of {track}")
        place = self._place
        parts = [(wire.manifest_topic(place.site, place.box, track), told.parts[0][1])]
        parts += [(wire.chunk_topic(place.site, place.box, track, n), chunk) for n, chunk in enumerate(chunks)]
        yield Message(tuple(parts), "track", track, manifest.sha256)

    def _event(self, data: wire.EventData, at_ns: int, name: str) -> Message:
        self._seq += 1
        event = wire.Event(
            id=_id(self._world, self._counter, name),
            site=self._place.site,
            box=self._place.box,
            type=wire.type_name(data),
            time=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_ns // 1000),
            series=self._series,
            seq=self._seq,
            data=data,
        )
        payload = wire.encode_event(event)
        topic = wire.topic(self._place.site, self._place.box, "event")
        return Message(((topic, payload),), "event", event.id, wire.sha256(payload))

    def _stamp(self, at_ns: int) -> wire.Stamp:
        return wire.Stamp(
            boot_id=self._boot, mono_ns=at_ns - self._boot_ns, wall_ns=at_ns, synced=True, uncertainty_ms=1.0
        )


def _id(world: World, counter: int, name: str) -> str:
    # The end belongs to it: a later run with the same seed is another history, never a change of this one.
    text = f"{world.seed} {world.start_ns} {world.end_ns} {len(world.counters)} {counter} {name}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
