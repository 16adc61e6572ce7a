"""A mail server for tests: a real one on loopback, which keeps what it takes and refuses what it is told to."""

from __future__ import annotations

import base64
import email
import email.policy
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage


@dataclass
class Mailbox:
    """What has come. `answers`: what the next recipients are answered instead of being taken."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    login: tuple[str, str] | None = None
    answers: list[str] = field(default_factory=list)
    mails: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)


class _Session(socketserver.StreamRequestHandler):
    secured: ssl.SSLSocket | None = None

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def finish(self) -> None:
        super().finish()
        if self.secured is not None:
            self.secured.close()

    def handle(self) -> None:
        box: Mailbox = self.server.box  # type: ignore[attr-defined]
        sender, recipients, known, secure = "", [], box.login is None, box.tls is None
        self.say("220 test")
        while line := self.rfile.readline().decode().strip():
            verb = line.upper()
            if verb.startswith("EHLO"):
                features = ["250-test"] + (["250-STARTTLS"] if not secure else []) + ["250-AUTH PLAIN", "250 8BITMIME"]
                for feature in features:
                    self.say(feature)
            elif verb == "STARTTLS" and box.tls is not None:
                self.say("220 go on")
                try:
                    self.secured = box.tls.wrap_socket(self.request, server_side=True)
                except ssl.SSLError:
                    return
                self.rfile, self.wfile = self.secured.makefile("rb"), self.secured.makefile("wb", 0)
                secure = True
            elif verb.startswith("AUTH PLAIN"):
                _, name, password = base64.b64decode(line.split()[2]).decode().split("\0")
                known = (name, password) == box.login
                self.say("235 welcome" if known else "535 wrong password")
            elif verb.startswith("MAIL FROM"):
                sender = line[line.index("<") + 1 : line.index(">")]
                self.say("250 ok" if known and secure else "530 not so")
            elif verb.startswith("RCPT TO"):
                answer = box.answers.pop(0) if box.answers else "250 ok"
                if answer.startswith("250"):
                    recipients.append(line[line.index("<") + 1 : line.index(">")])
                self.say(answer)
            elif verb == "DATA":
                self.say("354 send it")
                lines = []
                while (part := self.rfile.readline()) not in {b".\r\n", b""}:
                    lines.append(part[1:] if part.startswith(b"..") else part)
                mail = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                box.mails.append((sender, recipients, mail))
                self.say("250 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None) -> Iterator[Mailbox]:
    """A server that runs while the block does."""
    with _Server(("127.0.0.1", 0), _Session) as server:
        box = Mailbox(port=server.server_address[1], tls=tls, login=login)
        server.box = box  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()
