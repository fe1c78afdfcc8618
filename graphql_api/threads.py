"""Owns the hop from the event loop to a thread that may use the database.

HTTP requests hop to their request's own thread, which Django's test clients share with the test, so that both see
the same transaction. WebSocket operations share a few threads, whatever the number of sockets, and give the database
connection back after every call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

R = TypeVar("R")
#: Runs a function in a thread and gives its result.
ThreadRunner = Callable[[Callable[[], Any]], Awaitable[Any]]

#: Threads, and so database connections, that all WebSocket operations of a process use at most.
SOCKET_THREADS: Final = 8
_SOCKET_POOL: Final = ThreadPoolExecutor(SOCKET_THREADS, thread_name_prefix="graphql-socket")


async def in_request_thread(function: Callable[[], R]) -> R:
    """Runs a function in the thread of the HTTP request that is being answered."""
    return await sync_to_async(function, thread_sensitive=True)()


async def in_socket_thread(function: Callable[[], R]) -> R:
    """Runs a function in one of the threads that WebSocket operations share."""

    def call() -> R:
        try:
            return function()
        finally:
            connections.close_all()

    return await sync_to_async(call, thread_sensitive=False, executor=_SOCKET_POOL)()
