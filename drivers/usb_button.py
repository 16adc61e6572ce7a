"""Keys of a USB (or any other Linux input) device as buttons."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from drivers.contract import DeviceLost, DeviceState, Edge, Emit, Source
from drivers.input_device import EV_KEY, EV_SYN, SYN_DROPPED, InputDevice, InputEvent, key_code, open_device

_NS = 1_000_000_000
# The kernel stamps when the report arrives; slow USB devices are asked for one every 8 to 10 ms.
_UNCERTAINTY_NS = 10_000_000
# The kernel queues 64 events or more; when it had to drop some, the missed edge is younger than the last one read.
_DROPPED_UNCERTAINTY_NS = 1_000_000_000


def _open_grabbed(path: str) -> InputDevice:
    return open_device(path, grab=True)


class UsbButton:
    """The buttons of one device; fulfils `Button`, with one thread for all its keys.

    `device` is a stable path (/dev/input/by-id/…), `keys` maps evdev key names to button names. Raises `DriverError`
    for a key name that does not exist. The device may be absent: it is looked for every `retry_s`, and `DeviceState`
    facts tell of each coming and going. A key that is down when its device goes is reported as released then, for the
    contacts open with the cable and nobody would tell later. Autorepeat is no edge.
    """

    def __init__(
        self,
        device: str,
        keys: Mapping[str, str],
        *,
        retry_s: float = 0.5,
        opener: Callable[[str], InputDevice] = _open_grabbed,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._path = device
        self._buttons = {key_code(key): button for key, button in keys.items()}
        self._key_names = {key_code(key): key for key in keys}
        self._retry_ms = round(retry_s * 1000)
        self._opener = opener
        self._clock_ns = clock_ns
        self._down: set[int] = set()
        self._reported: tuple[bool, str] | None = None
        self._emit: Emit | None = None
        self._thread: threading.Thread | None = None
        self._closing = False
        self._wake_fd = -1

    def start(self, emit: Emit) -> None:
        """Begin to look for the device and to emit its edges."""
        self._emit = emit
        self._wake_fd = os.eventfd(0)
        self._thread = threading.Thread(target=self._run, name=f"usb-{Path(self._path).name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and let the device go; harmless twice and before `start`."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._closing = True
        os.eventfd_write(self._wake_fd, 1)
        thread.join()
        os.close(self._wake_fd)

    def _run(self) -> None:
        while not self._closing:
            try:
                device = self._open()
            except DeviceLost as error:
                self._report(present=False, detail=str(error))
                _readable(self._retry_ms, self._wake_fd)
                continue
            try:
                self._report(present=True, detail=device.name)
                self._follow(device)
            except OSError as error:
                self._lose(f"{device.name}: {error.strerror}; plug it in again")
            finally:
                device.close()

    def _open(self) -> InputDevice:
        device = self._opener(self._path)
        try:
            missing = set(self._buttons) - set(device.capabilities().get(EV_KEY, []))
        except OSError as error:
            device.close()
            raise DeviceLost(f"input device {self._path} went while it was opened: {error.strerror}") from error
        if missing:
            device.close()
            names = ", ".join(sorted(self._key_names[code] for code in missing))
            raise DeviceLost(f"input device {self._path} ({device.name}) has no key {names}; see 'earshot learn'")
        return device

    def _follow(self, device: InputDevice) -> None:
        while not self._closing:
            if device.fd in _readable(None, device.fd, self._wake_fd):
                self._take(device)

    def _take(self, device: InputDevice) -> None:
        dropped = False
        try:
            for event in device.read():
                if event.type == EV_SYN and event.code == SYN_DROPPED:
                    dropped = True
                elif event.type == EV_KEY and event.code in self._buttons and event.value in (0, 1):
                    self._take_key(event.code, bool(event.value), _stamp_ns(event), dropped)
        except BlockingIOError:
            return
        if dropped:
            self._catch_up(set(device.active_keys()))

    def _take_key(self, code: int, pressed: bool, mono_ns: int, dropped: bool) -> None:  # noqa: FBT001 - as in `Edge`
        if dropped and pressed == (code in self._down):
            # Two edges of one kind follow each other: the one between them was dropped.
            self._edge(code, not pressed, mono_ns, _DROPPED_UNCERTAINTY_NS)
        self._edge(code, pressed, mono_ns, _UNCERTAINTY_NS)

    def _catch_up(self, down: set[int]) -> None:
        """After dropped events the kernel wants its state asked for: every difference is an edge that was lost."""
        now_ns = self._clock_ns()
        for code in sorted(self._buttons):
            if (code in down) != (code in self._down):
                self._edge(code, code in down, now_ns, _DROPPED_UNCERTAINTY_NS)

    def _lose(self, detail: str) -> None:
        now_ns = self._clock_ns()
        for code in sorted(self._down):
            self._edge(code, pressed=False, mono_ns=now_ns, uncertainty_ns=_UNCERTAINTY_NS)
        self._report(present=False, detail=detail)

    def _edge(self, code: int, pressed: bool, mono_ns: int, uncertainty_ns: int) -> None:  # noqa: FBT001 - as in `Edge`
        if pressed:
            self._down.add(code)
        else:
            self._down.discard(code)
        self._send(Edge(self._buttons[code], pressed, mono_ns, uncertainty_ns, Source.USB, simulated=False))

    def _report(self, *, present: bool, detail: str) -> None:
        if self._reported != (present, detail):
            self._reported = (present, detail)
            self._send(DeviceState(device_name(self._path), present, self._clock_ns(), detail))

    def _send(self, fact: Edge | DeviceState) -> None:
        if self._emit is not None:
            self._emit(fact)


def device_name(path: str) -> str:
    """How the facts about the device at `path` name it."""
    return f"usb:{path}"


def _stamp_ns(event: InputEvent) -> int:
    return event.sec * _NS + event.usec * 1000


def _readable(timeout_ms: int | None, *descriptors: int) -> set[int]:
    """Wait until one of `descriptors` can be read or has failed; an empty set after `timeout_ms`."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(timeout_ms)}
