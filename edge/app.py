"""The composition root of the box: makes every part, starts it, runs the main loop, stops it in reverse order."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import secrets
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version as installed_version
from pathlib import Path

import msgspec

from drivers.contract import Button, DriverError, Indicator
from drivers.gpio_button import GpioButton
from drivers.gpio_lamp import GpioLamp
from drivers.log_lamp import LogLamp
from drivers.usb_button import UsbButton, device_name
from edge.box import Box, BoxFact
from edge.clock import Clock, SystemClock
from edge.commands import Commands, Reach
from edge.config import ButtonConfig, Config, ConfigError, LampConfig, masked, track_s_max
from edge.cutter import Cutter
from edge.display import Display
from edge.enrol.identity import is_enrolled, uplink_in_force
from edge.eyewatch import EyeWatch
from edge.faces import FaceReader
from edge.faultpoint import FaultPoint, from_environment
from edge.faults import FaultBook
from edge.health import HealthReport
from edge.journal import Journal
from edge.lamps import Lamp, Lamps
from edge.link import Dial, Line, Link
from edge.local_web import LocalWeb
from edge.mailbox import Mailbox
from edge.outbox import Outbox
from edge.provision.trouble import trouble_of
from edge.recording import Recorder
from edge.ringwatch import RingWatch
from edge.sdnotify import Notify, SystemdNotify
from edge.session import Session
from edge.snapshot_keeper import SnapshotKeeper
from edge.snapshot_maker import Render, SnapshotMaker
from edge.snapshot_plan import OpenSnapshot, page_of
from edge.timerepair import TimeRepair
from edge.update.parts import make_updater
from edge.update.release import Running, running
from edge.uplink import Connection, LastWords, read_password, tls_context
from edge.wire import Reply, TimeData
from models.smile import smile_model
from ringbuffer.audio_ring import AudioRing

_WAIT_MAX_S = 0.5
_ALIVE_NS = 1_000_000_000
_DRAINED_MAX = 1000
_log = logging.getLogger("earshot.box")


def new_id() -> str:
    """128 random bits in hex."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Overrides:
    """What tests put in the place of the real thing; None: the real one."""

    clock: Clock | None = None
    buttons: Callable[[], list[Button]] | None = None
    dial: Dial | None = None
    fault: FaultPoint | None = None
    machine: Running | None = None
    notify: Notify | None = None
    rng: random.Random = field(default_factory=random.SystemRandom)
    on_ready: Callable[[LocalWeb | None], None] = lambda _web: None


def run_box(config: Config, stop: threading.Event, overrides: Overrides | None = None) -> None:
    """Run until `stop` is set. Raises `ConfigError`, `DriverError`, `OutboxError` at the start, `RimDied` later."""
    given = overrides or Overrides()
    if not config.uplink.enrolled:
        # A box that is not enrolled yet works all the same, and keeps what it records.
        read_password(config.uplink)
        tls_context(config.uplink)
    clock = given.clock or SystemClock()
    notify = given.notify or SystemdNotify()
    mailbox: Mailbox[BoxFact] = Mailbox()
    with ExitStack() as parts:
        box = _build(config, clock, mailbox, given, parts)
        parts.callback(mailbox.close)
        with ExitStack() as rim:
            web = None
            if config.web.enabled:
                web = LocalWeb(config, mailbox.put, clock.mono_ns, mailbox.die)
                rim.callback(web.close)
                web.start()
            for button in (given.buttons or (lambda: make_buttons(config.buttons)))():
                rim.callback(button.close)
                button.start(mailbox.put)
            rim.callback(notify.stopping)
            box.tick(clock.mono_ns())
            notify.ready(f"{config.box.site}/{config.box.name}")
            given.on_ready(web)
            _loop(box, clock, mailbox, notify, stop)
        # The rim is closed; a press that it had put is taken before the rest stops.
        for _ in range(_DRAINED_MAX):
            if (fact := mailbox.get(0)) is None:
                break
            box.handle(fact, clock.mono_ns())


def _loop(box: Box, clock: Clock, mailbox: Mailbox[BoxFact], notify: Notify, stop: threading.Event) -> None:
    alive_due_ns = 0
    while not stop.is_set():
        wait_s = (box.next_deadline_ns() - clock.mono_ns()) / 1e9
        fact = mailbox.get(min(wait_s, _WAIT_MAX_S))
        if fact is not None:
            box.handle(fact, clock.mono_ns())
        now_ns = clock.mono_ns()
        box.tick(now_ns)
        if now_ns >= alive_due_ns:
            alive_due_ns = now_ns + _ALIVE_NS
            notify.alive()


def _build(config: Config, clock: Clock, mailbox: Mailbox[BoxFact], given: Overrides, parts: ExitStack) -> Box:
    fault = given.fault or from_environment()
    version = installed_version("earshot")
    data_dir = Path(config.box.data_dir)
    ring_path = Path(config.box.ring)
    outbox = Outbox(data_dir, config.box.site, config.box.name, new_id=new_id, fault=fault)
    parts.callback(outbox.close)
    faults = FaultBook(outbox, clock)
    ringwatch = RingWatch(ring_path, config.ear.stall_ms, outbox, faults, clock)
    parts.callback(ringwatch.close)
    parts.callback((eyewatch := EyeWatch(config.eye, faults, clock)).close)
    lamps = Lamps({lamp.name: Lamp(make_indicator(lamp), lamp.button) for lamp in config.lamps})
    parts.callback(lamps.close)
    page = partial(page_of, config.snapshot.pages_url)
    journal = Journal(data_dir / "journal", config.box.place, fault=fault, link=page)
    cutter = Cutter(lambda: AudioRing(ring_path), outbox.files.folder, config.tracks, clock, mailbox.put, fault=fault)
    parts.callback(cutter.close)
    maker = SnapshotMaker(
        lambda: FaceReader(config.eye.ring),
        outbox.files.folder,
        clock,
        make_renderer(config),
        mailbox.put,
        partial(mailbox.die, "snapshots"),
        fault=fault,
    )
    parts.callback(maker.close)

    def dial(number: int, words: LastWords) -> Line:
        if config.uplink.enrolled:
            missing = not is_enrolled(config)
            detail = "no certificate yet; 'earshot doctor' says why" if missing else "it has its certificate"
            faults.set("enrolment", "bridge", active=missing, detail=detail)
        return Connection(
            number,
            # Enrolled or renewed since the last connection? Then this one is made with what is in force now.
            uplink_in_force(config),
            site=config.box.site,
            box=config.box.name,
            words=words,
            emit=mailbox.put_patiently,
            died=mailbox.die,
        )

    def on_command(payload: bytes, now_ns: int) -> Reply | None:
        return commands.answer(payload, now_ns)

    def promise(plan: OpenSnapshot) -> None:
        snapshots.promise(plan)

    # On a full disk nothing at all could be written before this.
    outbox.make_room(config.tracks.disk_reserve_bytes, clock.wall_ns())
    session = outbox.next_session()
    link = Link(
        config,
        outbox=outbox,
        faults=faults,
        dial=given.dial or dial,
        boot_id=clock.boot_id,
        version=version,
        session=session,
        on_command=on_command,
        fault=fault,
        rng=given.rng,
    )
    parts.callback(link.close)
    recorder = Recorder(
        session=Session(config, new_id),
        outbox=outbox,
        cutter=cutter,
        journal=journal,
        faults=faults,
        clock=clock,
        acknowledge=lamps.acknowledge,
        track_done=link.track_done,
        refuse=lamps.refuse,
        snapshot=promise,
        disk_reserve_bytes=config.tracks.disk_reserve_bytes,
    )
    display = Display(config, outbox, clock, eyewatch.health, smile_model().threshold)
    snapshots = SnapshotKeeper(
        outbox, maker, clock, make_room=recorder.make_room_for_track, told=link.track_done, reacted=display.reacted
    )
    updater = make_updater(
        config,
        outbox=outbox,
        link=link,
        ringwatch=ringwatch,
        recorder=recorder,
        clock=clock,
        emit=mailbox.put,
        machine=given.machine or running(),
        fault=fault,
        rng=given.rng,
        parts=parts,
    )
    commands = Commands(
        recorder=recorder,
        outbox=outbox,
        lamps=lamps,
        clock=clock,
        reach=lambda: Reach(ringwatch.oldest_ns(), min(config.ear.depth_s, track_s_max(config.ear))),
        offer=updater.offer,
        send=lambda reply: link.send("reply", reply),
    )

    def repair(time: TimeData) -> None:
        recorder.journal.repair(time)
        outbox.snapshots.repair(time)

    devices: dict[str, bool] = {}
    trouble = trouble_of(data_dir)
    detail = trouble.get("en", "") if trouble else "earshot.toml is in force"
    faults.set("setup", "earshot.toml", active=trouble is not None, detail=detail)
    faults.end_others("device_lost", {device_name(button.device) for button in config.buttons if button.device})
    box = Box(
        config,
        clock=clock,
        outbox=outbox,
        recorder=recorder,
        snapshots=snapshots,
        display=display,
        link=link,
        lamps=lamps,
        faults=faults,
        ringwatch=ringwatch,
        eyewatch=eyewatch,
        time_repair=TimeRepair(outbox, clock, repair),
        health=HealthReport(
            clock=clock,
            outbox=outbox,
            ringwatch=ringwatch,
            eyewatch=eyewatch,
            faults=faults,
            link=link,
            devices=devices,
            data_dir=data_dir,
            version=version,
        ),
        devices=devices,
        updater=updater,
    )
    cutter.start()
    maker.start()
    digest = hashlib.sha256(msgspec.json.encode(masked(config), order="deterministic")).hexdigest()
    box.start(version=version, config_sha256=digest, session=session)
    return box


def die_with_any_thread() -> None:
    """Let an error that ends a thread end the process: libraries' own threads are parts of the box as well."""

    def hook(arguments: threading.ExceptHookArgs) -> None:
        threading.__excepthook__(arguments)
        os._exit(70)

    threading.excepthook = hook


def make_buttons(configs: tuple[ButtonConfig, ...]) -> list[Button]:
    """The drivers of all buttons, not started: one for each line, one for each USB device, none for virtual ones.

    Raises `ConfigError` for a key that does not exist or stands twice.
    """
    buttons: list[Button] = []
    keys: dict[str, dict[str, str]] = {}
    for config in configs:
        if config.driver == "gpio" and config.line is not None:
            buttons.append(GpioButton(config.name, config.line, pull_up=config.pull_up))
        elif config.driver == "usb" and config.device is not None and config.key is not None:
            device = keys.setdefault(config.device, {})
            if config.key in device:
                raise ConfigError(
                    f"buttons.{config.name}: {config.key} of {config.device} is {device[config.key]!r} too"
                )
            device[config.key] = config.name
    for path, names in keys.items():
        try:
            buttons.append(UsbButton(path, names))
        except DriverError as error:
            raise ConfigError(f"buttons {', '.join(names.values())}: {error}") from error
    return buttons


def make_renderer(config: Config) -> Render | None:
    """What draws the pictures of snapshots; None where none may leave the camera. Raises `ConfigError`: no fonts."""
    if not config.eye.enabled or config.eye.privacy == "index":
        return None
    from edge.snapshot_picture import Renderer  # noqa: PLC0415 - a box without pictures does not load the library

    return Renderer(config.snapshot.language, config.box.place or config.box.name)


def make_indicator(config: LampConfig, write: Callable[[str], None] = _log.info) -> Indicator:
    """The driver of one lamp, its line claimed; raises `DriverError`."""
    if config.driver == "log" or config.line is None:
        return LogLamp(config.name, write)
    return GpioLamp(config.name, config.line, buzzer=config.driver == "gpio_buzzer")
