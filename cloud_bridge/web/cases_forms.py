"""The forms of cases: what a browser sends; what it may not hold is refused where it is used."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from cloud_bridge.cases.rows import Status

_Line = Annotated[str, Meta(max_length=500)]
_Text = Annotated[str, Meta(max_length=20_000)]


class GatherForm(Struct, frozen=True):
    """Presses by id, apart by commas or spaces (or the field repeated); `into`: the number of a case."""

    presses: str | list[str]
    into: Annotated[str, Meta(max_length=18)] = ""
    title: _Line = ""


class StatusForm(Struct, frozen=True):
    """`next` is where a board wants to lead back to."""

    status: Status
    next: _Line = ""


class AssignForm(Struct, frozen=True):
    """The number of an account; empty: nobody."""

    account: Annotated[str, Meta(max_length=18)] = ""


class QualifyForm(Struct, frozen=True):
    """What a case is: tags apart by commas, an empty verdict takes it back."""

    title: _Line = ""
    verdict: str = ""
    tags: Annotated[str, Meta(max_length=2000)] = ""


class TextForm(Struct, frozen=True):
    """A comment, or a reply."""

    text: _Text = ""


class LimitForm(Struct, frozen=True):
    """Working hours from now on."""

    hours: Annotated[str, Meta(max_length=10)] = ""


class CloseForm(Struct, frozen=True):
    """Why the client was dissatisfied, and what was done about it."""

    cause: Annotated[str, Meta(max_length=100)] = ""
    measure: _Text = ""


class ContactForm(Struct, frozen=True):
    """The client; all empty: nobody is known."""

    name: _Line = ""
    email: _Line = ""
    phone: _Line = ""


class LetterForm(Struct, frozen=True):
    """An e-mail to the client."""

    subject: _Line = ""
    text: _Text = ""
    wait: str = ""


class NumberForm(Struct, frozen=True):
    """Another case."""

    into: Annotated[str, Meta(max_length=18)] = ""


class PolicyForm(Struct, frozen=True):
    """What new cases get, in working hours."""

    limit: Annotated[str, Meta(max_length=10)] = ""
    warn: Annotated[str, Meta(max_length=10)] = ""
