"""Owns the subscribers: real sockets in this process, each noting when it is told."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
from websockets.asyncio.client import ClientConnection, connect

from config.env import ROOT, child_environment

#: Connections that are opened at the same time.
AT_ONCE: Final = 20
#: Seconds within which everybody must be told.
PATIENCE: Final = 120
#: Seconds for which the server is left alone, so that what it still does is not counted.
REST: Final = 1.0


class Server:
    """The web process, as clients reach it."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.http = httpx.AsyncClient(base_url=f"http://{self.address}", timeout=PATIENCE)

    async def counts(self) -> dict[str, int]:
        """What it has done so far, and its memory in bytes."""
        found: dict[str, int] = (await self.http.get("/counts")).json()
        return found

    async def ready(self) -> None:
        """Waits until it answers."""
        for _ in range(PATIENCE * 10):
            try:
                await self.counts()
                return
            except httpx.TransportError:
                await asyncio.sleep(0.1)
        raise TimeoutError("the server did not start")


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    """A web process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.subscribers", "--serve", str(port)], cwd=ROOT, env=child_environment()
    )
    server = Server(port)
    try:
        await server.ready()
        yield server
    finally:
        await server.http.aclose()
        process.terminate()
        process.wait(30)


class Crowd:
    """Open sockets, and when each was last told."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._sockets: list[ClientConnection] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.told: dict[int, float] = {}
        self.payload = ""
        self._heard = asyncio.Event()

    async def subscribe(self, asked: Sequence[tuple[str, dict[str, Any], str]]) -> None:
        """Opens a socket for each: a document, its variables, and a token."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(document: str, variables: dict[str, Any], token: str) -> ClientConnection:
            async with turns:
                client = await self._connect("/api/graphql", "graphql-transport-ws")
                await client.send(json.dumps({"type": "connection_init", "payload": {"token": token}}))
                await client.recv()
                payload = {"query": document, "variables": variables}
                await client.send(json.dumps({"id": "a", "type": "subscribe", "payload": payload}))
                # Answered after the subscription has been taken in hand.
                await client.send(json.dumps({"type": "ping"}))
                await client.recv()
                return client

        self._listen(await asyncio.gather(*(one(*each) for each in asked)))
        await asyncio.sleep(2 * REST)

    async def bare(self, count: int) -> None:
        """Opens sockets without GraphQL."""
        self._listen([await self._connect("/bare", None) for _ in range(count)])

    async def _connect(self, path: str, protocol: Any) -> ClientConnection:
        return await connect(
            f"ws://{self._server.address}{path}",
            subprotocols=[protocol] if protocol else None,
            compression=None,
            ping_interval=None,
            open_timeout=PATIENCE,
        )

    def _listen(self, sockets: Sequence[ClientConnection]) -> None:
        self._sockets += sockets
        self._tasks += [asyncio.create_task(self._note(nth, each)) for nth, each in enumerate(sockets)]

    async def _note(self, nth: int, client: ClientConnection) -> None:
        async for message in client:
            self.payload = str(message)
            assert '"errors"' not in self.payload, self.payload[:500]
            self.told[nth] = time.perf_counter()
            self._heard.set()

    async def all_told(self, count: int) -> float:
        """When the last of `count` was told since `told` was emptied."""
        async with asyncio.timeout(PATIENCE):
            while len(self.told) < count:
                self._heard.clear()
                await self._heard.wait()
        return max(self.told.values())

    async def close(self) -> None:
        """Closes all sockets."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(client.close() for client in self._sockets))
