"""Owns what the resolver of a subscription does: the first time it takes the caller in, later it gives a row.

A subscription is started once for each caller, which checks its document and the caller's rights, and yields nothing.
Its updates are operations of their own, one for all callers to whom it gives the same, and yield one result each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from graphql_api.context import Context
from graphql_api.subscriptions.rights import WatchedPrincipal
from graphql_api.subscriptions.topics import Topic


class Admission:
    """The start of a subscription. topic: what it is about, once the caller was found to have the right."""

    def __init__(self) -> None:
        self.topic: Topic | None = None


class Update:
    """One delivery of a subscription. principal: whom it is executed for."""

    def __init__(self, row: Any, principal: WatchedPrincipal) -> None:
        self.row = row
        self.principal = principal


async def follow(context: Context, topic: Topic, access: Callable[[], object]) -> AsyncIterator[Any]:
    """The source of a subscription's results. access: raises NotFound if the caller may not see it; in a thread."""
    live = context.live
    if isinstance(live, Update):
        live.principal.watch()
        return _only(live.row)
    assert isinstance(live, Admission), "subscriptions are refused where nothing can be delivered"
    await context.run_in_thread(access)
    live.topic = topic
    return _nothing()


async def _only(row: Any) -> AsyncIterator[Any]:
    yield row


async def _nothing() -> AsyncIterator[Any]:
    return
    yield
