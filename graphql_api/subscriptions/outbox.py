"""Owns what waits to be sent on one socket: bounded, so that a client that does not read costs little memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from django.conf import settings

log = structlog.get_logger("pipeyard.graphql")

#: Close code for a client that reads more slowly than it is told. Clients take it as a reason to connect again
#: (RFC 6455 and its registry: Try Again Later), and then ask for the state anew.
TOO_SLOW: Final = 1013
#: Seconds that a closing handshake may take.
CLOSING: Final = 5.0


class Outbox:
    """The messages of a socket that are not sent yet; a task sends them while there are any.

    A message is given in parts, some of which may be shared with other sockets: they are joined when it is sent.
    """

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        close: Callable[[int, str], Awaitable[None]],
        dropped: Callable[[], None],
    ) -> None:
        """dropped: called when the client turns out to be too slow; whether it hears of the close is not certain."""
        self._send = send
        self._close = close
        self._dropped = dropped
        self._waiting: deque[tuple[str, ...]] = deque()
        self._size = 0
        self._closing: tuple[int, str] | None = None
        self._task: asyncio.Task[None] | None = None

    def put(self, *parts: str) -> None:
        """Sends a message as soon as those before it are sent. On a socket that is being closed nothing is sent."""
        if self._closing is not None:
            return
        size = sum(map(len, parts))
        too_many = len(self._waiting) >= settings.PIPEYARD_SOCKET_OUTBOX_MESSAGES
        if too_many or (self._waiting and self._size + size > settings.PIPEYARD_SOCKET_OUTBOX_CHARACTERS):
            log.info("socket too slow", messages=len(self._waiting), characters=self._size)
            self._drop()
            return
        self._waiting.append(parts)
        self._size += size
        self._work()

    def close(self, code: int, reason: str) -> None:
        """Closes the socket once what waits is sent."""
        if self._closing is None:
            self._closing = code, reason
            self._work()

    def _drop(self) -> None:
        """Closes the socket at once, without what waits."""
        self._waiting.clear()
        self._size = 0
        if self._task is not None:
            self._task.cancel()
        self._closing = TOO_SLOW, "Too slow: messages were not read in time"
        self._task = None
        self._work()
        self._dropped()

    def _work(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._empty(), name="graphql-outbox")

    async def _empty(self) -> None:
        # What a send raises means that the client has gone, which the receiving side is told, too.
        with contextlib.suppress(Exception):
            while self._waiting:
                parts = self._waiting[0]
                await self._send("".join(parts))
                self._waiting.popleft()
                self._size -= sum(map(len, parts))
            if self._closing is not None:
                async with asyncio.timeout(CLOSING):
                    await self._close(*self._closing)

    async def stop(self) -> None:
        """Ends the sending; what waits is not sent."""
        self._closing = self._closing or (1000, "")
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
