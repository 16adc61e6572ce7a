"""`earshot learn`: press a key on any input device, get the piece of configuration that makes it a button."""

from __future__ import annotations

import json
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from drivers.contract import DeviceLost, DriverError
from drivers.input_device import EV_KEY, INPUT_DIR, InputDevice, event_paths, key_name, open_device, stable_path

_PRESSED = 1


def button_toml(device: str, key: str, name: str) -> str:
    """Return the `[[buttons]]` piece for one key. The trigger is a person's decision: it stands as 'incident'."""
    return (
        "[[buttons]]\n"
        f"name = {json.dumps(name)}\n"
        'driver = "usb"\n'
        'trigger = "incident"\n'
        f"device = {json.dumps(device)}\n"
        f"key = {json.dumps(key)}\n"
    )


def learn(
    out: TextIO,
    *,
    name: str = "button",
    timeout_s: float = 60.0,
    input_dir: Path = INPUT_DIR,
    opener: Callable[[Path], InputDevice] | None = None,
) -> str:
    """Wait for a key on any input device, write its `[[buttons]]` piece to `out` and return it.

    The devices are not grabbed, so a terminal sees the key too. Raises `DriverError` when there is no readable
    device, or nothing was pressed for `timeout_s` seconds.
    """
    devices: dict[int, tuple[Path, InputDevice]] = {}
    refused = []
    for path in event_paths(input_dir):
        try:
            device = opener(path) if opener is not None else open_device(path, grab=False)
        except DeviceLost as error:
            refused.append(str(error))
            continue
        devices[device.fd] = (path, device)
    try:
        if not devices:
            raise DriverError(
                "; ".join(refused) or f"there is no input device in {input_dir}; plug the button in first"
            )
        path, code = _first_press(devices, timeout_s)
    finally:
        for _, device in devices.values():
            device.close()
    piece = button_toml(str(stable_path(path, input_dir)), key_name(code), name)
    out.write(piece)
    return piece


def _first_press(devices: dict[int, tuple[Path, InputDevice]], timeout_s: float) -> tuple[Path, int]:
    poll = select.poll()
    for descriptor in devices:
        poll.register(descriptor, select.POLLIN)
    deadline_s = time.monotonic() + timeout_s
    left_s = timeout_s
    while left_s > 0:
        for descriptor, _ in poll.poll(left_s * 1000):
            path, device = devices[descriptor]
            try:
                for event in device.read():
                    if event.type == EV_KEY and event.value == _PRESSED:
                        return path, event.code
            except BlockingIOError:
                continue
            except OSError:
                # Unplugged while we wait: the other devices can still be pressed.
                poll.unregister(descriptor)
        left_s = deadline_s - time.monotonic()
    raise DriverError(f"no key was pressed for {timeout_s:g} s on {len(devices)} devices; try again")
