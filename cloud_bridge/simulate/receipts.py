"""Posts the invented customers' receipts to the bridge's API, as tills do: what was taken back as a void afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import msgspec

from cloud_bridge.simulate.world import Customer, World
from cloud_bridge.store.sales import BATCH_MAX

Post = Callable[[bytes], bytes]
_TIMEOUT_S = 60.0
_TRIES = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ReceiptsError(RuntimeError):
    """The receipts could not be posted; the message says why. Posting them again repeats nothing."""


def post_receipts(world: World, post: Post) -> dict[str, int]:
    """Post everything; what the bridge said it took: new, repeated, voided. Raises `ReceiptsError`."""
    taken = {"new": 0, "repeated": 0, "voided": 0}
    for body in batches(world):
        answer: dict[str, Any] = msgspec.json.decode(post(msgspec.json.encode(body)))
        if answer["conflicting"]:
            raise ReceiptsError(f"receipt {answer['conflicting'][0]!r} is another sale's at the bridge")
        for name in taken:
            taken[name] += answer[name]
    return taken


def batches(world: World) -> Iterator[dict[str, Any]]:
    """The bodies of the requests: each site's receipts in order of time, then its voids."""
    sites: dict[str, list[Customer]] = {}
    for customer in world.customers:
        sites.setdefault(world.counters[customer.counter].site, []).append(customer)
    for site, customers in sorted(sites.items()):
        head = {"site": site, "simulated": True}
        receipts = [_receipt(world, customer) for customer in customers]
        voids = [_id(world, customer) for customer in customers if customer.void]
        for name, values in (("receipts", receipts), ("voids", voids)):
            for start in range(0, len(values), BATCH_MAX):
                yield head | {name: values[start : start + BATCH_MAX]}


def poster(api: str, token: str, *, wait: Callable[[float], None] = time.sleep) -> Post:
    """Posts to the API at `api`, such as https://bridge.example; patient where the bridge asks for patience.

    Raises `ReceiptsError` for an address that is none, and when called, where the bridge refuses or is not there.
    """
    if not api.startswith(("http://", "https://")):
        raise ReceiptsError(f"{api!r} is no address of a bridge; write http://host:port or https://host")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def post(body: bytes) -> bytes:
        request = Request(f"{api.rstrip('/')}/api/v1/receipts", body, headers)  # noqa: S310 - checked above
        for _ in range(_TRIES):
            try:
                with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                    said: bytes = answer.read()
                    return said
            except HTTPError as error:
                with error:
                    if error.code != HTTPStatus.TOO_MANY_REQUESTS:
                        detail = error.read(500).decode(errors="replace")
                        raise ReceiptsError(f"the bridge refuses receipts ({error.code}): {detail}") from error
                    wait(float(error.headers.get("Retry-After", "5")))
            except URLError as error:
                raise ReceiptsError(f"the bridge at {api} does not answer: {error.reason}") from error
        raise ReceiptsError(f"the bridge at {api} has no time for receipts, {_TRIES} times in a row")

    return post


def _receipt(world: World, customer: Customer) -> dict[str, Any]:
    place = world.counters[customer.counter]
    at = _EPOCH + timedelta(microseconds=customer.at_ns // 1000)
    return {
        "id": _id(world, customer),
        "till": place.box,
        "time": at.isoformat(),
        "employee": place.employees[customer.employee],
    }


def _id(world: World, customer: Customer) -> str:
    # The end belongs to it: a later run with the same seed is another history, never a change of this one.
    spans = "-".join(str(at_ns // 10**9) for at_ns in (world.start_ns, world.end_ns))
    return f"simulated-{world.seed}-{len(world.counters)}-{spans}-{customer.number}"
