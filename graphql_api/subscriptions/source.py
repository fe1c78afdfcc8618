"""Owns the loop behind subscriptions: committed events in, a row that the caller may (still) see out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, TypeVar, cast

from ci_core.events import feed
from ci_core.models import Event
from graphql_api.context import Context

R = TypeVar("R")


async def updates(
    context: Context,
    pipeline_id: int,
    access: Callable[[], R],
    concerns: Callable[[Sequence[Event]], bool],
) -> AsyncIterator[R]:
    """Gives the row anew whenever events of its pipeline concern it.

    access: reads the row as the caller may see it, in a thread; raises NotFound. It is asked at once, so that a
    subscription to what the caller may not see is refused, and again before each delivery. concerns: whether to
    deliver after these events.
    """
    await context.run_in_thread(access)
    return _follow(context, pipeline_id, access, concerns)


async def _follow(
    context: Context,
    pipeline_id: int,
    access: Callable[[], R],
    concerns: Callable[[Sequence[Event]], bool],
) -> AsyncGenerator[R, None]:
    def again() -> R:
        context.renew()
        return access()

    changes = cast("AsyncGenerator[list[Event], Any]", feed.changes(pipeline_id))
    async with aclosing(changes):
        async for events in changes:
            if concerns(events):
                yield await context.run_in_thread(again)
