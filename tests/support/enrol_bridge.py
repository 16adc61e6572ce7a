"""A bridge where boxes enrol: the real application without a socket, and a box's folder on the other side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from litestar import Litestar
from litestar.testing import TestClient
from web_world import SETTINGS, World

from cloud_bridge.web.app import create_app
from edge.enrol.exchange import RefusedByBridge, Unreachable
from edge.enrol.identity import Identity, Order

URL = "https://bridge.example"
FACTS = {"hardware": "Raspberry Pi 4 Model B, 10000000f1e2d3c4", "software": "earshot 0.1.0"}
NS = 1_000_000_000
DAY_NS = 86_400 * NS


# Making an application takes longer than most tests; those that no test uses now are taken again.
_APPS: list[Litestar] = []


class Clock:
    """Unix time that a test moves; begins at the real one, for certificates are checked by programs that know it."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns

    def forward(self, ns: int) -> None:
        self.now_ns += ns


@contextmanager
def posting(world: World, clock: Callable[[], int]) -> Iterator[Callable[[str, bytes], bytes]]:
    """What a box posts with: to the world's application, refusals told as the network would tell them."""
    app = create_app(world.store, world.blobs, SETTINGS, world.send_command, now_ns=clock, enrolment=world.enrolment)
    with TestClient(app) as client:

        def post(url: str, body: bytes) -> bytes:
            answer = client.post(urlsplit(url).path, content=body, headers={"content-type": "application/json"})
            if answer.status_code in {400, 403}:
                raise RefusedByBridge(answer.json()["detail"])
            if answer.status_code != 200:
                raise Unreachable(f"{answer.status_code}: {answer.json()['detail']}")
            return answer.content

        yield post
    _APPS.append(app)


def ordered(folder: Path, code: str, site: str = "north", box: str = "counter-1", **more: Any) -> Identity:
    """A box's folder in which an enrolment is asked for."""
    folder.mkdir(exist_ok=True)
    identity = Identity(folder / "identity", **more)
    identity.keep_order(Order(bridge_url=URL, code=code, site=site, box=box))
    return identity
