"""The few threads that share what uses the database."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest
from asgiref.sync import async_to_sync
from django.db import connection

from graphql_api import threads
from graphql_api.threads import SharedThreads

MOOD: ContextVar[str] = ContextVar("mood", default="none")


def test_results_errors_and_context_come_through():
    shared = SharedThreads(2, "test")

    def fails():
        raise LookupError("gone")

    async def scenario():
        MOOD.set("fine")
        assert await shared(MOOD.get) == "fine"
        with pytest.raises(LookupError, match="gone"):
            await shared(fails)
        return await shared(threading.current_thread)

    assert asyncio.run(scenario()) is not threading.current_thread()


def test_there_are_no_more_threads_than_allowed_and_all_calls_are_answered():
    shared = SharedThreads(3, "test")
    together = threading.Barrier(3, timeout=10)

    def meet(number):
        if number < 3:
            together.wait()
        return number, threading.current_thread().name

    async def scenario():
        return await asyncio.gather(*(shared(lambda number=number: meet(number)) for number in range(50)))

    answers = asyncio.run(scenario())
    assert [number for number, _ in answers] == list(range(50))
    assert len({name for _, name in answers}) == 3


def test_one_call_after_the_other_needs_one_thread():
    shared = SharedThreads(8, "test")

    async def scenario():
        return {await shared(threading.get_ident) for _ in range(20)}

    assert len(asyncio.run(scenario())) == 1


def test_what_nobody_waits_for_any_more_is_not_begun():
    shared = SharedThreads(1, "test")
    free, began = threading.Event(), []

    async def scenario():
        busy = asyncio.create_task(shared(lambda: free.wait(10)))
        waiting = asyncio.create_task(shared(lambda: began.append("waiting")))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
        free.set()
        await busy
        await shared(lambda: began.append("last"))

    asyncio.run(scenario())
    assert began == ["last"]


def opened():
    connection.ensure_connection()
    return connection.connection


def held():
    return connection.connection is not None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("kept_for", "is_held"), [(60, True), (0.01, False)])
def test_a_connection_is_kept_for_the_next_call_and_given_back_when_none_comes_soon(
    monkeypatch, kept_for, is_held
):
    monkeypatch.setattr(threads, "KEPT_SECONDS", kept_for)
    shared = SharedThreads(1, "test")

    async def scenario():
        await shared(opened)
        await asyncio.sleep(0.2)
        still = await shared(held)
        await shared(lambda: connection.close())
        return still

    assert async_to_sync(scenario)() is is_held


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_broke_is_not_kept():
    shared = SharedThreads(1, "test")

    def breaks():
        connection.ensure_connection()
        connection.connection.close()
        with pytest.raises(Exception, match="closed"), connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    def asks():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return cursor.fetchone()

    async def scenario():
        await shared(breaks)
        return await shared(asks)

    assert async_to_sync(scenario)() == (1,)
