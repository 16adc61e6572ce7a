"""The box's own pages over HTTP: the server, in its own thread, and what its handlers ask of the main thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

import uvicorn

from drivers.contract import Press, Source
from edge.actions import Shift
from edge.config import Config, ConfigError
from edge.field.examination import examine_running
from edge.requests import (
    LOCAL_UNCERTAINTY_NS,
    NETWORK_UNCERTAINTY_NS,
    DisplayRequest,
    Done,
    PressRequest,
    Refused,
    Request,
    ShiftRequest,
    StateRequest,
)
from edge.web.app import Busy, create_app
from edge.web.doctor import Examine

ANSWER_TIMEOUT_S = 3.0
_CLOSE_TIMEOUT_S = 5.0

_Answer = TypeVar("_Answer")


class Panel:
    """Asks the main thread and awaits its answers; fulfils `edge.web.app.Asks`. Raises `Busy` without one in time."""

    def __init__(self, ask: Callable[[Request], None], timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._ask = ask
        self._timeout_s = timeout_s

    async def press(
        self, button: str, employee: str | None, request_id: str | None, mono_ns: int, *, from_network: bool
    ) -> Done | Refused:
        """The press, once it is durable. What comes over the network may be later than the finger by more."""
        fact = Press(
            button=button,
            mono_ns=mono_ns,
            uncertainty_ns=NETWORK_UNCERTAINTY_NS if from_network else LOCAL_UNCERTAINTY_NS,
            source=Source.LOCAL_WEB,
            simulated=False,
            employee=employee,
            request_id=request_id,
        )
        answer: Future[Done | Refused] = Future()
        return await self._await(PressRequest(fact, answer), answer)

    async def shift(self, button: str, employee: str | None, mono_ns: int) -> Refused | None:
        """None once the shift is durable."""
        answer: Future[Refused | None] = Future()
        return await self._await(ShiftRequest(Shift(button, employee, mono_ns, Source.LOCAL_WEB), answer), answer)

    async def state(self) -> dict[str, Any]:
        """The state of the box."""
        answer: Future[dict[str, Any]] = Future()
        return await self._await(StateRequest(answer), answer)

    async def display(self) -> dict[str, Any]:
        """What the Loyalty Display shows."""
        answer: Future[dict[str, Any]] = Future()
        return await self._await(DisplayRequest(answer), answer)

    async def _await(self, request: Request, answer: Future[_Answer]) -> _Answer:
        self._ask(request)
        try:
            # A press that was not answered in time is still made; the same request_id asks again without a second one.
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(answer)), self._timeout_s)
        except TimeoutError as error:
            raise Busy from error


class LocalWeb:
    """The server. `port` is the true one; `died` is told when its thread ends by itself. `examine` is for tests."""

    def __init__(
        self,
        config: Config,
        ask: Callable[[Request], None],
        mono_ns: Callable[[], int],
        died: Callable[[str, BaseException], None],
        examine: Examine | None = None,
    ) -> None:
        web = config.web
        try:
            family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
            self._socket = socket.create_server((web.host, web.port), family=family)
        except OSError as error:
            raise ConfigError(
                f"web: can't listen on {web.host}:{web.port}: {error.strerror}; choose another"
            ) from error
        self.host = web.host
        self.port = int(self._socket.getsockname()[1])
        self._died = died
        self._closing = False
        app = create_app(config, Panel(ask), mono_ns, examine or partial(examine_running, config))
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=1,
                limit_concurrency=100,
            )
        )
        self._thread = threading.Thread(target=self._run, name="local-web", daemon=True)

    def start(self) -> None:
        """Begin to serve; the port is open already."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving; idempotent."""
        self._closing = True
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(_CLOSE_TIMEOUT_S)
        self._socket.close()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except BaseException as error:  # a thread must not end unnoticed
            self._died("local-web", error)
            raise
        if not self._closing:
            self._died("local-web", RuntimeError("the server has stopped by itself"))
