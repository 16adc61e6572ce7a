"""Broker, bridge, ear, eye and box as real processes in one folder: shown by the demo, measured and killed by tests."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.broker import BRIDGE_USER, Broker, box_user, free_port
from demo.http import RefusedError, get_json, post_json
from demo.processes import Child, ProcessFailedError

SITE = "demo"
BOX = "counter-1"
ADMIN = "demo"
START_TIMEOUT_S = 60.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Button:
    """A virtual button of the demo's box and the window of its trigger."""

    name: str
    trigger: str
    employee: str | None = None
    rating: int | None = None


BUTTONS = (
    Button("red", "incident", rating=1),
    Button("appeal", "appeal", employee="Anna Petrova"),
    Button("force-majeure", "force_majeure", employee="John Smith"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What one chain differs by from another. `wav` None: the default ALSA device; without `eye` there is none.

    `more_boxes` (site, box) get accounts at the broker, too.
    """

    wav: Path | None
    before_s: float = 30.0
    after_s: float = 30.0
    depth_s: int = 600
    loop: bool = True
    uplink: Mapping[str, Any] = field(default_factory=dict)
    presses: Mapping[str, Any] = field(default_factory=dict)
    tracks: Mapping[str, Any] = field(default_factory=dict)
    extra_buttons: tuple[Mapping[str, Any], ...] = ()
    eye: Mapping[str, Any] = field(default_factory=dict)
    more_boxes: tuple[tuple[str, str], ...] = ()


class Chain:
    """The processes. `folder` keeps all but the rings, which live in `memory`, a folder in shared memory."""

    def __init__(self, folder: Path, memory: Path, settings: Settings) -> None:
        self.folder = folder.resolve()
        self.ring = memory / "audio.ring"
        self.face_ring = memory / "face.ring"
        self.database = self.folder / "bridge" / "bridge.db"
        self.blobs = self.folder / "bridge" / "blobs"
        self.data_dir = self.folder / "box"
        self.journal = self.data_dir / "journal"
        self.token = secrets.token_urlsafe(18)
        self.admin_password = secrets.token_urlsafe(9)
        self.box_port = free_port()
        self.web_port = free_port()
        for path in (self.folder, memory, self.database.parent, self.blobs, self.data_dir):
            path.mkdir(parents=True, exist_ok=True)
        self.broker = Broker(self.folder / "broker", [(SITE, BOX), *settings.more_boxes])
        self.box_config = self._write("box.toml", self._box_tree(settings))
        self.bridge_config = self._write("bridge.toml", self._bridge_tree())
        self.bridge = self._earshot("bridge", "bridge", "run", "--config", self.bridge_config)
        self.ear = self._earshot("ear", "ear", "--config", self.box_config)
        self.box = self._earshot("box", "box", "--config", self.box_config)
        self.eye = self._earshot("eye", "eye", "--config", self.box_config) if settings.eye else None

    @property
    def web_url(self) -> str:
        """The bridge's pages."""
        return f"http://127.0.0.1:{self.web_port}/"

    @property
    def box_url(self) -> str:
        """The box's own page."""
        return f"http://127.0.0.1:{self.box_port}/"

    @property
    def children(self) -> tuple[Child, ...]:
        """All processes, in the order of their start."""
        eyes = () if self.eye is None else (self.eye,)
        return (self.broker.process, self.bridge, self.ear, *eyes, self.box)

    def prepare(self) -> None:
        """Make the bridge's database and its first user, who logs in as `ADMIN` with `admin_password`."""
        self._run("bridge", "migrate", "--config", self.bridge_config)
        add = ("bridge", "admin", "create", ADMIN, "--password-stdin", "--config", self.bridge_config)
        self._run(*add, stdin=self.admin_password)

    def start(self) -> None:
        """Start everything; returns when bridge and box answer. Raises `ProcessFailedError`."""
        self.broker.start()
        for child in self.children[1:]:
            child.start()
        self.await_ready()

    def await_ready(self) -> None:
        """Wait until bridge and box answer; raises `ProcessFailedError` with the log of what does not."""
        self.wait_for(lambda: get_json(self.web_url + "healthz") is not None, "the bridge's pages answer", self.bridge)
        self.wait_for(lambda: bool(self.state()), "the box answers", self.box)

    def stop(self) -> None:
        """Stop everything in reverse order; idempotent."""
        for child in reversed(self.children):
            child.stop()

    def state(self) -> dict[str, Any]:
        """The box's own account of itself (`GET /state`)."""
        return get_json(self.box_url + "state", self.token)

    def press(self, button: str, request_id: str) -> str:
        """Press over the box's API; the id of the press, now durable. Raises `RefusedError`, `OSError`."""
        answer = post_json(self.box_url + "press", {"button": button, "request_id": request_id}, self.token)
        return str(answer["press"])

    def wait_for(
        self, condition: Callable[[], bool], what: str, child: Child, timeout_s: float = START_TIMEOUT_S
    ) -> None:
        """Poll until `condition` holds; a refused connection counts as not yet. Raises `ProcessFailedError`."""
        deadline = time.monotonic() + timeout_s
        while True:
            child.require_running()
            try:
                if condition():
                    return
            except (OSError, RefusedError) as error:
                last: Exception | None = error
            else:
                last = None
            if time.monotonic() > deadline:
                raise ProcessFailedError(f"after {timeout_s:g} s not yet: {what} ({last}); log:\n{child.log_tail()}")
            time.sleep(_POLL_S)

    def _box_tree(self, settings: Settings) -> dict[str, Any]:
        window = {"before_s": settings.before_s, "after_s": settings.after_s}
        ear: dict[str, Any] = {"driver": "alsa", "device": "default"}
        if settings.wav is not None:
            ear = {"driver": "wav", "file": str(settings.wav.resolve()), "loop": settings.loop}
        buttons = [
            {"name": button.name, "driver": "virtual", "trigger": button.trigger}
            | ({"employee": button.employee} if button.employee else {})
            | ({"rating": button.rating} if button.rating else {})
            for button in BUTTONS
        ]
        return {
            "box": {
                "site": SITE,
                "name": BOX,
                "place": "Demonstration counter",
                "data_dir": str(self.data_dir),
                "ring": str(self.ring),
            },
            "ear": {**ear, "depth_s": settings.depth_s},
            **({"eye": {"enabled": True, "ring": str(self.face_ring), **settings.eye}} if settings.eye else {}),
            "tracks": {**settings.tracks, "windows": {button.trigger: window for button in BUTTONS}},
            "presses": dict(settings.presses),
            "uplink": {
                "host": self.broker.host,
                "port": self.broker.port,
                "tls": False,
                "user": box_user(SITE, BOX),
                "password": self.broker.accounts[box_user(SITE, BOX)],
                **settings.uplink,
            },
            "web": {"host": "127.0.0.1", "port": self.box_port, "token": self.token},
            "buttons": [*buttons, *map(dict, settings.extra_buttons)],
        }

    def _bridge_tree(self) -> dict[str, Any]:
        return {
            "broker": {
                "host": self.broker.host,
                "port": self.broker.port,
                "tls": False,
                "user": BRIDGE_USER,
                "password": self.broker.accounts[BRIDGE_USER],
            },
            "database": {"url": f"sqlite:///{self.database}"},
            "blobs": {"url": f"file://{self.blobs}"},
            "web": {"host": "127.0.0.1", "port": self.web_port, "secret_file": str(self.folder / "bridge" / "secret")},
        }

    def _write(self, name: str, tree: dict[str, Any]) -> Path:
        path = self.folder / name
        path.touch(0o600)
        path.write_text(toml(tree), "utf-8")
        return path

    def _earshot(self, name: str, *arguments: str | Path) -> Child:
        return Child(name, [earshot_command(), *arguments], self.folder / f"{name}.log")

    def _run(self, *arguments: str | Path, stdin: str = "") -> None:
        command = [str(earshot_command()), *map(str, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProcessFailedError(
                f"{' '.join(command[1:])} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )


def earshot_command() -> Path:
    """The console command of the environment that we run in."""
    return Path(sys.executable).parent / "earshot"


def toml(tree: Mapping[str, Any], prefix: str = "") -> str:
    """A tree of plain values, tables and lists of tables as TOML; a JSON string is a TOML string."""
    lines = []
    tables = []
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            tables.append(f"\n[{name}]\n{toml(value, name + '.')}")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            tables += [f"\n[[{name}]]\n{toml(item, name + '.')}" for item in value]
        else:
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}\n")
    return "".join(lines + tables)


def memory_folder() -> Path:
    """A new folder in shared memory for a ring: sound outside press windows never touches a disk."""
    root = Path("/dev/shm")  # noqa: S108 - the point is that it is memory; the folder is private
    place = root if root.is_dir() else Path("/tmp")  # noqa: S108
    remove_stale(place, "earshot-demo-")
    folder = place / f"earshot-demo-{os.getpid()}-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o700)
    return folder


def remove_stale(place: Path, prefix: str) -> None:
    """Remove the folders `<prefix><process id>-…` of our own processes that were killed before they could."""
    for folder in place.glob(f"{prefix}*-*"):
        owner = folder.name.removeprefix(prefix).partition("-")[0]
        if owner.isdigit() and folder.stat().st_uid == os.geteuid() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)
