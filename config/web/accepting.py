"""Owns who of several processes takes the next connection from the socket that they share: whoever has the fewest.

Left to themselves, event loops take all connections that wait at once: of eight clients that came together and stayed,
one of two processes got all eight. A socket for each process (SO_REUSEPORT) would leave it to chance, and what has come
to a process that is stuck would wait for that one, though others were idle.
"""

from __future__ import annotations

import asyncio
import mmap
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

log = structlog.get_logger("pipeyard.web")

#: Seconds that a process leaves a connection to those who have fewer; if they are busy, it takes it after all.
LEAVE: Final = 0.01
#: Seconds after which it is tried again when there is no room, such as for another open file.
ROOM_AFTER: Final = 1.0
#: Stands for a process that takes none.
_NONE: Final = 2**32 - 1


class Shares:
    """How many connections each of several processes has; in memory that they share after they were forked."""

    def __init__(self, processes: int) -> None:
        self._connections = memoryview(mmap.mmap(-1, 4 * processes)).cast("I")
        for number in range(processes):
            self.leave(number)

    def tell(self, number: int, connections: int) -> bool:
        """Tells how many the process of that number has; True if no other one has fewer."""
        self._connections[number] = connections
        return connections <= min(self._connections)

    def leave(self, number: int) -> None:
        """Tells that the process of that number takes no more."""
        self._connections[number] = _NONE


class Accepting:
    """Takes connections for one process. Closed like an asyncio.Server.

    count: how many connections the process has. begin: begins to serve one.
    """

    def __init__(
        self,
        listener: socket.socket,
        shares: Shares,
        number: int,
        count: Callable[[], int],
        begin: Callable[[socket.socket], Coroutine[Any, Any, Any]],
    ) -> None:
        self._listener = listener
        self._shares = shares
        self._number = number
        self._count = count
        self._begin = begin
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[Any]] = set()
        self._later: asyncio.TimerHandle | None = None
        self._mine()
        self._watch()

    def close(self) -> None:
        """Takes no more."""
        self._shares.leave(self._number)
        self._loop.remove_reader(self._listener)
        if self._later is not None:
            self._later.cancel()

    async def wait_closed(self) -> None:
        """Nothing is left to wait for."""

    def _watch(self) -> None:
        self._later = None
        self._loop.add_reader(self._listener, self._take_mine)

    def _pause(self, seconds: float, then: Callable[[], None]) -> None:
        self._loop.remove_reader(self._listener)
        self._later = self._loop.call_later(seconds, then)

    def _mine(self) -> bool:
        """Whether this process is the one to take a connection."""
        return self._shares.tell(self._number, self._count() + len(self._beginning))

    def _take_mine(self) -> None:
        """Takes what waits, as long as it is for this process."""
        while self._mine():
            if not self._take():
                return
        self._pause(LEAVE, self._take_what_is_left)

    def _take_what_is_left(self) -> None:
        self._watch()
        self._take()

    def _take(self) -> bool:
        """Takes a connection; False if there was none."""
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        except OSError as error:
            log.error("no connection can be taken", error=str(error))
            self._pause(ROOM_AFTER, self._watch)
            return False
        connection.setblocking(False)
        task = self._loop.create_task(self._begin(connection))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)
        return True
