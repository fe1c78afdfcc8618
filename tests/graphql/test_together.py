"""Requests that wait for a thread and ask the same with the same key are answered by one execution."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import async_to_sync

from config import direct
from graphql_api import door
from graphql_api.execution.executor import BreadthFirst
from graphql_api.limits import rate
from graphql_api.schema import schema
from graphql_api.threads import in_http_thread
from graphql_api.together import Together
from tests.factories import UserFactory
from tests.support.asgi_client import ask, bearer, request_of, session_of

pytestmark = pytest.mark.django_db(transaction=True)
DOCUMENT = "query who($more: Boolean = false) { currentUser { username id @include(if: $more) } }"


@pytest.fixture
def executions(monkeypatch):
    """The operations that were carried out; the process counts as busy."""
    monkeypatch.setattr(schema, "execution_context_class", BreadthFirst)
    monkeypatch.setattr(direct, "_TOGETHER", Together(0))
    seen = []
    carried_out = door.carried_out

    def noted(served, operation, context, ready):
        seen.append(operation)
        return carried_out(served, operation, context, ready)

    monkeypatch.setattr(door, "carried_out", noted)
    return seen


class Threads:
    """Threads that are all busy until `free` is called."""

    def __init__(self):
        self._free = asyncio.Event()
        self.waiting = 0

    async def run(self, function):
        self.waiting += 1
        await self._free.wait()
        return await in_http_thread(function)

    def free(self):
        self._free.set()


def answered(monkeypatch, *requests, together=True):
    """The answers to requests that wait for threads at the same time, after the document was seen once."""

    async def all_of_them():
        await ask(requests[0][0], DOCUMENT)
        threads = Threads()
        monkeypatch.setattr(direct, "in_http_thread", threads.run)
        asked = [asyncio.ensure_future(ask(*request[:2], **request[2])) for request in requests]
        async with asyncio.timeout(10):
            while threads.waiting < (1 if together else len(requests)):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        threads.free()
        return await asyncio.gather(*asked)

    return async_to_sync(all_of_them)()


def test_the_same_question_with_the_same_key_is_answered_once(executions, monkeypatch):
    user = UserFactory()
    key = bearer(user)
    answers = answered(monkeypatch, *[([key], DOCUMENT, {})] * 5)
    assert [(status, body["data"]["currentUser"]) for status, _, body in answers] == [
        (200, {"username": user.username})
    ] * 5
    assert len({headers[b"x-request-id"] for _, headers, _ in answers}) == 5
    assert len(executions) == 2, "once to know the document, once for all"


def test_others_are_answered_for_themselves(executions, monkeypatch):
    user, other = UserFactory(), UserFactory()
    key = bearer(user)
    answers = answered(
        monkeypatch,
        ([key], DOCUMENT, {}),
        ([bearer(user)], DOCUMENT, {}),
        ([bearer(other)], DOCUMENT, {}),
        ([key], DOCUMENT, {"more": True}),
        together=False,
    )
    names = [body["data"]["currentUser"]["username"] for _, _, body in answers]
    assert names == [user.username, user.username, other.username, user.username]
    assert len(executions) == 1 + 4


def test_a_session_is_trusted_by_each_host_for_itself(executions, monkeypatch, settings):
    settings.ALLOWED_HOSTS = ["testserver", "other.example"]
    headers = [*session_of(UserFactory()), (b"origin", b"http://testserver")]
    answers = answered(
        monkeypatch,
        (headers, DOCUMENT, {}),
        ([*headers, (b"host", b"other.example")], DOCUMENT, {}),
        together=False,
    )
    assert [status for status, _, _ in answers] == [200, 403]


def test_who_comes_when_an_execution_has_begun_gets_another(executions, monkeypatch):
    key = bearer(UserFactory())

    async def late():
        await ask([key], DOCUMENT)
        begun, go_on = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        first = True

        async def slow(function):
            def held():
                nonlocal first
                # What a thread does first is to tell that the execution has begun.
                given = function()
                if first:
                    first = False
                    loop.call_soon_threadsafe(begun.set)
                    asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(10)
                return given

            return await in_http_thread(held)

        monkeypatch.setattr(direct, "in_http_thread", slow)
        early = asyncio.ensure_future(ask([key], DOCUMENT))
        await begun.wait()
        later = await ask([key], DOCUMENT)
        go_on.set()
        return await early, later

    assert [status for status, _, _ in async_to_sync(late)()] == [200, 200]
    assert len(executions) == 1 + 2


def test_mutations_are_never_answered_together(executions, monkeypatch):
    document = 'mutation { pipelineCancel(input: {id: "gid://gitlab/Ci::Pipeline/1"}) { errors } }'
    key = bearer(UserFactory())
    answers = answered(monkeypatch, *[([key], document, {})] * 3, together=False)
    assert len(answers) == 3
    assert len(executions) == 1 + 3


def test_each_is_counted_for_its_caller(executions, monkeypatch, settings):
    settings.PIPEYARD_GRAPHQL_RATE_LIMIT = 3
    monkeypatch.setattr(rate, "_COUNTER", rate.Counter())
    answers = answered(
        monkeypatch, *[([bearer_of], DOCUMENT, {}) for bearer_of in [bearer(UserFactory())] * 4]
    )
    assert sorted(status for status, _, _ in answers) == [200, 200, 429, 429]


def test_the_others_are_answered_when_one_goes_away(executions, monkeypatch):
    key = bearer(UserFactory())

    async def one_leaves():
        await ask([key], DOCUMENT)
        threads = Threads()
        monkeypatch.setattr(direct, "in_http_thread", threads.run)
        leaving, message = request_of([key], DOCUMENT)
        await leaving.send_input(message)
        staying = asyncio.ensure_future(ask([key], DOCUMENT))
        while threads.waiting < 1:
            await asyncio.sleep(0.01)
        await leaving.send_input({"type": "http.disconnect"})
        await leaving.wait(10)
        threads.free()
        return await staying, leaving.output_queue.empty()

    (status, _, _), silent = async_to_sync(one_leaves)()
    assert (status, silent) == (200, True)
    assert len(executions) == 2
