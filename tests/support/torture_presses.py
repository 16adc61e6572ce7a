"""A stream of presses from a stubborn client: it repeats a request until the box acknowledges it."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

from demo.chain import BUTTONS, Chain
from demo.http import RefusedError, post_json

# A client that got no answer does not know; it asks again with the same id.
RETRY_S = 0.1


class PressStream:
    """A thread that presses every `interval_s` (bounds of the random wait) from `start` to `stop`.

    `acknowledged`: press id by request id, of every request that the box answered. `requested`: button by request id.
    """

    def __init__(self, chain: Chain, seed: int, interval_s: tuple[float, float], shared: str | None = None) -> None:
        self.acknowledged: dict[str, str] = {}
        self.requested: dict[str, str] = {}
        self.contradictions: list[str] = []
        self._chain = chain
        self._rng = random.Random(seed)
        self._interval_s = interval_s
        self._shared = shared
        self._stop = threading.Event()
        self._pressing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="presses")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends after the request under way; a request that was never answered stays out of `acknowledged`."""
        self._stop.set()
        self._thread.join()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside nothing is pressed; entered once the request under way is answered, so the box has to be there."""
        with self._pressing:
            yield

    def _run(self) -> None:
        n = 0
        while not self._stop.wait(self._rng.uniform(*self._interval_s)):
            n += 1
            with self._pressing:
                if self._shared is not None and n % 5 == 0:
                    self._shift(self._shared, f"person {n}")
                button = self._rng.choice(BUTTONS).name
                request = f"torture-{n}"
                self.requested[request] = button
                self._press(button, request)

    def _press(self, button: str, request: str) -> None:
        while not self._stop.is_set():
            try:
                press = self._chain.press(button, request)
            except (OSError, HTTPException, RefusedError):
                self._stop.wait(RETRY_S)
                continue
            before = self.acknowledged.setdefault(request, press)
            if before != press:
                self.contradictions.append(f"{request} was press {before} and then {press}")
            # Now and then an answered request comes again, as from a client whose own memory failed.
            if self._rng.random() > 0.1:
                return

    def _shift(self, button: str, employee: str) -> None:
        try:
            post_json(self._chain.box_url + "shift", {"button": button, "employee": employee}, self._chain.token)
        except (OSError, HTTPException, RefusedError):
            return
