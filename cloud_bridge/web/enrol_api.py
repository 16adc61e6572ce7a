"""Where boxes enrol and renew: public, without session or form token, for each request proves itself."""

from __future__ import annotations

from collections.abc import Callable

from litestar import MediaType, Response, post
from litestar.exceptions import (
    NotFoundException,
    PermissionDeniedException,
    TooManyRequestsException,
    ValidationException,
)
from litestar.params import RawBody

from cloud_bridge.enrol.authority import EnrolError
from cloud_bridge.enrol.enrolment import Enrolment
from cloud_bridge.enrol.registry import CertificateRow
from cloud_bridge.web import audit
from cloud_bridge.web.settings import Services
from cloud_bridge.web.visitor import PUBLIC, AnyRequest, address_of, services_of
from edge.wire import WireError

_BODY_BYTES_MAX = 48 * 1024
# A program asks, with a proof of its own: no browser's cookie is believed, so none has to be protected.
_OPEN = {**PUBLIC, "exclude_from_csrf": True}

_Work = Callable[[Enrolment, bytes, int], tuple[bytes, CertificateRow]]


@post(
    "/api/enrol", opt=_OPEN, sync_to_thread=True, status_code=200, include_in_schema=False,
    request_max_body_size=_BODY_BYTES_MAX,
)  # fmt: skip
def enrol(request: AnyRequest, body: RawBody) -> Response[bytes]:
    """A box shows that it knows a code, and gets its certificate."""
    return _answer(request, body, "box.enrol", Enrolment.enrol)


@post(
    "/api/enrol/renew", opt=_OPEN, sync_to_thread=True, status_code=200, include_in_schema=False,
    request_max_body_size=_BODY_BYTES_MAX,
)  # fmt: skip
def renew(request: AnyRequest, body: RawBody) -> Response[bytes]:
    """A box shows that it has the key of its certificate, and gets the next one."""
    return _answer(request, body, "box.renew", Enrolment.renew)


def enrolment_of(services: Services) -> Enrolment:
    """The enrolment of this bridge; raises the 404 that tells what is missing."""
    if services.enrolment is None:
        raise NotFoundException("this bridge enrols no boxes yet; run 'earshot bridge ca init' on it")
    return services.enrolment


def _answer(request: AnyRequest, body: bytes, action: str, work: _Work) -> Response[bytes]:
    services = services_of(request)
    enrolment = enrolment_of(services)
    address = address_of(request)
    if not audit.may_enrol(services, address):
        raise TooManyRequestsException("too many refused attempts from this address; try again in a quarter of an hour")
    try:
        sealed, granted = work(enrolment, body, services.now_ns())
    except (EnrolError, WireError) as error:
        audit.record_box(services, audit.REFUSED, "", str(error), address)
        if isinstance(error, WireError):
            raise ValidationException(str(error)) from error
        raise PermissionDeniedException(str(error)) from error
    audit.record_box(services, action, granted.granted_by, f"{granted.site}/{granted.box} {granted.serial}", address)
    return Response(sealed, media_type=MediaType.JSON, headers={"cache-control": "no-store"})
