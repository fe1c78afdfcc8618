"""The bell of a process: one LISTEN connection, fanned out in memory to whoever waits in this event loop.

The bell is a hint, the tables are the truth. A listener is rung when its channel (and key) was notified, and also when
the connection was lost and is back, since anything may have happened meanwhile. Rings are not counted: a slow listener
finds one ring waiting, however many there were, so that nothing is buffered without bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg
import structlog
from django.db import connections
from psycopg import sql

from ci_core.events.log import PIPELINES_CHANNEL, QUEUE_CHANNEL

log = structlog.get_logger("pipeyard.bell")

CHANNELS: Final = (PIPELINES_CHANNEL, QUEUE_CHANNEL)
#: Seconds between two attempts to connect again.
RECONNECT_EVERY: Final = 1.0
#: Seconds of silence after which the connection is checked.
CHECK_EVERY: Final = 30.0


class Ringing:
    """One listener's end of the bell."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wakes the listener, now or at its next wait."""
        self._rung.set()

    async def wait(self, timeout: float | None = None) -> bool:
        """Waits until rung; True if it was, also before the call, False after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True


class Bell:
    """The listeners of one event loop, and the task that listens for them."""

    def __init__(self) -> None:
        self._listeners: dict[tuple[str, str], set[Ringing]] = {}
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    @asynccontextmanager
    async def listening(self, channel: str, key: str) -> AsyncIterator[Ringing]:
        """Rings for notifications of `channel` whose payload is `key`, from the moment it is entered."""
        ringing = Ringing()
        self._listeners.setdefault((channel, key), set()).add(ringing)
        try:
            if self._task is None or self._task.done():
                self._ready.clear()
                self._task = asyncio.create_task(self._listen(), name="pipeyard-bell")
            await self._ready.wait()
            yield ringing
        finally:
            listeners = self._listeners[channel, key]
            listeners.discard(ringing)
            if not listeners:
                del self._listeners[channel, key]
            if not self._listeners:
                await self._stop()

    async def _stop(self) -> None:
        """Gives the connection back when nobody listens any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _listen(self) -> None:
        """Keeps a connection listening, and rings everybody each time it has been made."""
        while True:
            try:
                await self._listen_once()
            except psycopg.Error as error:
                log.warning("bell connection lost", error=str(error))
                await asyncio.sleep(RECONNECT_EVERY)

    async def _listen_once(self) -> None:
        connection = await psycopg.AsyncConnection.connect(**_connection_parameters(), autocommit=True)
        async with connection:
            for channel in CHANNELS:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            self._ready.set()
            self._ring_all()
            while True:
                async for notification in connection.notifies(timeout=CHECK_EVERY):
                    for ringing in self._listeners.get((notification.channel, notification.payload), ()):
                        ringing.ring()
                await connection.execute("SELECT 1")

    def _ring_all(self) -> None:
        for listeners in self._listeners.values():
            for ringing in listeners:
                ringing.ring()


_BELLS: WeakKeyDictionary[asyncio.AbstractEventLoop, Bell] = WeakKeyDictionary()


def listening(channel: str, key: str = "") -> AbstractAsyncContextManager[Ringing]:
    """Listens on this process's bell: `async with listening(QUEUE_CHANNEL) as ringing: await ringing.wait(5)`."""
    loop = asyncio.get_running_loop()
    if loop not in _BELLS:
        _BELLS[loop] = Bell()
    return _BELLS[loop].listening(channel, key)


def _connection_parameters() -> dict[str, Any]:
    parameters = connections["default"].get_connection_params()
    unwanted = ("cursor_factory", "context", "prepare_threshold", "pool", "assume_role", "isolation_level")
    return {key: value for key, value in parameters.items() if key not in unwanted}
