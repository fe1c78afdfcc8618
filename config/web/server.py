"""Serves the application over HTTP and WebSockets, by one process or several that share a socket."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final

import uvicorn

from config.asgi import application
from config.web.accepting import Accepting, Shares
from config.web.processes import Processes

#: Seconds that requests get to be answered when the process is to stop.
GRACEFUL: Final = 3


def serve(listener: socket.socket, processes: int, keep_alive: int) -> None:
    """Serves until SIGTERM or SIGINT. keep_alive: seconds that an idle connection stays open."""
    config = uvicorn.Config(
        application,
        http="config.http_protocol:HttpProtocol",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACEFUL,
        timeout_keep_alive=keep_alive,
    )
    # Here, so that what it imports is imported once.
    config.load()
    if processes == 1:
        _run(config, uvicorn.Server(config).serve([listener]))
        return
    listener.listen(config.backlog)
    listener.setblocking(False)
    shares = Shares(processes)

    def work(number: int, end: int) -> None:
        _run(config, _until(end, Sharing(config, listener, shares, number).serve()))

    Processes(processes, work, died=shares.leave).run()


def _run(config: uvicorn.Config, serving: Coroutine[Any, Any, None]) -> None:
    # After SIGINT uvicorn raises it once more, when all is done.
    with suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serving)


class Sharing(uvicorn.Server):
    """uvicorn in one of several processes that take connections from the same socket."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, shares: Shares, number: int) -> None:
        super().__init__(config)
        self._accepting = partial(Accepting, listener, shares, number, self._count, self._connect)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to take connections."""
        # Without a socket uvicorn begins to listen to nothing.
        await super().startup(sockets=[])
        taking: Any = self._accepting()
        self.servers.append(taking)

    def _count(self) -> int:
        return len(self.server_state.connections)

    async def _connect(self, connection: socket.socket) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        protocol: Any = self.config.http_protocol_class
        made: asyncio.Protocol = protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made


async def _until(end: int, serving: Coroutine[Any, Any, None]) -> None:
    """Serves until `end` can be read, which is as if SIGTERM came, or until that comes."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(end)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(end, stop)
    await serving
