"""Carries messages as e-mail, by the mail server of the configuration."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from cloud_bridge.config import ConfigError, Notify, secret_text
from cloud_bridge.notify.carrier import Parcel, Refused
from cloud_bridge.notify.outbox import NotifyError, mail_address

_TIMEOUT_S = 20.0
# The account is refused, or busy: whoever runs the server can change that while the message waits.
_OURS = frozenset({421, 450, 451, 452, 530, 534, 535, 538})


class Mailer:
    """One mail a connection: mail is rare, and a server forgets idle ones. Raises `ConfigError` for settings."""

    def __init__(self, config: Notify) -> None:
        self._config = config
        if not config.smtp_host:
            return
        try:
            self._sender = mail_address(config.sender)
        except NotifyError as error:
            raise ConfigError(f"notify.sender: {error}") from error
        self._password = secret_text("", config.smtp_password_file, "notify.smtp_password_file")
        try:
            self._tls = ssl.create_default_context(cafile=config.smtp_ca_file or None)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"notify.smtp_ca_file {config.smtp_ca_file!r} cannot be used: {error}") from error

    def carry(self, parcel: Parcel, now_ns: int) -> str:  # noqa: ARG002 - a mail bears the time it was written at
        """See `Carrier`."""
        if not self._config.smtp_host:
            raise Refused("no mail server is configured; set notify.smtp_host and notify.sender")
        try:
            with self._connect() as server:
                server.send_message(self.message(parcel), self._sender, [parcel.address])
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise _refusal(code, text) from error
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPException as error:
            raise Refused(f"{self._config.smtp_host}: {error}") from error
        except (OSError, ValueError) as error:
            raise Refused(f"{self._config.smtp_host}:{self._config.smtp_port} cannot be reached: {error}") from error
        return f"taken by {self._config.smtp_host}"

    def message(self, parcel: Parcel) -> EmailMessage:
        """The mail as it is sent. A repetition bears the same Message-ID, by which mailboxes know it."""
        mail = EmailMessage(policy=SMTP)
        mail["From"] = self._sender
        mail["To"] = parcel.address
        mail["Subject"] = parcel.subject
        mail["Date"] = format_datetime(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=parcel.made_ns // 10**9))
        digest = hashlib.sha256(f"{self._sender} {parcel.id}".encode()).hexdigest()[:32]
        mail["Message-ID"] = f"<{digest}@{self._sender.rpartition('@')[2]}>"
        # Nobody's holiday notice should come back.
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(parcel.text)
        for file in parcel.files:
            main, _, sub = file.content_type.partition("/")
            mail.add_attachment(file.data, maintype=main, subtype=sub or "octet-stream", filename=file.name)
        return mail

    def _connect(self) -> smtplib.SMTP:
        config = self._config
        if config.smtp_tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                config.smtp_host, config.smtp_port, timeout=_TIMEOUT_S, context=self._tls
            )
        else:
            server = smtplib.SMTP(config.smtp_host, config.smtp_port, timeout=_TIMEOUT_S)
        try:
            if config.smtp_tls == "starttls":
                server.starttls(context=self._tls)
            if config.smtp_user:
                server.login(config.smtp_user, self._password)
        except BaseException:
            server.close()
            raise
        return server


def _refusal(code: int, text: bytes | str) -> Refused:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return Refused(f"{code} {' '.join(said.split())}"[:500], final=code >= 500 and code not in _OURS)
