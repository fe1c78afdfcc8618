"""The bell of a process: one connection that hears it, fanned out in memory to whoever waits in this event loop.

The bell is a hint, the tables are the truth. A listener is rung when its place was rung, and also when the connection
was lost and is back, since anything may have happened meanwhile; as long as there is none, every few seconds, so that
it looks for itself. Rings are not counted: a slow listener finds one ring waiting, however many there were, so that
nothing is buffered without bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final
from weakref import WeakKeyDictionary

import structlog

from ci_core.events import wires
from ci_core.events.pauses import Pauses
from ci_core.events.ringing import Place

log = structlog.get_logger("pipeyard.bell")

#: Seconds between two rings of everybody while there is no connection.
LOOK_EVERY: Final = 3.0


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
    """The listeners of one event loop, and what listens for them as long as there are any."""

    def __init__(self) -> None:
        self.listeners: dict[Place, set[Ringing]] = {}
        self._hearing: _Hearing | None = None

    @asynccontextmanager
    async def listening(self, *places: Place) -> AsyncIterator[Ringing]:
        """Rings for these places, from the moment it is entered."""
        ringing = Ringing(self)
        ringing.listen_to(*places)
        try:
            if self._hearing is None:
                self._hearing = _Hearing(self)
            await self._hearing.ready.wait()
            yield ringing
        finally:
            ringing.forget_all()
            if not self.listeners:
                await self._stop()

    async def _stop(self) -> None:
        """Gives the connection back when nobody listens any more."""
        hearing, self._hearing = self._hearing, None
        if hearing is not None:
            await hearing.stop()

    def ring(self, channel: str, payload: str) -> None:
        """Rings who listens to the places that a notification names."""
        for key in payload.split(" "):
            for ringing in self.listeners.get((channel, key), ()):
                ringing.ring()

    def ring_everybody(self) -> None:
        """Rings whatever was listened to."""
        for listeners in self.listeners.values():
            for ringing in listeners:
                ringing.ring()


class _Hearing:
    """Keeps a wire connected, and makes up for it while it is not."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._wire = wires.chosen()
        self._pauses = Pauses()
        #: Set once listeners are rung: by the wire, or in its stead.
        self.ready = asyncio.Event()
        self._looking: asyncio.TimerHandle | None = None
        self._look_later()
        self._task = asyncio.create_task(self._keep_connected(), name="pipeyard-bell")

    async def stop(self) -> None:
        """Ends the connection."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._look_no_more()

    async def _keep_connected(self) -> None:
        while True:
            try:
                await self._wire.carry(self._connected, self._bell.ring)
            except wires.Broken as error:
                log.warning("bell connection lost", error=str(error))
            except Exception:
                log.exception("bell failed")
            if self._looking is None:
                self._look_later()
            self.ready.set()
            await asyncio.sleep(self._pauses.next())

    def _connected(self) -> None:
        """Rings everybody: what was rung while there was no connection is not known."""
        self._look_no_more()
        self._pauses.reset()
        self.ready.set()
        self._bell.ring_everybody()

    def _look(self) -> None:
        """Lets everybody look for themselves, and again after a while."""
        self.ready.set()
        self._bell.ring_everybody()
        self._look_later()

    def _look_later(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(LOOK_EVERY, self._look)

    def _look_no_more(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None


_BELLS: WeakKeyDictionary[asyncio.AbstractEventLoop, Bell] = WeakKeyDictionary()


def of_this_loop() -> Bell:
    """The bell of the running event loop."""
    return _BELLS.setdefault(asyncio.get_running_loop(), Bell())


def listening(*places: Place) -> AbstractAsyncContextManager[Ringing]:
    """Listens on this process's bell: `async with listening(QUEUE) as ringing: await ringing.wait(5)`."""
    return of_this_loop().listening(*places)
