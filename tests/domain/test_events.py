"""The event log and its bell: told of what is committed, and only of that."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from ci_core import events
from ci_core.actions.jobs import succeed_job
from ci_core.events import bell, feed
from ci_core.events.log import PIPELINES_CHANNEL, QUEUE_CHANNEL
from ci_core.models import Event, Job, Pipeline
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


async def started(pipeline: Pipeline) -> tuple[AsyncIterator[list[Event]], asyncio.Task[list[Event]]]:
    """A feed that listens already, and its first batch to come."""
    following = feed.changes(pipeline.pk)
    first = asyncio.create_task(anext(following))
    await asyncio.sleep(SILENCE)
    assert not first.done()
    return following, first


def finish(pipeline: Pipeline, name: str) -> None:
    succeed_job(Job.objects.in_pipeline(pipeline.pk).get(name=name).pk)


def test_a_change_made_elsewhere_is_heard(elsewhere: ThreadPoolExecutor) -> None:
    pipeline = pipeline_with("a: {script: x}")

    async def test() -> None:
        following, first = await started(pipeline)
        elsewhere.submit(finish, pipeline, "a")
        batch = await asyncio.wait_for(first, SOON)
        assert ("job", "success") in {(event.kind, event.status) for event in batch}
        await following.aclose()  # type: ignore[attr-defined]

    run(test)


def test_nothing_is_heard_before_the_commit_or_after_a_rollback(elsewhere: ThreadPoolExecutor) -> None:
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
        following, first = await started(pipeline)
        await asyncio.wrap_future(elsewhere.submit(rolled_back))
        committing = elsewhere.submit(slow)
        await asyncio.sleep(SILENCE)
        assert not first.done()
        commit.set()
        await asyncio.wrap_future(committing)
        batch = await asyncio.wait_for(first, SOON)
        assert {event.subject_id for event in batch if event.kind == "job"} == {job_a}
        await following.aclose()  # type: ignore[attr-defined]

    run(test)
    jobs = dict(Job.objects.in_pipeline(pipeline.pk).values_list("name", "status"))
    assert jobs == {"a": "success", "b": "pending"}


def test_changes_of_other_pipelines_are_not_heard(elsewhere: ThreadPoolExecutor) -> None:
    pipeline, other = pipeline_with("a: {script: x}"), pipeline_with("a: {script: x}")

    async def test() -> None:
        following, first = await started(pipeline)
        await asyncio.wrap_future(elsewhere.submit(finish, other, "a"))
        await asyncio.sleep(SILENCE)
        assert not first.done()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await following.aclose()  # type: ignore[attr-defined]

    run(test)


def test_a_lost_connection_loses_nothing(elsewhere: ThreadPoolExecutor) -> None:
    pipeline = pipeline_with("a: {script: x}\nb: {script: x}\n")

    def kill_listeners() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid() AND datname = current_database()"
            )

    async def test() -> None:
        following, first = await started(pipeline)
        await asyncio.wrap_future(elsewhere.submit(kill_listeners))
        await asyncio.wrap_future(elsewhere.submit(finish, pipeline, "a"))
        await asyncio.wrap_future(elsewhere.submit(finish, pipeline, "b"))
        seen = await asyncio.wait_for(first, SOON)
        while seen[-1].status != "success" or seen[-1].kind != "pipeline":
            seen += await asyncio.wait_for(anext(following), SOON)
        ids = [event.pk for event in seen]
        assert ids == sorted(set(ids))
        assert sum(event.kind == "job" and event.status == "success" for event in seen) == 2
        await following.aclose()  # type: ignore[attr-defined]

    run(test)


def test_the_queue_rings_when_a_job_becomes_pending(elsewhere: ThreadPoolExecutor) -> None:
    async def test() -> None:
        async with bell.listening(QUEUE_CHANNEL) as ringing:
            await ringing.wait(SILENCE)
            assert not await ringing.wait(SILENCE)
            await asyncio.wrap_future(elsewhere.submit(pipeline_with, "a: {script: x}"))
            assert await ringing.wait(SOON)
            assert not await ringing.wait(SILENCE)

    run(test)


def test_many_rings_are_one_and_listeners_do_not_disturb_each_other() -> None:
    async def test() -> None:
        async with (
            bell.listening(PIPELINES_CHANNEL, "1") as one,
            bell.listening(PIPELINES_CHANNEL, "2") as two,
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
    assert told[-1].pk == feed.newest(pipeline.pk)
