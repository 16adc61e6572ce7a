"""The pages on a real socket of this machine, for streams and browsers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from web_world import SETTINGS, World

from cloud_bridge.web.app import create_app

_STOP_S = 15


@contextmanager
def serve(world: World) -> Iterator[str]:
    """Serve a world; gives the address, and stops the server at the end."""
    app = create_app(world.store, world.blobs, SETTINGS, world.send_command, enrolment=world.enrolment)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=1))
    socket = server.config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_STOP_S)
        socket.close()
        assert not thread.is_alive()
