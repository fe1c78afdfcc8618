"""The whole application behind a real web server: uvicorn in a thread, on the test database.

The test needs `django_db(transaction=True)`: the server works on connections of its own and sees what is committed.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from django.db import connection

#: Seconds that the server may take to start or to stop.
PATIENCE = 10.0


@contextmanager
def serving(settings: Any) -> Iterator[str]:
    """Serves `config.asgi:application` on a free port; gives the address, which is also the external URL."""
    # With the protocol named, asyncio turns Nagle's algorithm off; else each answer would take 40 ms longer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings.PIPEYARD_EXTERNAL_URL = url
    config = uvicorn.Config(
        "config.asgi:application",
        http="config.http_protocol:HttpProtocol",
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="live-server", daemon=True)
    thread.start()
    try:
        _await(lambda: server.started, thread)
        yield url
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
        connection.close()
        assert not thread.is_alive(), "the live server did not stop"


def _await(condition: Any, thread: threading.Thread) -> None:
    waiting = threading.Event()
    for _ in range(int(PATIENCE / 0.01)):
        if condition():
            return
        assert thread.is_alive(), "the live server could not start"
        waiting.wait(0.01)
    raise AssertionError("the live server did not start in time")
