"""The composition root of the bridge: builds its parts by configuration, runs them, stops them in reverse order.

A part whose thread dies ends the process with an error; the supervisor starts it anew.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import queue
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from cloud_bridge import faultpoint
from cloud_bridge.alarms.evaluation import evaluate_next
from cloud_bridge.alarms.planning import plan_if_due
from cloud_bridge.blobs import Blobs, open_blobs
from cloud_bridge.chores import make_chores
from cloud_bridge.commands import CommandLink
from cloud_bridge.config import Config, ConfigError, secret_text
from cloud_bridge.enrol.enrolment import open_enrolment
from cloud_bridge.heartbeat import Heartbeat
from cloud_bridge.ingest.assemble import Assembler
from cloud_bridge.ingest.batch import Limits
from cloud_bridge.ingest.parse import Incoming
from cloud_bridge.ingest.worker import Pace, Worker
from cloud_bridge.jobs import Jobs, Task
from cloud_bridge.metrics import Metrics
from cloud_bridge.mqtt import BrokerLink
from cloud_bridge.notify.delivery import deliver_due, make_carriers
from cloud_bridge.notify.telling import Telling
from cloud_bridge.reports.mails import send_due
from cloud_bridge.sdnotify import WATCHDOG_PERIOD_S, notify
from cloud_bridge.store import migrate, tallies
from cloud_bridge.store.engine import Store, open_store
from cloud_bridge.updates.sender import PERIOD_S, send_offers
from cloud_bridge.web.app import create_app
from cloud_bridge.web.i18n import zone
from cloud_bridge.web.settings import WebSettings

log = logging.getLogger(__name__)

_FINISH_S = 20.0
_WEB_FINISH_S = 3
_TALLY_PERIOD_S = 2.0
_PLANS_PERIOD_S = 30.0
_ALARMS_PERIOD_S = 5.0
_REPORTS_PERIOD_S = 60.0
_MESSAGES_PERIOD_S = 5.0
_DELIVERIES_PERIOD_S = 2.0


class PartDied(RuntimeError):
    """A part of the process ended by itself; the process must be started anew."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What ingest and web share."""

    store: Store
    blobs: Blobs
    metrics: Metrics
    fault: faultpoint.FaultPoint
    died: Callable[[str], None]
    hearts: list[Heartbeat] = field(default_factory=list)


def open_configured_store(config: Config) -> Store:
    """The store of `[database]`; raises `ConfigError`."""
    return open_store(secret_text(config.database.url, config.database.url_file, "database.url_file"))


def run(config: Config, *, ingest: bool = True, web: bool = True, stop: threading.Event | None = None) -> None:
    """Run until SIGTERM or SIGINT (or `stop`, where a caller has its own signals); raises `ConfigError`, `PartDied`."""
    ending = stop if stop is not None else _stop_on_signals()
    dead: list[str] = []

    def died(part: str) -> None:
        if not ending.is_set():
            dead.append(part)
            ending.set()

    with ExitStack() as stack:
        store = open_configured_store(config)
        stack.callback(store.close)
        migrate.check(store)
        fault = faultpoint.from_environment()
        blobs = open_blobs(config.blobs.url, config.blobs.options, fault)
        blobs.check()
        parts = _Parts(store, blobs, Metrics(), fault, died)
        if ingest:
            stack.enter_context(_ingest(config, parts))
        if web:
            stack.enter_context(_web(config, parts))
        notify("READY=1\nSTATUS=ingest and pages" if ingest and web else "READY=1")
        _feed_watchdog(ending, parts)
        notify("STOPPING=1")
        log.info("stopping")
    if dead:
        raise PartDied(f"ended by itself: {', '.join(dead)}; see the log above")


def _feed_watchdog(ending: threading.Event, parts: _Parts) -> None:
    """Until the end: say that the process is alive while every loop goes round; one that stands still ends it.

    A part that ends has ended the process already. Under a supervisor without a watchdog this is the watchdog.
    """
    while not ending.wait(WATCHDOG_PERIOD_S):
        stalled = [heart for heart in parts.hearts if heart.is_stalled]
        if not stalled:
            notify("WATCHDOG=1")
            continue
        for heart in stalled:
            log.critical("%s has stood still for %.0f s; where every thread is follows", heart.name, heart.silent_s)
            parts.died(f"{heart.name} (stands still)")
        if sys.__stderr__ is not None:
            faulthandler.dump_traceback(sys.__stderr__)


@contextmanager
def _ingest(config: Config, parts: _Parts) -> Iterator[None]:
    settings, store, metrics = config.ingest, parts.store, parts.metrics
    messages: queue.Queue[Incoming | None] = queue.Queue(settings.receive_maximum + 1)
    giving_up = threading.Event()
    limits = Limits(
        quarantine_rows=settings.quarantine_rows,
        orphan_chunks=settings.orphan_chunks,
        box_orphan_chunks=settings.box_orphan_chunks,
    )
    link = BrokerLink(config.broker, settings.receive_maximum, messages, metrics, lambda: parts.died("mqtt"))
    heart = Heartbeat("ingest")
    worker = Worker(
        store,
        Assembler(store, parts.blobs, limits, parts.fault),
        link,
        metrics,
        wait=giving_up.wait,
        limits=limits,
        pace=Pace(
            batch_messages=settings.batch_messages,
            batch_s=settings.batch_ms / 1000,
            retry_min_s=settings.retry_min_ms / 1000,
            retry_max_s=settings.retry_max_ms / 1000,
        ),
        fault=parts.fault,
        beat=heart.beat,
    )
    updates = Task("updates", PERIOD_S, lambda now_ns: send_offers(store, link.publish, now_ns))
    mails = report_mails(store, config.web.time_zone, config.notify.url.rstrip("/"))
    tasks = (*make_tasks(store), *make_chores(store, parts.blobs, config.notify.url.rstrip("/")), mails, updates)
    me = f"{socket.gethostname()}:{os.getpid()}"
    jobs = Jobs(store, tasks, me, wait=giving_up.wait)
    # By themselves: somebody's server that answers slowly must not hold up anything else.
    telling = Jobs(store, make_telling(store, config), me, name="telling", wait=giving_up.wait)
    parts.hearts.append(heart)
    thread = _start("ingest", lambda: worker.run(messages), parts.died)
    background = _start("jobs", jobs.run, parts.died)
    messenger = _start("telling", telling.run, parts.died)
    link.start()
    try:
        yield
    finally:
        # Boxes hold first; then what has been taken in is finished; only then the connection goes, with its receipts.
        link.close_intake()
        with suppress(queue.Full):
            messages.put(None, timeout=_FINISH_S)
            thread.join(_FINISH_S)
        giving_up.set()
        thread.join(_FINISH_S)
        background.join(_FINISH_S)
        messenger.join(_FINISH_S)
        link.stop()


def make_tasks(store: Store) -> tuple[Task, ...]:
    """The bridge's background work."""
    return (
        Task("tallies", _TALLY_PERIOD_S, lambda _now_ns: tallies.count_dirty(store) > 0),
        Task("alarm thresholds", _PLANS_PERIOD_S, lambda now_ns: plan_if_due(store, now_ns)),
        Task("alarms", _ALARMS_PERIOD_S, lambda now_ns: evaluate_next(store, now_ns)),
    )


def make_telling(store: Store, config: Config) -> tuple[Task, ...]:
    """What carries messages away; raises `ConfigError`."""
    carriers, telling = make_carriers(config.notify), Telling(config.notify.url)
    return (
        Task("messages of alarms", _MESSAGES_PERIOD_S, lambda now_ns: telling.tell(store, now_ns)),
        Task("deliveries", _DELIVERIES_PERIOD_S, lambda now_ns: deliver_due(store, carriers, now_ns)),
    )


def report_mails(store: Store, time_zone: str, url: str) -> Task:
    """Mails reports whose day, week or month is over by the clock of the pages."""
    clock = zone(time_zone)
    return Task("report mails", _REPORTS_PERIOD_S, lambda now_ns: send_due(store, zone=clock, url=url, now_ns=now_ns))


@contextmanager
def _web(config: Config, parts: _Parts) -> Iterator[None]:
    settings = config.web
    enrolment = open_enrolment(parts.store, config)
    if enrolment is not None:
        # A process that died after a revocation may have left the former list.
        enrolment.write_revocation_list()
    commands = CommandLink(config.broker)
    app = create_app(
        parts.store,
        parts.blobs,
        WebSettings.from_config(settings, _secret(Path(settings.secret_file)), config.enrol, config.notify),
        commands,
        registry=parts.metrics.registry,
        enrolment=enrolment,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            server_header=False,
            timeout_graceful_shutdown=_WEB_FINISH_S,
        )
    )
    commands.start()
    thread = _start("web", server.run, parts.died)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(_FINISH_S)
        commands.stop()


def _start(name: str, work: Callable[[], object], died: Callable[[str], None]) -> threading.Thread:
    """A thread whose end, however it comes, is reported."""

    def guarded() -> None:
        try:
            work()
        except SystemExit as error:
            # uvicorn leaves so when it cannot listen; it has logged why.
            log.critical("%s ended with %s", name, error)
        except Exception:
            log.critical("%s failed", name, exc_info=True)
        finally:
            died(name)

    thread = threading.Thread(target=guarded, name=name, daemon=True)
    thread.start()
    return thread


def _stop_on_signals() -> threading.Event:
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    return ending


def _secret(path: Path) -> str:
    """The key that signs form tokens; made once, readable by nobody else. Raises `ConfigError`."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
            descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(descriptor, "w", encoding="ascii") as file:
                    file.write(secrets.token_urlsafe(48))
                    file.flush()
                    os.fsync(descriptor)
                # Linking fails where the file exists now: of two that start at once both use the first one's key.
                with suppress(FileExistsError):
                    os.link(made, path)
            finally:
                made.unlink()
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"web.secret_file {str(path)!r} cannot be made or read: {error}") from error
