"""The bridge's configuration: one strict TOML file. Unknown keys, wrong types and impossible values stop the start."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the key, the value and the remedy."""


def _doc(text: str, **limits: Any) -> Meta:
    return Meta(description=text, **limits)


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every section."""


class Broker(Section, frozen=True):
    """The way to the broker."""

    host: Annotated[str, _doc("Broker's host name or address.")] = "localhost"
    port: Annotated[int, _doc("Broker's TCP port.", ge=1, le=65535)] = 8883
    protocol: Annotated[Literal["5", "3.1.1"], _doc("MQTT version.")] = "5"
    tls: Annotated[bool, _doc("Use TLS.")] = True
    ca_file: Annotated[str, _doc("PEM file of the authorities trusted for the broker; empty: the system's.")] = ""
    cert_file: Annotated[str, _doc("PEM client certificate, where the broker asks for one.")] = ""
    key_file: Annotated[str, _doc("PEM key of the client certificate.")] = ""
    user: Annotated[str, _doc("User name at the broker.")] = ""
    password: Annotated[str, _doc("Password at the broker; better: password_file.")] = ""
    password_file: Annotated[str, _doc("File that holds the password (systemd credential).")] = ""
    keepalive_s: Annotated[int, _doc("MQTT keep-alive, seconds.", ge=5, le=600)] = 30
    backoff_min_s: Annotated[int, _doc("First wait before connecting anew, seconds.", ge=1)] = 1
    backoff_max_s: Annotated[int, _doc("Longest wait before connecting anew, seconds.", ge=1)] = 30


class Ingest(Section, frozen=True):
    """How messages are taken in."""

    batch_messages: Annotated[int, _doc("Messages a transaction holds at most.", ge=1, le=10_000)] = 500
    batch_ms: Annotated[int, _doc("Milliseconds to wait for more messages after the first.", ge=0, le=1000)] = 5
    receive_maximum: Annotated[int, _doc("Unacknowledged messages that the broker may send us.", ge=1, le=65535)] = 1000
    quarantine_rows: Annotated[int, _doc("Quarantined messages kept a box, newest first.", ge=1)] = 1000
    orphan_chunks: Annotated[int, _doc("Chunks kept a track while its manifest has not come.", ge=1)] = 4096
    box_orphan_chunks: Annotated[int, _doc("The same of all tracks of a box together.", ge=1)] = 8192
    retry_min_ms: Annotated[int, _doc("First wait after the database failed, milliseconds.", ge=1)] = 100
    retry_max_ms: Annotated[int, _doc("Longest wait after the database failed, milliseconds.", ge=1)] = 10_000


class Database(Section, frozen=True):
    """Where rows are kept."""

    url: Annotated[str, _doc("sqlite:///<path> or postgresql://<user>:<password>@<host>/<database>.")] = (
        "sqlite:////var/lib/earshot/bridge/bridge.db"
    )
    url_file: Annotated[str, _doc("File that holds the URL (systemd credential), instead of url.")] = ""


class Blobs(Section, frozen=True):
    """Where sound is kept."""

    url: Annotated[str, _doc("file:///<folder>, s3://<bucket>/<prefix>, or memory:// (tests).")] = (
        "file:///var/lib/earshot/bridge/blobs"
    )
    options: Annotated[dict[str, str], _doc("obstore's options of an S3 store, e.g. endpoint, region.")] = field(
        default_factory=dict
    )


class Web(Section, frozen=True):
    """Pages and API."""

    host: Annotated[str, _doc("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, _doc("Port to listen on; 0 = any.", ge=0, le=65535)] = 8088
    https: Annotated[bool, _doc("Pages are reached by https (a proxy ends TLS): cookies are Secure.")] = False
    trusted_proxies: Annotated[tuple[str, ...], _doc("Addresses whose X-Forwarded-For is believed.")] = ()
    secret_file: Annotated[str, _doc("File with the key that signs form tokens; made at the first start.")] = (
        "/var/lib/earshot/bridge/secret"  # noqa: S105 - a path, not the secret
    )
    metrics_token: Annotated[str, _doc("Bearer token for /metrics; empty: only from this machine.")] = ""
    session_hours: Annotated[int, _doc("Hours after the last request until a person is logged out.", ge=1)] = 12
    time_zone: Annotated[str, _doc("IANA time zone in which pages show times.")] = "UTC"


class Enrol(Section, frozen=True):
    """How boxes get their certificates. Works once 'earshot bridge ca init' has made the authority."""

    folder: Annotated[str, _doc("Folder of the authority: its key, its certificate, the revocation list.")] = (
        "/var/lib/earshot/bridge/enrol"
    )
    url: Annotated[str, _doc("Address of the bridge as boxes reach it; empty: as the person who makes a code.")] = ""
    bridge_ca_file: Annotated[str, _doc("PEM authorities of that address; empty: the box's system store.")] = ""
    broker_host: Annotated[str, _doc("Broker as boxes reach it; empty: broker.host.")] = ""
    broker_port: Annotated[int, _doc("Its TCP port for certificates; 0: broker.port.", ge=0, le=65535)] = 0
    broker_ca_file: Annotated[str, _doc("PEM authorities of the broker, for boxes; empty: broker.ca_file.")] = ""
    code_hours: Annotated[int, _doc("Hours that a code is good for.", ge=1, le=24 * 366)] = 168
    certificate_days: Annotated[int, _doc("Days that a certificate is good for.", ge=1, le=3660)] = 365
    late_days: Annotated[int, _doc("Days after its end in which a certificate still renews.", ge=0, le=3660)] = 365
    failures_address: Annotated[int, _doc("Refused attempts of one address in 15 minutes until it waits.", ge=1)] = 20


class Notify(Section, frozen=True):
    """How people and programs are told."""

    url: Annotated[str, _doc("Address of the pages as people reach them, for links in messages.")] = ""
    smtp_host: Annotated[str, _doc("Mail server that takes our mail; empty: no e-mail is sent.")] = ""
    smtp_port: Annotated[int, _doc("Its TCP port.", ge=1, le=65535)] = 587
    smtp_tls: Annotated[Literal["starttls", "tls", "none"], _doc("How the connection to it is protected.")] = "starttls"
    smtp_ca_file: Annotated[str, _doc("PEM file of the authorities trusted for it; empty: the system's.")] = ""
    smtp_user: Annotated[str, _doc("User name there; empty: without one.")] = ""
    smtp_password_file: Annotated[str, _doc("File that holds the password (systemd credential).")] = ""
    sender: Annotated[str, _doc("Address that mail comes from.")] = ""
    services: Annotated[tuple[str, ...], _doc("Services of apprise, by their schemas, that channels may use.")] = (
        "discord",
        "pover",
        "slack",
        "tgram",
        "twilio",
        "workflows",
    )
    webhook_networks: Annotated[tuple[str, ...], _doc("Private networks that webhooks may reach, as 10.1.0.0/16.")] = ()
    webhook_http: Annotated[bool, _doc("Webhooks may use http, too (within those networks).")] = False


class Config(Section, frozen=True):
    """The whole file."""

    broker: Broker = field(default_factory=Broker)
    ingest: Ingest = field(default_factory=Ingest)
    database: Database = field(default_factory=Database)
    blobs: Blobs = field(default_factory=Blobs)
    web: Web = field(default_factory=Web)
    enrol: Enrol = field(default_factory=Enrol)
    notify: Notify = field(default_factory=Notify)


def load(path: Path) -> Config:
    """Read, decode and cross-check a configuration file; raises `ConfigError`."""
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"configuration {path} does not exist; see docs/BRIDGE.md for an example") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration {path} is not TOML: {error}") from error
    return decode(tree, str(path))


def decode(tree: dict[str, Any], where: str) -> Config:
    """Decode and cross-check a parsed tree; `where` names it in errors."""
    try:
        config = msgspec.convert(tree, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from error
    broker = config.broker
    if broker.password and broker.password_file:
        raise ConfigError(f"{where}: broker: both password and password_file are set; keep one")
    if broker.backoff_min_s > broker.backoff_max_s:
        raise ConfigError(f"{where}: broker: backoff_min_s is larger than backoff_max_s")
    if config.ingest.retry_min_ms > config.ingest.retry_max_ms:
        raise ConfigError(f"{where}: ingest: retry_min_ms is larger than retry_max_ms")
    return config


def secret_text(value: str, file: str, key: str) -> str:
    """The secret itself, or the first line of the file that holds it; raises `ConfigError`."""
    if not file:
        return value
    try:
        return Path(file).read_text("utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{key} = {file!r} cannot be read: {error}") from error
