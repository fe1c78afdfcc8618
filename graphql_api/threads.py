"""Owns the hop from the event loop to a thread that may use the database.

Requests hop to a thread of their own, which Django's test clients share with the test, so that both see the same
transaction. What has no such thread (WebSocket operations, and requests that `config.direct` answers) shares a few
threads, whatever the number of connections, and gives the database connection back after every call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Final, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

R = TypeVar("R")
#: Runs a function in a thread and gives its result.
ThreadRunner = Callable[[Callable[[], Any]], Awaitable[Any]]

#: Threads, and so database connections, that all WebSocket operations of a process use at most.
SOCKET_THREADS: Final = 8
#: The same for the HTTP requests that share threads.
HTTP_THREADS: Final = 8


async def in_request_thread(function: Callable[[], R]) -> R:
    """Runs a function in the thread of the HTTP request that is being answered."""
    return await sync_to_async(function, thread_sensitive=True)()


def shared_threads(count: int, name: str) -> ThreadRunner:
    """A runner whose calls share so many threads."""
    pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    def call(function: Callable[[], R]) -> R:
        try:
            return function()
        finally:
            connections.close_all()

    async def run(function: Callable[[], R]) -> R:
        # Not asgiref's, which costs as much again as the hop itself.
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, copy_context().run, call, function)

    return run


in_socket_thread: Final = shared_threads(SOCKET_THREADS, "graphql-socket")
in_http_thread: Final = shared_threads(HTTP_THREADS, "graphql-http")
