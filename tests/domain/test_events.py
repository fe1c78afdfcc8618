"""The event log and its bell: told of what is committed, and only of that."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Self

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ci_core import events
from ci_core.actions import upkeep
from ci_core.actions.jobs import succeed_job
from ci_core.clock import now
from ci_core.events import bell, log, ringing
from ci_core.events.feed import Feed, News, PipelineFeed, ProjectFeed
from ci_core.models import Job, Pipeline, ProjectChange
from tests.factories import pipeline_with

pytestmark = pytest.mark.django_db(transaction=True)

#: Seconds within which something must be heard; far above what it takes.
SOON = 10
#: Seconds of silence that count as silence.
SILENCE = 0.3


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """A thread that stands for another process: its database connection is its own."""
    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(lambda: connection.close()).result()


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Runs a coroutine, and finds tasks it leaves behind."""

    async def whole() -> None:
        await test()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left behind: {left}"

    asyncio.run(whole())


class Follower:
    """Reads a feed each time that the bell rings for it, as subscribers do."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self._stack = contextlib.AsyncExitStack()
        self._pool = ThreadPoolExecutor(1)

    async def __aenter__(self) -> Self:
        self._ringing = await self._stack.enter_async_context(bell.listening(self.feed.place))
        await self._in_thread(self.feed.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        await self._in_thread(lambda: connection.close())
        self._pool.shutdown()

    async def next(self) -> News:
        """What is heard of next."""
        async with asyncio.timeout(SOON):
            while True:
                news, cursor = await self._in_thread(self.feed.read)
                self.feed.move(cursor)
                if news:
                    return news
                await self._ringing.wait()

    async def silence(self) -> None:
        """Asserts that nothing is heard for a while."""
        await asyncio.sleep(SILENCE)
        news, _ = await self._in_thread(self.feed.read)
        assert not news, news

    async def _in_thread(self, function: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)


def feed_of(pipeline: Pipeline, of: str) -> Feed:
    return PipelineFeed(pipeline.pk) if of == "pipeline" else ProjectFeed(pipeline.project_id)


def finish(pipeline: Pipeline, name: str) -> None:
    succeed_job(Job.objects.in_pipeline(pipeline.pk).get(name=name).pk)


@pytest.mark.parametrize("of", ["pipeline", "project"])
def test_a_change_made_elsewhere_is_heard(elsewhere: ThreadPoolExecutor, of: str) -> None:
    pipeline = pipeline_with("a: {script: x}")
    job = Job.objects.in_pipeline(pipeline.pk).get()

    async def test() -> None:
        async with Follower(feed_of(pipeline, of)) as follower:
            await follower.silence()
            elsewhere.submit(finish, pipeline, "a")
            news = await follower.next()
            assert list(news.jobs) == [job.pk]
            assert list(news.pipelines) == list(news.moved) == [pipeline.pk]
            assert list(news.stages) == [job.stage_id]
            await follower.silence()

    run(test)


@pytest.mark.parametrize("of", ["pipeline", "project"])
def test_nothing_is_heard_before_the_commit_or_after_a_rollback(
    elsewhere: ThreadPoolExecutor, of: str
) -> None:
    pipeline = pipeline_with("a: {script: x}\nb: {script: x}\n")
    commit = threading.Event()
    job_a = Job.objects.in_pipeline(pipeline.pk).get(name="a").pk

    def rolled_back() -> None:
        with contextlib.suppress(ValueError), transaction.atomic():
            finish(pipeline, "b")
            raise ValueError

    def slow() -> None:
        with transaction.atomic():
            finish(pipeline, "a")
            commit.wait(SOON)

    async def test() -> None:
        async with Follower(feed_of(pipeline, of)) as follower:
            await asyncio.wrap_future(elsewhere.submit(rolled_back))
            committing = elsewhere.submit(slow)
            await follower.silence()
            commit.set()
            await asyncio.wrap_future(committing)
            assert list((await follower.next()).jobs) == [job_a]

    run(test)
    jobs = dict(Job.objects.in_pipeline(pipeline.pk).values_list("name", "status"))
    assert jobs == {"a": "success", "b": "pending"}


@pytest.mark.parametrize("of", ["pipeline", "project"])
def test_changes_of_others_are_not_heard(elsewhere: ThreadPoolExecutor, of: str) -> None:
    pipeline, other = pipeline_with("a: {script: x}"), pipeline_with("a: {script: x}")

    async def test() -> None:
        async with Follower(feed_of(pipeline, of)) as follower:
            await asyncio.wrap_future(elsewhere.submit(finish, other, "a"))
            await follower.silence()

    run(test)


def test_a_project_is_told_of_a_transaction_that_began_before_others_and_ended_after_them() -> None:
    """The first transaction has the smaller ids; a reader that only kept the largest id would step past it."""
    slow, quick = pipeline_with("a: {script: x}"), pipeline_with("a: {script: x}")
    Pipeline.objects.filter(pk=quick.pk).update(project=slow.project, iid=2)
    written, commit = threading.Event(), threading.Event()

    def begin() -> None:
        try:
            with transaction.atomic():
                finish(slow, "a")
                written.set()
                commit.wait(SOON)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        beginning = pool.submit(begin)
        try:
            assert written.wait(SOON)
            feed = ProjectFeed(slow.project_id)
            feed.start()
            finish(quick, "a")
            news, cursor = feed.read()
            feed.move(cursor)
            assert list(news.pipelines) == [quick.pk]
        finally:
            commit.set()
        beginning.result(SOON)
    news, cursor = feed.read()
    feed.move(cursor)
    assert list(news.pipelines) == [slow.pk]
    assert not feed.read()[0]


@pytest.mark.parametrize("of", ["pipeline", "project"])
def test_what_was_read_and_not_made_use_of_is_read_again(of: str) -> None:
    pipeline = pipeline_with("a: {script: x}")
    feed = feed_of(pipeline, of)
    feed.start()
    finish(pipeline, "a")
    assert feed.read()[0].jobs == feed.read()[0].jobs != {}


@pytest.mark.parametrize("of", ["pipeline", "project"])
def test_a_lost_connection_loses_nothing(elsewhere: ThreadPoolExecutor, of: str) -> None:
    pipeline = pipeline_with("a: {script: x}\nb: {script: x}\n")
    job_ids = set(Job.objects.in_pipeline(pipeline.pk).values_list("pk", flat=True))

    def kill_listeners() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid() AND datname = current_database()"
            )
            assert cursor.fetchall() == [(True,)]

    async def test() -> None:
        async with Follower(feed_of(pipeline, of)) as follower:
            await asyncio.wrap_future(elsewhere.submit(kill_listeners))
            await asyncio.wrap_future(elsewhere.submit(finish, pipeline, "a"))
            await asyncio.wrap_future(elsewhere.submit(finish, pipeline, "b"))
            heard: list[int] = []
            while set(heard) != job_ids:
                heard += (await follower.next()).jobs
            assert len(heard) == 2
            await follower.silence()

    run(test)


def test_reading_a_project_touches_only_the_pipelines_that_changed() -> None:
    """One statement, whatever the number of pipelines; of the events only those after the first new one are read."""
    pipeline = pipeline_with("a: {script: x}\nb: {script: x}\n")
    feed = ProjectFeed(pipeline.project_id)
    feed.start()
    finish(pipeline, "a")
    with CaptureQueriesContext(connection) as captured:
        feed.read()
    (statement,) = captured.captured_queries
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, SUMMARY OFF) {statement['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
    assert "ci_project_change_newest" in plan, plan
    assert re.search(
        r"pipeline_id = changed\w*\.pipeline_id\) AND \(id >= changed\w*\.first_event_id", plan
    ), plan
    assert re.search(r"ci_core_event_p00000 .*loops=1", plan), plan
    assert re.search(r"ci_core_event_p00001 .*never executed", plan), plan


def test_old_changes_of_projects_are_forgotten() -> None:
    pipeline = pipeline_with("a: {script: x}")
    assert ProjectChange.objects.filter(pipeline_id=pipeline.pk).exists()
    assert upkeep.forget_project_changes() == 0
    ProjectChange.objects.update(created_at=now() - timedelta(seconds=upkeep.CHANGES_KEPT + 1))
    finish(pipeline, "a")
    assert upkeep.forget_project_changes() > 0
    assert ProjectChange.objects.filter(pipeline_id=pipeline.pk).exists()


def test_the_queue_rings_when_a_job_becomes_pending(elsewhere: ThreadPoolExecutor) -> None:
    async def test() -> None:
        async with bell.listening(ringing.QUEUE) as listener:
            await listener.wait(SILENCE)
            assert not await listener.wait(SILENCE)
            await asyncio.wrap_future(elsewhere.submit(pipeline_with, "a: {script: x}"))
            assert await listener.wait(SOON)
            assert not await listener.wait(SILENCE)

    run(test)


def test_many_rings_are_one_and_listeners_do_not_disturb_each_other() -> None:
    async def test() -> None:
        async with (
            bell.listening(ringing.pipeline(1)) as one,
            bell.listening(ringing.pipeline(2)) as two,
        ):
            await one.wait(SILENCE)
            await two.wait(SILENCE)
            for _ in range(5):
                one.ring()
            assert await one.wait(0)
            assert not await one.wait(0.01)
            assert not await two.wait(0.01)

    run(test)


def test_the_log_tells_the_whole_story() -> None:
    pipeline = pipeline_with("a: {script: x}\nb: {stage: deploy, script: x}\n")
    start = events.since(pipeline.pk, 0)
    assert {(event.kind, event.old_status, event.status) for event in start} >= {
        ("pipeline", "", "created"),
        ("job", "", "created"),
        ("job", "created", "pending"),
        ("stage", "created", "pending"),
        ("pipeline", "created", "pending"),
    }
    finish(pipeline, "a")
    told: list[Any] = events.since(pipeline.pk, start[-1].pk)
    assert [event.pk for event in told] == sorted(event.pk for event in told)
    assert told[-1].pk == log.newest(pipeline.pk)
