"""Owns the calling of batch functions: what asks in the same turn of the event loop is answered by one call.

graphql-core resolves every field of every object by itself. A batched field puts its parent here and gets a future;
when the event loop comes round, each field (with its arguments) is called once for all parents that wait, all fields
in one hop to a thread. So the number of SQL statements depends on the document and not on the number of rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql_api.threads import ThreadRunner

#: `(parents, info, **arguments) -> values`: one value (or exception) per parent, in the order of the parents.
BatchFunction = Callable[..., Sequence[Any]]


def frozen(value: Any) -> Hashable:
    """A hashable stand-in for an argument's value: equal values, equal stand-ins."""
    if isinstance(value, Mapping):
        return tuple(sorted((key, frozen(item)) for key, item in value.items()))
    if isinstance(value, list):
        return tuple(frozen(item) for item in value)
    return value if isinstance(value, Hashable) else repr(value)


def call_batch(
    function: BatchFunction, parents: list[Any], info: Any, arguments: Mapping[str, Any]
) -> Sequence[Any]:
    """The values of all parents; the same exception for each when the function raises one."""
    try:
        values = function(parents, info, **arguments)
    except Exception as error:
        return [error] * len(parents)
    if len(values) != len(parents):
        wrong = RuntimeError(f"{function!r}: {len(values)} values for {len(parents)} parents")
        return [wrong] * len(parents)
    return values


@dataclass(slots=True)
class _Batch:
    """The parents that wait for one field with the same arguments, each once, and their futures."""

    function: BatchFunction
    info: Any
    arguments: Mapping[str, Any]
    parents: dict[int, Any] = field(default_factory=dict)
    futures: dict[int, list[asyncio.Future[Any]]] = field(default_factory=dict)

    def add(self, parent: Any, future: asyncio.Future[Any]) -> None:
        self.parents[id(parent)] = parent
        self.futures.setdefault(id(parent), []).append(future)

    def call(self) -> Sequence[Any]:
        return call_batch(self.function, list(self.parents.values()), self.info, self.arguments)

    def settle(self, values: Sequence[Any]) -> None:
        for futures, value in zip(self.futures.values(), values, strict=True):
            for future in futures:
                if future.done():
                    continue
                if isinstance(value, Exception):
                    future.set_exception(value)
                else:
                    future.set_result(value)


class Batches:
    """The batches of one operation."""

    def __init__(self, run_in_thread: ThreadRunner) -> None:
        self._run_in_thread = run_in_thread
        self._waiting: dict[Hashable, _Batch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # One hop at a time: the rows that a request remembers are then read once, and it holds one connection.
        self._turn = asyncio.Lock()

    def load(
        self, function: BatchFunction, info: Any, parent: Any, arguments: Mapping[str, Any]
    ) -> asyncio.Future[Any]:
        """The future value of a batched field for one parent."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            # Two turns: those who were woken in this one have asked by then.
            loop.call_soon(loop.call_soon, self._dispatch)
        key = (function, frozen(arguments))
        batch = self._waiting.get(key)
        if batch is None:
            batch = self._waiting[key] = _Batch(function, info, arguments)
        future: asyncio.Future[Any] = loop.create_future()
        # Siblings of a field that failed are dropped unread: their errors are not news.
        future.add_done_callback(_read)
        batch.add(parent, future)
        return future

    def _dispatch(self) -> None:
        batches, self._waiting = list(self._waiting.values()), {}
        task = asyncio.get_running_loop().create_task(self._run(batches))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, batches: list[_Batch]) -> None:
        try:
            async with self._turn:
                answers = await self._run_in_thread(lambda: [batch.call() for batch in batches])
        except Exception as error:
            answers = [[error] * len(batch.parents) for batch in batches]
        for batch, values in zip(batches, answers, strict=True):
            batch.settle(values)


def _read(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
