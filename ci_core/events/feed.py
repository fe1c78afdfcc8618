"""Follows the committed events of one pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

from asgiref.sync import sync_to_async
from django.db import connection

from ci_core.events import bell
from ci_core.events.log import PIPELINES_CHANNEL, READ_LIMIT, newest, since
from ci_core.models import Event

R = TypeVar("R")

#: Seconds for which changes of one pipeline are gathered into one update.
GATHER: Final = 0.005
#: Seconds after which a follower looks at the log although the bell was silent.
LOOK_ANYWAY: Final = 30.0


async def changes(pipeline_id: int) -> AsyncIterator[list[Event]]:
    """Yields what was committed for a pipeline since the call, oldest first, some events at a time, without end.

    Close it (`aclose`) when done: it listens until then.
    """
    async with bell.listening(PIPELINES_CHANNEL, str(pipeline_id)) as ringing:
        cursor = await _in_thread(newest, pipeline_id)
        while True:
            if await ringing.wait(LOOK_ANYWAY):
                await asyncio.sleep(GATHER)
            while True:
                found = await _in_thread(since, pipeline_id, cursor)
                if found:
                    cursor = found[-1].pk
                    yield found
                if len(found) < READ_LIMIT:
                    break


async def _in_thread(function: Callable[..., R], *args: int) -> R:
    """Runs a read in a thread of the loop's executor, and gives its database connection back."""

    def read() -> R:
        try:
            return function(*args)
        finally:
            connection.close()

    return await sync_to_async(read, thread_sensitive=False)()
