"""The bell of a process: one connection that hears it, fanned out in memory to whoever waits in this event loop.

The bell is a hint, the tables are the truth. A listener is rung when its place was rung, and also when the connection
was lost and is back, since anything may have happened meanwhile. Rings are not counted: a slow listener finds one
ring waiting, however many there were, so that nothing is buffered without bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final
from weakref import WeakKeyDictionary

import structlog

from ci_core.events import wires
from ci_core.events.ringing import Place

log = structlog.get_logger("pipeyard.bell")

#: Seconds between two attempts to connect again.
RECONNECT_EVERY: Final = 1.0


class Ringing:
    """One listener's end of the bell."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._rung = asyncio.Event()
        self._places: set[Place] = set()

    def listen_to(self, *places: Place) -> None:
        """Is rung for these places, too, from now on."""
        for place in places:
            self._places.add(place)
            self._bell.listeners.setdefault(place, set()).add(self)

    def forget(self, *places: Place) -> None:
        """Is not rung for these places any more."""
        for place in places:
            self._places.discard(place)
            listeners = self._bell.listeners.get(place, set())
            listeners.discard(self)
            if not listeners:
                self._bell.listeners.pop(place, None)

    def forget_all(self) -> None:
        """Is not rung any more."""
        self.forget(*list(self._places))

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
        self.listeners: dict[Place, set[Ringing]] = {}
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    @asynccontextmanager
    async def listening(self, *places: Place) -> AsyncIterator[Ringing]:
        """Rings for these places, from the moment it is entered."""
        ringing = Ringing(self)
        ringing.listen_to(*places)
        try:
            if self._task is None or self._task.done():
                self._ready.clear()
                self._task = asyncio.create_task(self._listen(), name="pipeyard-bell")
            await self._ready.wait()
            yield ringing
        finally:
            ringing.forget_all()
            if not self.listeners:
                await self._stop()

    async def _stop(self) -> None:
        """Gives the connection back when nobody listens any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _listen(self) -> None:
        """Keeps a connection listening."""
        wire = wires.chosen()
        while True:
            try:
                await wire.carry(self._connected, self._ring)
            except wires.Broken as error:
                log.warning("bell connection lost", error=str(error))
                await asyncio.sleep(RECONNECT_EVERY)

    def _connected(self) -> None:
        """Rings everybody: what was rung while there was no connection is not known."""
        self._ready.set()
        for listeners in self.listeners.values():
            for ringing in listeners:
                ringing.ring()

    def _ring(self, channel: str, payload: str) -> None:
        for key in payload.split(" "):
            for ringing in self.listeners.get((channel, key), ()):
                ringing.ring()


_BELLS: WeakKeyDictionary[asyncio.AbstractEventLoop, Bell] = WeakKeyDictionary()


def of_this_loop() -> Bell:
    """The bell of the running event loop."""
    return _BELLS.setdefault(asyncio.get_running_loop(), Bell())


def listening(*places: Place) -> AbstractAsyncContextManager[Ringing]:
    """Listens on this process's bell: `async with listening(QUEUE) as ringing: await ringing.wait(5)`."""
    return of_this_loop().listening(*places)
