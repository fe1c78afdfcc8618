"""Owns answering together what is asked several times over while all threads are busy.

A dashboard that many people look at sends the same query for each of them. As long as threads are free, each request is
answered for itself. When they are not, requests wait; those that wait and ask the same with the same key are answered
by one execution. It begins after the last of them has come, so nobody is told anything older than their request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

import orjson
from graphql import OperationType

from graphql_api.documents import recall
from graphql_api.door import Answer, Door, answer, counted
from graphql_api.http.reading import Sent


@dataclass(slots=True)
class _Execution:
    """One execution that is yet to begin, and how many requests wait for it."""

    answer: asyncio.Task[Answer]
    waiting: int = 0


class Together:
    """The requests of a process. threads: how many of them are answered at once."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._under_way = 0
        self._waiting: dict[Hashable, _Execution] = {}

    async def answer(self, key: Hashable, sent: Sent, door: Door) -> Answer:
        """The answer to a request. key: the same for requests that ask the same with the same key."""
        self._under_way += 1
        try:
            if self._under_way <= self._threads or not _is_known_query(sent):
                return await answer(sent, door)
            return await self._joined(key, sent, door)
        finally:
            self._under_way -= 1

    async def _joined(self, key: Hashable, sent: Sent, door: Door) -> Answer:
        execution = self._waiting.get(key)
        joins = execution is not None
        if execution is None:
            execution = self._waiting[key] = _Execution(asyncio.create_task(self._carry_out(key, sent, door)))
        execution.waiting += 1
        try:
            given = await asyncio.shield(execution.answer)
        finally:
            execution.waiting -= 1
            if not execution.waiting:
                # Without effect on one that is done.
                execution.answer.cancel()
        return counted(given, door.address) if joins else given

    async def _carry_out(self, key: Hashable, sent: Sent, door: Door) -> Answer:
        mine = self._waiting.get(key)

        def begun(function: Callable[[], Any]) -> Any:
            # From here on the database is asked: whoever comes now may know of a later change.
            if self._waiting.get(key) is mine:
                self._waiting.pop(key, None)
            return function()

        try:
            return await answer(
                sent,
                replace(door, run_in_thread=lambda function: door.run_in_thread(lambda: begun(function))),
            )
        finally:
            if self._waiting.get(key) is mine:
                self._waiting.pop(key, None)


def _is_known_query(sent: Sent) -> bool:
    """Whether a request asks for a query that came before: nothing that changes anything is answered together."""
    try:
        given = orjson.loads(sent.body())
        prepared = recall(given["query"])
        operation = prepared.operation(given.get("operationName")) if prepared else None
    except Exception:
        return False
    return operation is not None and operation.operation is OperationType.QUERY
