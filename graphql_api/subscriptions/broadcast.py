"""Owns the delivery of updates: all subscribers with the same document and variables are served by one loop.

For each change it reads once what is to be delivered, finds out for all subscribers together who still may see it, and
executes the document once for all who get the same result.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Sequence
from copy import copy
from functools import partial
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import strawberry
import structlog
from django.db import Error as DatabaseError

from ci_core.access import Principal
from ci_core.errors import NotFound
from ci_core.events import bell, ringing
from ci_core.events.bell import Ringing
from ci_core.models import Project
from graphql_api.authentication import Caller
from graphql_api.subscriptions.execution import Request, Told, execute
from graphql_api.subscriptions.looks import Looks
from graphql_api.subscriptions.rights import person, role
from graphql_api.subscriptions.topics import Topic
from graphql_api.threads import in_socket_thread

R = TypeVar("R")
log = structlog.get_logger("pipeyard.graphql")

#: Seconds for which changes are gathered into one update.
GATHER: Final = 0.005
#: Seconds after which a loop looks although the bell was silent: for changes, and for rights that ran out.
LOOK_ANYWAY: Final = 30.0
#: Seconds between two attempts when the database does not answer.
TRY_AGAIN: Final = 1.0


class Subscriber(Protocol):
    """One caller's subscription."""

    caller: Caller
    #: Whom the caller was when the subscription began; None for nobody signed in.
    user_id: int | None

    def tell(self, payload: str) -> None:
        """Sends a result."""

    def end(self, error: Exception) -> None:
        """Ends the subscription, with what went wrong."""


class Broadcast:
    """The subscribers to one document with the same variables, and the loop that serves them."""

    def __init__(self, schema: strawberry.Schema, request: Request, topic: Topic, looks: Looks) -> None:
        self._schema = schema
        self._request = request
        self._topic = topic
        self._looks = looks
        self._feed = topic.feed()
        self._subscribers: dict[Subscriber, None] = {}
        self._users: Counter[int] = Counter()
        self._ringing: Ringing | None = None
        self._started = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="graphql-broadcast")

    async def join(self, subscriber: Subscriber) -> None:
        """Adds a subscriber; they are told of what is committed after this returns."""
        self._subscribers[subscriber] = None
        if subscriber.user_id is not None:
            self._users[subscriber.user_id] += 1
            if self._ringing is not None:
                self._ringing.listen_to(ringing.user(subscriber.user_id))
        await self._started.wait()

    def leave(self, subscriber: Subscriber) -> bool:
        """Removes a subscriber; True if they were the last: the loop ends then."""
        if subscriber not in self._subscribers:
            return False
        del self._subscribers[subscriber]
        user_id = subscriber.user_id
        if user_id is not None:
            self._users[user_id] -= 1
            if not self._users[user_id]:
                del self._users[user_id]
                if self._ringing is not None:
                    self._ringing.forget(ringing.user(user_id))
        if self._subscribers:
            return False
        self._task.cancel()
        return True

    async def _run(self) -> None:
        try:
            async with bell.listening(self._feed.place) as self._ringing:
                self._ringing.listen_to(*map(ringing.user, self._users))
                project = await _persistently(partial(in_socket_thread, self._start))
                if project is not None:
                    self._ringing.listen_to(ringing.access(project.pk))
                self._started.set()
                while True:
                    await self._tell_all()
                    if await self._ringing.wait(LOOK_ANYWAY):
                        await asyncio.sleep(GATHER)
        except Exception as error:
            self._end_all(error)
        finally:
            self._started.set()

    def _start(self) -> Project | None:
        self._feed.start()
        return self._topic.project()

    def _end_all(self, error: Exception) -> None:
        for subscriber in list(self._subscribers):
            subscriber.end(error)

    async def _tell_all(self) -> None:
        """Tells what has been committed, and ends the subscriptions of those who have lost their rights."""
        complete = False
        while not complete:
            subscribers = list(self._subscribers)
            callers = [one.caller for one in subscribers]
            look = await _persistently(partial(self._looks.look, self._feed, callers))
            if look is None:
                self._end_all(NotFound("What this subscription is about was deleted."))
                return
            self._feed.move(look.cursor)
            permitted = []
            for subscriber, rights in zip(subscribers, look.rights, strict=True):
                if isinstance(rights, Exception):
                    subscriber.end(rights)
                else:
                    permitted.append((subscriber, rights))
            for row in look.rows:
                # A copy: an execution may keep on a row what it has read for it, and others have the same row.
                await self._deliver(copy(row), permitted, look.project_id)
            complete = look.complete

    async def _deliver(
        self, row: Any, permitted: Sequence[tuple[Subscriber, Principal]], project_id: int
    ) -> None:
        """Tells a row to those who still listen, with one execution for all who get the same."""
        present = [pair for pair in permitted if pair[0] in self._subscribers]
        for group in _grouped(present, lambda principal: role(principal, project_id)):
            told = await self._execute(row, group[0][1], project_id)
            if not told.personal:
                _tell(group, told)
                continue
            first, *others = _grouped(group, person)
            _tell(first, told)
            for people in others:
                _tell(people, await self._execute(row, people[0][1], project_id))

    async def _execute(self, row: Any, principal: Principal, project_id: int) -> Told:
        return await execute(self._schema, self._request, row, principal, project_id)


def _grouped(
    pairs: Sequence[tuple[Subscriber, Principal]], key: Callable[[Principal], Hashable]
) -> list[list[tuple[Subscriber, Principal]]]:
    groups: dict[Hashable, list[tuple[Subscriber, Principal]]] = {}
    for pair in pairs:
        groups.setdefault(key(pair[1]), []).append(pair)
    return list(groups.values())


def _tell(group: Sequence[tuple[Subscriber, Principal]], told: Told) -> None:
    for subscriber, _ in group:
        subscriber.tell(told.payload)


async def _persistently(read: Callable[[], Awaitable[R]]) -> R:
    """Reads, again and again while the database does not answer."""
    while True:
        try:
            return await read()
        except DatabaseError as error:
            log.warning("subscription cannot read", error=str(error))
            await asyncio.sleep(TRY_AGAIN)


class Broadcasts:
    """The broadcasts of one event loop."""

    def __init__(self) -> None:
        self._by_key: dict[bytes, Broadcast] = {}
        #: By topic; each as long as a broadcast has it.
        self._looks: WeakValueDictionary[Topic, Looks] = WeakValueDictionary()

    def of(self, schema: strawberry.Schema, request: Request, topic: Topic) -> Broadcast:
        """The broadcast of a document with its variables."""
        if request.key not in self._by_key:
            looks = self._looks.setdefault(topic, Looks(topic))
            self._by_key[request.key] = Broadcast(schema, request, topic, looks)
        return self._by_key[request.key]

    def leave(self, request: Request, subscriber: Subscriber) -> None:
        """Removes a subscriber, and the broadcast with the last one."""
        broadcast = self._by_key.get(request.key)
        if broadcast is not None and broadcast.leave(subscriber):
            del self._by_key[request.key]


_OF_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, Broadcasts] = WeakKeyDictionary()


def of_this_loop() -> Broadcasts:
    """The broadcasts of the running event loop."""
    return _OF_LOOPS.setdefault(asyncio.get_running_loop(), Broadcasts())
