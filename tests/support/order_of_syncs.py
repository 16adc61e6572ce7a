"""Run under strace: takes one press with its sound in on real files; each receipt is a write to standard output."""

import os
import sys
from pathlib import Path

from bridge_box import SimBox
from bridge_rig import Rig

from cloud_bridge.blobs import open_blobs
from cloud_bridge.store import migrate
from cloud_bridge.store.engine import open_store
from edge import wire


def publish(_topic: str, payload: bytes) -> None:
    for entry in wire.decode(payload, wire.Receipt).received:
        os.write(1, f"receipt of {entry.kind}\n".encode())


folder = Path(sys.argv[1])
store = open_store(f"sqlite:///{folder}/bridge.db")
migrate.upgrade(store)
rig = Rig(store, open_blobs(f"file://{folder}/blobs"))
rig.link.publish = publish  # type: ignore[method-assign]
messages, _ = SimBox().press_and_track(seconds=0.5)
os.write(1, b"begin\n")
rig.take(messages)
store.close()
