"""Owns the hop from the event loop to a thread that may use the database.

Requests hop to a thread of their own, which Django's test clients share with the test, so that both see the same
transaction. What has no such thread (WebSocket operations, and requests that `config.direct` answers) shares a few
threads, whatever the number of connections.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Final, TypeVar

import structlog
from asgiref.sync import sync_to_async
from django.db import connections

R = TypeVar("R")
log = structlog.get_logger("pipeyard.graphql")
#: Runs a function in a thread and gives its result.
ThreadRunner = Callable[[Callable[[], Any]], Awaitable[Any]]

#: Threads, and so database connections, that all WebSocket operations of a process use at most.
SOCKET_THREADS: Final = 8
#: The same for the HTTP requests that share threads. Only one of them runs Python at a time: with 8, the slowest
#: of 64 requests at once took a third longer and more. One that waits long for the database must not hold up all.
HTTP_THREADS: Final = 4
#: Seconds for which a thread with nothing to do keeps its database connection: to take one from the pool costs as much
#: as a small statement, and another one knows fewer prepared statements.
KEPT_SECONDS: Final = 0.05


async def in_request_thread(function: Callable[[], R]) -> R:
    """Runs a function in the thread of the HTTP request that is being answered."""
    return await sync_to_async(function, thread_sensitive=True)()


@dataclass(slots=True)
class _Call:
    """A function to run, the context to run it in, and who waits for its result."""

    function: Callable[[], Any]
    context: Context
    loop: asyncio.AbstractEventLoop
    result: asyncio.Future[Any]
    value: Any = None
    error: BaseException | None = None

    def run(self) -> None:
        """Runs it, unless nobody waits for it any more."""
        if self.result.cancelled():
            return
        try:
            self.value = self.context.run(self.function)
        except BaseException as raised:
            self.error = raised

    def tell(self) -> None:
        """Tells its result to whoever waits."""
        try:
            self.loop.call_soon_threadsafe(self._set)
        except RuntimeError:
            # The event loop has ended, and with it whoever waited.
            return

    def _set(self) -> None:
        if self.result.cancelled():
            return
        if self.error is None:
            self.result.set_result(self.value)
        else:
            self.result.set_exception(self.error)


class SharedThreads:
    """A few threads for many calls. Not a ThreadPoolExecutor, whose futures take twice as long to tell of a result.

    The thread that was busy last is the next to be, since it has its connection yet.
    """

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._lock = Lock()
        self._started = 0
        self._idle: list[SimpleQueue[_Call]] = []
        self._waiting: deque[_Call] = deque()

    async def __call__(self, function: Callable[[], R]) -> R:
        """Runs a function in one of the threads, as soon as one is free."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[R] = loop.create_future()
        self._give(_Call(function, copy_context(), loop, result))
        return await result

    def _give(self, call: _Call) -> None:
        with self._lock:
            if self._idle:
                self._idle.pop().put(call)
            elif self._started < self._count:
                self._started += 1
                name = f"{self._name}-{self._started}"
                Thread(target=self._work, args=(call,), name=name, daemon=True).start()
            else:
                self._waiting.append(call)

    def _work(self, call: _Call) -> None:
        """What a thread does: its first call, then whatever comes."""
        own: SimpleQueue[_Call] = SimpleQueue()
        while True:
            call.run()
            _give_back_connections(only_broken=True)
            following = self._next(own)
            # Not before the thread is known to be free: else the next call, which may come of this one, takes another.
            call.tell()
            del call
            call = following or _wait(own)

    def _next(self, own: SimpleQueue[_Call]) -> _Call | None:
        """A call that waits; without one, the thread is free."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(own)
        return None


def _give_back_connections(*, only_broken: bool) -> None:
    """Gives back the thread's connections, or those that something went wrong with. Never fails: the thread is needed
    for others."""
    try:
        for connection in connections.all(initialized_only=True):
            if not only_broken or connection.errors_occurred or not connection.autocommit:
                connection.close()
    except Exception as error:
        log.warning("a database connection could not be closed", exc_info=error)


def _wait(own: SimpleQueue[_Call]) -> _Call:
    """The next call of a thread, which gives its connection back when none comes soon."""
    try:
        return own.get(timeout=KEPT_SECONDS)
    except Empty:
        _give_back_connections(only_broken=False)
        return own.get()


in_socket_thread: Final = SharedThreads(SOCKET_THREADS, "graphql-socket")
in_http_thread: Final = SharedThreads(HTTP_THREADS, "graphql-http")
