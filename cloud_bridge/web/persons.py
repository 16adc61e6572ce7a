"""Persons who want to know what is kept of them, or want it removed: looked for, exported, removed, and the proof.

Names and addresses are in bodies of requests alone, never in addresses of pages or in the audit trail: both outlive the
removal of the person.
"""

from __future__ import annotations

import hmac
import json
import tempfile
from collections.abc import Iterator
from typing import IO, Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Stream, Template
from msgspec import Meta, Struct

from cloud_bridge.access.table import Action
from cloud_bridge.blobs import BlobError
from cloud_bridge.retention import persons
from cloud_bridge.retention.classes import RetentionError
from cloud_bridge.retention.export import write_export
from cloud_bridge.retention.persons import PersonKind, PersonRemoval
from cloud_bridge.web import audit
from cloud_bridge.web.html import page
from cloud_bridge.web.i18n import Translator
from cloud_bridge.web.permits import needs
from cloud_bridge.web.retention import refusal
from cloud_bridge.web.times import iso_time
from cloud_bridge.web.visitor import AnyRequest, services_of, the_visitor, translator_of

_IN_MEMORY_BYTES = 8 * 1024 * 1024
_PIECE_BYTES = 256 * 1024


class PersonForm(Struct, frozen=True):
    """Who: a client's address or number, or an employee's name."""

    kind: PersonKind
    who: Annotated[str, Meta(max_length=500)] = ""


class RemoveForm(Struct, frozen=True):
    """Who is to be removed, and why."""

    kind: PersonKind
    who: Annotated[str, Meta(max_length=500)] = ""
    reason: Annotated[str, Meta(max_length=2000)] = ""
    sound: str = ""
    sure: str = ""


@get("/persons", opt=needs(Action.DELETE_PERSON), sync_to_thread=True, include_in_schema=False)
def show_persons(request: AnyRequest) -> Template:
    """Whom to look for, and who was removed."""
    return _page(request)


@post("/persons/find", opt=needs(Action.EXPORT_PERSON), sync_to_thread=True, include_in_schema=False)
def find_person(request: AnyRequest, data: URLEncodedBody[PersonForm]) -> Template:
    """What is kept of a person, in numbers."""
    audit.record(services_of(request), request, "person.find", _trace(request, data.kind, data.who))
    return _page(request, kind=data.kind, who=data.who)


@post("/persons/export", opt=needs(Action.EXPORT_PERSON), sync_to_thread=True, include_in_schema=False)
def export_person(request: AnyRequest, data: URLEncodedBody[PersonForm]) -> Template | Response[Any]:
    """All that is kept of a person, as a ZIP."""
    services = services_of(request)
    file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - closed when it is sent
    try:
        write_export(services.store, services.blobs, data.kind, data.who, services.now_ns(), file)
    except RetentionError as error:
        file.close()
        problem = refusal(translator_of(request), error)
        return _page(request, kind=data.kind, who=data.who, problem=problem, status=400)
    except BlobError as error:
        file.close()
        raise HTTPException("the blob store does not answer; try again later", status_code=503) from error
    # Before the first byte leaves.
    audit.record(services, request, "person.export", _trace(request, data.kind, data.who))
    headers = {"content-disposition": 'attachment; filename="person.zip"', "cache-control": "no-store"}
    return Stream(_pieces(file), headers=headers, media_type="application/zip")


@post("/persons/remove", opt=needs(Action.DELETE_PERSON), sync_to_thread=True, include_in_schema=False)
def remove_person(request: AnyRequest, data: URLEncodedBody[RemoveForm]) -> Template | Redirect:
    """Ask for a removal; it is worked off in the background."""
    services = services_of(request)
    t = translator_of(request)
    if not data.sure:
        return _page(request, kind=data.kind, who=data.who, problem=t("persons.not_sure"), status=400)
    try:
        number = persons.request(
            services.store,
            data.kind,
            data.who,
            reason=data.reason,
            with_sound=bool(data.sound),
            by=the_visitor(request).name,
            now_ns=services.now_ns(),
        )
    except RetentionError as error:
        return _page(request, kind=data.kind, who=data.who, problem=refusal(t, error), status=400)
    audit.record(services, request, "person.remove", f"request {number}")
    return Redirect(f"/persons/{number}", status_code=303)


@get("/persons/{number:int}", opt=needs(Action.DELETE_PERSON), sync_to_thread=True, include_in_schema=False)
def show_removal(request: AnyRequest, number: FromPath[int]) -> Template:
    """The proof of a removal."""
    found = _known(request, number)
    t = translator_of(request)
    things = persons.proof(services_of(request).store, found.id)
    rows = [{**msgspec.structs.asdict(one), "at": t.moment(one.at_ns)} for one in things]
    return page(request, "person_removal.html", "persons", person=_view(t, found), things=rows)


@get("/persons/{number:int}/proof", opt=needs(Action.DELETE_PERSON), sync_to_thread=True, include_in_schema=False)
def send_proof(request: AnyRequest, number: FromPath[int]) -> Response[bytes]:
    """The proof as JSON, to be kept."""
    services = services_of(request)
    found = _known(request, number)
    things = persons.proof(services.store, found.id)
    proof = {
        "request": found.id,
        "kind": str(found.kind),
        "person_sha256": found.digest,
        "salt": found.salt,
        "pseudonym": found.pseudonym if found.kind is PersonKind.EMPLOYEE else None,
        "reason": found.reason,
        "asked_by": found.made_by,
        "asked": str(iso_time(found.made_ns)),
        "done": None if found.done_ns is None else str(iso_time(found.done_ns)),
        "counts": found.counts,
        "removed": [{**msgspec.structs.asdict(one), "at": str(iso_time(one.at_ns))} for one in things],
    }
    audit.record(services, request, "person.proof", f"request {number}")
    headers = {
        "content-disposition": f'attachment; filename="removal-{found.id}.json"',
        "cache-control": "no-store",
    }
    content = json.dumps(proof, ensure_ascii=False, indent=1).encode()
    return Response(content, headers=headers, media_type="application/json")


def _known(request: AnyRequest, number: int) -> PersonRemoval:
    found = persons.find(services_of(request).store, number) if 0 < number < 2**63 else None
    if found is None:
        raise NotFoundException("there is no such request")
    return found


def _trace(request: AnyRequest, kind: PersonKind, who: str) -> str:
    """The same for the same person, and nothing that tells who it is."""
    secret = services_of(request).settings.secret.encode()
    return f"{kind} {hmac.new(secret, persons.normal(kind, who).encode(), 'sha256').hexdigest()[:16]}"


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _page(
    request: AnyRequest,
    *,
    kind: PersonKind | None = None,
    who: str = "",
    problem: str | None = None,
    status: int = 200,
) -> Template:
    store = services_of(request).store
    t = translator_of(request)
    found: dict[str, str] | None = None
    if kind is not None:
        subject = persons.normal(kind, who)
        with store.read() as connection:
            known = persons.is_known(connection, kind, subject)
            counts = persons.count_of(connection, kind, subject) if known else {}
        found = {name: _number(t, n) for name, n in counts.items()}
    return page(
        request,
        "persons.html",
        "persons",
        status=status,
        kind=str(kind or PersonKind.CLIENT),
        who=who,
        found=found,
        problem=problem,
        removals=[_view(t, one) for one in persons.removals(store)],
    )


def _number(t: Translator, n: int) -> str:
    return t.number(n) if n <= persons.COUNT_MAX else t("cases.many", n=t.number(persons.COUNT_MAX))


def _view(t: Translator, person: PersonRemoval) -> dict[str, Any]:
    withheld = {k: v for k, v in person.counts.items() if k.startswith(persons.WITHHELD)}
    state = "done" if person.done_ns is not None else "held" if withheld else "waits"
    return {
        "id": person.id,
        "kind": str(person.kind),
        "pseudonym": person.pseudonym if person.kind is PersonKind.EMPLOYEE else "",
        "reason": person.reason,
        "made": t.moment(person.made_ns),
        "made_by": person.made_by,
        "done": "" if person.done_ns is None else t.moment(person.done_ns),
        "state": state,
        "digest": person.digest,
        "salt": person.salt,
        "counts": {k: v for k, v in person.counts.items() if k not in withheld},
        "withheld": {k.removeprefix(persons.WITHHELD): v for k, v in withheld.items()},
    }


ROUTES = (show_persons, find_person, export_person, remove_person, show_removal, send_proof)
"""All of them, for the application."""
