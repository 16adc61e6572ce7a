"""What the web needs to be told, and what it is given to work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Protocol

from msgspec import Struct

from cloud_bridge.blobs import Blobs
from cloud_bridge.config import ConfigError
from cloud_bridge.config import Enrol as EnrolConfig
from cloud_bridge.config import Notify as NotifyConfig
from cloud_bridge.config import Web as WebConfig
from cloud_bridge.enrol.enrolment import Enrolment
from cloud_bridge.store.engine import Store
from cloud_bridge.web.i18n import LANGUAGES, Language, Message, Translator, load_catalogue, zone
from cloud_bridge.web.programs import Rates
from edge.wire import Command, Reply

SECRET_MIN = 32


class CommandsUnavailable(ConnectionError):
    """No command can be sent now: there is no connection to the broker."""


class SendCommand(Protocol):
    """The way to the boxes. Called from worker threads."""

    def __call__(self, site: str, box: str, command: Command, timeout_s: float) -> Reply | None:
        """The box's reply; None when none came within `timeout_s`. Raises `CommandsUnavailable`."""


class WebSettings(Struct, frozen=True, kw_only=True):
    """Settings of the pages; `secret` signs form tokens and has at least `SECRET_MIN` characters."""

    secret: str
    https: bool = False
    metrics_token: str = ""
    session_hours: float = 12
    time_zone: str = "UTC"
    login_window_s: float = 900
    login_failures_address: int = 20
    login_failures_user: int = 10
    live_poll_s: float = 0.5
    live_ping_s: float = 15
    command_timeout_s: float = 5
    listen_again_s: float = 600
    enrol_url: str = ""
    enrol_window_s: float = 900
    enrol_failures_address: int = 20
    token_requests_a_minute: int = 600
    notify: NotifyConfig = NotifyConfig()

    def __post_init__(self) -> None:
        """Raise `ConfigError` for a secret that could be guessed."""
        if len(self.secret) < SECRET_MIN:
            raise ConfigError(f"the web secret has {len(self.secret)} characters; at least {SECRET_MIN} are needed")

    @classmethod
    def from_config(
        cls, config: WebConfig, secret: str, enrol: EnrolConfig | None = None, notify: NotifyConfig | None = None
    ) -> WebSettings:
        """The settings of a `[web]` section, the secret that its file holds, and what other sections say of pages."""
        enrol = enrol or EnrolConfig()
        return cls(
            secret=secret,
            https=config.https,
            metrics_token=config.metrics_token,
            session_hours=config.session_hours,
            time_zone=config.time_zone,
            enrol_url=enrol.url.rstrip("/"),
            enrol_failures_address=enrol.failures_address,
            notify=notify or NotifyConfig(),
        )

    @property
    def cookie_prefix(self) -> str:
        """With https, browsers take `__Host-` cookies from this very host alone."""
        return "__Host-" if self.https else ""


@dataclass(frozen=True, slots=True)
class Services:
    """All that request handlers use; made once by `create_app`. `now_ns` is Unix time."""

    store: Store
    blobs: Blobs
    settings: WebSettings
    commands: SendCommand
    now_ns: Callable[[], int]
    time_zone: tzinfo
    catalogues: Mapping[Language, Mapping[str, Message]]
    # None: no authority was made, and no box enrols here.
    enrolment: Enrolment | None = None
    rates: Rates = field(default_factory=Rates)

    @classmethod
    def make(
        cls,
        store: Store,
        blobs: Blobs,
        settings: WebSettings,
        commands: SendCommand,
        now_ns: Callable[[], int],
        enrolment: Enrolment | None = None,
    ) -> Services:
        """Load catalogues and time zone; raises `ConfigError` for a zone that this machine does not know."""
        try:
            time_zone = zone(settings.time_zone)
        except ValueError as error:
            raise ConfigError(f"web.time_zone: {error}") from error
        catalogues = {language: load_catalogue(language) for language in LANGUAGES}
        return cls(store, blobs, settings, commands, now_ns, time_zone, catalogues, enrolment)

    def translator(self, language: Language) -> Translator:
        """The words of one language."""
        return Translator(language, self.catalogues[language], self.time_zone)
