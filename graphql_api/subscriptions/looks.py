"""Owns looks at the database: broadcasts about the same thing that want to look at the same time share one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ci_core.access import Principal, who_may_see
from ci_core.errors import NotFound
from ci_core.events.feed import Feed
from ci_core.models import Project
from graphql_api.authentication import Caller, principals_of
from graphql_api.errors import Unauthenticated
from graphql_api.subscriptions.topics import Topic
from graphql_api.threads import in_socket_thread


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the database found. rights: of each subscriber now, or why they have none any more.

    rows: read for all who share the look.
    """

    project_id: int
    rights: list[Principal | Exception]
    rows: Sequence[Any]
    cursor: Any
    complete: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    """A broadcast that wants to look."""

    feed: Feed
    callers: Sequence[Caller]
    answer: asyncio.Future[Look | None]


class Looks:
    """The looks at one topic. A look serves all who have asked before it began, and none who ask while it is made."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._asked: list[_Asked] = []
        self._task: asyncio.Task[None] | None = None

    async def look(self, feed: Feed, callers: Sequence[Caller]) -> Look | None:
        """What is new since the feed's cursor; None if what the topic is about is gone. Raises what reading raises."""
        asked = _Asked(feed, callers, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        if self._task is None:
            self._task = asyncio.create_task(self._serve(), name="graphql-look")
        return await asked.answer

    async def _serve(self) -> None:
        try:
            while self._asked:
                # Let those ask, too, who were woken together with the first.
                await asyncio.sleep(0)
                together, self._asked = self._asked, []
                await self._answer(together)
        finally:
            self._task = None

    async def _answer(self, together: Sequence[_Asked]) -> None:
        try:
            looks: Sequence[Look | None] = await in_socket_thread(partial(_look, self._topic, together))
        except Exception as error:
            for asked in together:
                if not asked.answer.done():
                    asked.answer.set_exception(error)
            return
        for asked, look in zip(together, looks, strict=True):
            # Done already: whoever asked has gone.
            if not asked.answer.done():
                asked.answer.set_result(look)


def _look(topic: Topic, together: Sequence[_Asked]) -> Sequence[Look | None]:
    """In a thread. The number of its statements depends on how many different cursors there are, and on nothing else.

    News are read before rights, so that nobody is told what was committed after they had lost theirs.
    """
    project = topic.project()
    if project is None:
        return [None] * len(together)
    news_of = {asked.feed.cursor: asked.feed for asked in together}
    read = {cursor: feed.read() for cursor, feed in news_of.items()}
    rights_of = _rights(project, {caller: None for asked in together for caller in asked.callers})
    rows_of: dict[Any, Sequence[Any]] = {}
    looks = []
    for asked in together:
        news, reached = read[asked.feed.cursor]
        rights = [rights_of[caller] for caller in asked.callers]
        rows: Sequence[Any] = []
        if news and any(isinstance(one, Principal) for one in rights):
            if asked.feed.cursor not in rows_of:
                rows_of[asked.feed.cursor] = topic.rows(news)
            rows = rows_of[asked.feed.cursor]
        looks.append(Look(project.pk, rights, rows, reached, news.complete))
    return looks


def _rights(project: Project, callers: dict[Caller, None]) -> dict[Caller, Principal | Exception]:
    """What each caller may do now, for all of them together."""
    found = dict(zip(callers, principals_of(list(callers)), strict=True))
    known = [one for one in found.values() if isinstance(one, Principal)]
    seeing = dict(zip(map(id, known), who_may_see(project, known), strict=True))
    return {caller: _right(one, seeing) for caller, one in found.items()}


def _right(found: Principal | Unauthenticated, seeing: dict[int, bool]) -> Principal | Exception:
    if isinstance(found, Unauthenticated) or seeing[id(found)]:
        return found
    return NotFound("You may not see this any more.")
