"""What carries a message away, and how it says that it could not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from cloud_bridge.notify.outbox import File


class Refused(RuntimeError):
    """A message was not taken; says why, in words for the delivery log. `final`: trying again would not help."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class Parcel(Struct, frozen=True, kw_only=True):
    """A message on its way. `address`: an e-mail address, a channel's or a webhook's URL. `id` stays when repeated."""

    id: str
    address: str
    subject: str
    text: str
    made_ns: int
    secret: str = ""
    files: Sequence[File] = ()


class Carrier(Protocol):
    """Mail, channels, or webhooks."""

    def carry(self, parcel: Parcel, now_ns: int) -> str:
        """Hand it over; what was answered, for the log. Raises `Refused`."""
