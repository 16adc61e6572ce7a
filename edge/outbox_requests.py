"""What was answered to whom: requests and commands by their id, so that a repeated one changes nothing.

Everything that writes runs inside a transaction of its caller.
"""

from __future__ import annotations

from sqlite_utils import Database

from edge import wire
from edge.outbox_stored import stored
from edge.wire import Reply

_KEPT = 10_000


class Requests:
    """The last ten thousand of them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def press(self, request_id: str) -> str | None:
        """The press that a request made, None for a new request."""
        row = self._db.execute("select press from request where id = ?", [request_id]).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    def reply(self, command_id: str) -> Reply | None:
        """The reply that a command was given, None for a new one."""
        row = self._db.execute("select reply from request where id = ?", [command_id]).fetchone()
        if row is None or row[0] is None:
            return None
        reply: Reply = stored(row[0], Reply)
        return reply

    def remember_press(self, request_id: str, press: str) -> None:
        """The request has made this press."""
        self._remember(request_id, press, None)

    def remember_reply(self, reply: Reply) -> None:
        """The command was given this reply."""
        self._remember(reply.id, None, wire.encode(reply))

    def _remember(self, request_id: str, press: str | None, reply: bytes | None) -> None:
        self._db.execute(
            "insert into request (id, press, reply) values (?, ?, ?) on conflict (id) do update"
            " set press = coalesce(press, excluded.press), reply = coalesce(reply, excluded.reply)",
            [request_id, press, reply],
        )
        self._db.execute("delete from request where n <= (select max(n) from request) - ?", [_KEPT])
