"""Puts the update's parts together with those of the box."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from edge.clock import Clock
from edge.config import Config
from edge.enrol.identity import Identity, IdentityError, bridge_context, uplink_in_force
from edge.faultpoint import FaultPoint
from edge.link import Link
from edge.outbox import Outbox
from edge.plan import NS
from edge.recording import Recorder
from edge.ringwatch import RingWatch
from edge.update.download import Interrupted
from edge.update.downloader import Downloader, DownloaderDied, DownloadFact
from edge.update.helper import Helper
from edge.update.needs import Surroundings
from edge.update.record import Book
from edge.update.release import Running
from edge.update.trial import Senses
from edge.update.updater import Updater


def make_updater(
    config: Config,
    *,
    outbox: Outbox,
    link: Link,
    ringwatch: RingWatch,
    recorder: Recorder,
    clock: Clock,
    emit: Callable[[DownloadFact | DownloaderDied], None],
    machine: Running,
    fault: FaultPoint,
    rng: random.Random,
    parts: ExitStack,
) -> Updater:
    """The updater of a box; its download is ended by `parts`."""

    def sound_flows(now_ns: int) -> bool:
        health = ringwatch.health(now_ns)
        return health is not None and health.running

    def evidence_waits() -> bool:
        if not (link.connected and link.bridge_online):
            return True
        return bool(outbox.backlog.events_after(0, 1)) or next(outbox.backlog.tracks(), None) is not None

    def unready(now_ns: int) -> str | None:
        if outbox.open_tracks():
            return "the window of a press is open"
        for press in outbox.recent_presses(1):
            at = press.data.stamp
            if at.boot_id == clock.boot_id and now_ns - at.mono_ns < config.update.quiet_s * NS:
                return "somebody has just pressed"
        if not sound_flows(now_ns):
            return "no sound flows, so that the new release could not show that it works"
        if not (link.connected and link.bridge_online):
            return "the bridge does not answer, so that the new release could not show that it works"
        return None

    downloader = Downloader(
        update_folder(config),
        tls=lambda: tls_context(config),
        emit=emit,
        reserve_bytes=config.tracks.disk_reserve_bytes,
        rng=rng,
        fault=fault,
    )
    parts.callback(downloader.stop)
    return Updater(
        book=Book(outbox),
        machine=machine,
        root=Helper(Path(config.update.exchange_dir)),
        fetch=downloader,
        surroundings=Surroundings(evidence_waits, unready),
        senses=Senses(sound_flows, recorder.take, outbox),
        clock=clock,
        enabled=config.update.enabled,
    )


def update_folder(config: Config) -> Path:
    """Where bundles are kept; the unit earshot-update knows it by the same name."""
    return Path(config.box.data_dir) / "update"


def tls_context(config: Config) -> ssl.SSLContext:
    """Trust for https, and the box's certificate where it has one; raises `Interrupted` while it can't be set up.

    An enrolled box trusts its bridge as enrolment has told it to; `update.ca_file` goes before that.
    """
    uplink = uplink_in_force(config)
    try:
        if config.uplink.enrolled and not config.update.ca_file:
            return bridge_context(Identity.of(config))[1]
        context = ssl.create_default_context(cafile=config.update.ca_file or None)
        if uplink.cert_file:
            context.load_cert_chain(uplink.cert_file, uplink.key_file or None)
    except (OSError, ssl.SSLError, IdentityError) as error:
        where = config.update.ca_file or "the system store"
        raise Interrupted(f"TLS can't be set up from {where} and the box's certificate: {error}") from error
    return context
