"""What one connection may do: how much it sends, how soon it says who it is, how much it has under way."""

from __future__ import annotations

import asyncio

import pytest

from ci_core.actions import pipelines
from graphql_api import consumers
from tests.factories import pipeline_with
from tests.graphql.subscriptions.scenarios import elsewhere, run
from tests.support.graphql_socket import Closed, GraphQLSocket

pytestmark = pytest.mark.django_db(transaction=True)

FOLLOW = "subscription($id: CiPipelineID!) { ciPipelineStatusUpdated(pipelineId: $id) { status } }"
WHO = {"id": "q", "type": "subscribe", "payload": {"query": "{ currentUser { username } }"}}


def closed_after(*messages):
    async def scenario():
        async with GraphQLSocket() as socket:
            for message in messages:
                await socket.send(message)
            while True:
                await socket.receive()

    with pytest.raises(Closed) as caught:
        run(scenario)
    return caught.value.code


def test_message_that_is_too_long(settings):
    settings.PIPEYARD_SOCKET_MESSAGE_LIMIT = 200
    assert closed_after({**WHO, "id": "x" * 200}) == 1009


def test_too_many_messages_at_once(monkeypatch):
    monkeypatch.setattr(consumers, "MAX_UNREAD", 0)
    assert closed_after(WHO) == 1008


def test_client_that_does_not_say_who_it_is(settings):
    settings.PIPEYARD_SOCKET_INIT_SECONDS = 0.05

    async def scenario():
        socket = GraphQLSocket()
        await socket.connect()
        try:
            await socket.receive()
        finally:
            await socket.disconnect()

    with pytest.raises(Closed) as caught:
        run(scenario)
    assert caught.value.code == 4408


@pytest.mark.parametrize(
    "message",
    [
        [],
        "subscribe",
        {},
        {"type": 1},
        {"type": "nonsense"},
        {"type": "complete"},
        {**WHO, "id": 1},
        {**WHO, "payload": None},
        {**WHO, "payload": {}},
        {**WHO, "payload": {"query": 1}},
        {**WHO, "payload": {"query": "{ x }", "variables": []}},
        {**WHO, "payload": {"query": "{ x }", "operationName": {}}},
        {"type": "connection_init", "payload": []},
    ],
    ids=str,
)
def test_what_is_no_message_of_the_protocol(message):
    assert closed_after(message) == 4400


def test_id_that_is_in_use():
    pipeline = pipeline_with({"build": {"script": "x"}}, visibility="public")
    variables = {"id": f"gid://gitlab/Ci::Pipeline/{pipeline.pk}"}
    message = {"id": "a", "type": "subscribe", "payload": {"query": FOLLOW, "variables": variables}}
    assert closed_after(message, message) == 4409


def test_operations_under_way(settings):
    settings.PIPEYARD_SOCKET_OPERATIONS = 2
    pipeline = pipeline_with({"build": {"script": "x"}}, visibility="public")
    id_ = f"gid://gitlab/Ci::Pipeline/{pipeline.pk}"

    async def scenario():
        async with GraphQLSocket() as socket:
            for name in "abc":
                await socket.subscribe(name, FOLLOW, id=id_)
            refused = await socket.receive()
            await socket.send({"id": "a", "type": "complete"})
            await socket.subscribe("c", FOLLOW, id=id_)
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            return refused, {(await socket.receive())["id"] for _ in range(2)}

    refused, told = run(scenario)
    assert (refused["type"], refused["id"]) == ("error", "c")
    assert "limit" in refused["payload"][0]["message"]
    assert told == {"b", "c"}


@pytest.mark.parametrize(
    "document", ["{ nothing", "{ nothing }", "subscription { ciJobStatusUpdated { id } }"]
)
def test_document_that_is_not_valid_ends_only_its_own_operation(document):
    pipeline = pipeline_with({"build": {"script": "x"}}, visibility="public")

    async def scenario():
        async with GraphQLSocket() as socket:
            await socket.subscribe("a", FOLLOW, id=f"gid://gitlab/Ci::Pipeline/{pipeline.pk}")
            await socket.send({"id": "q", "type": "subscribe", "payload": {"query": document}})
            refused = await socket.receive()
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            return refused, await socket.next("a")

    refused, told = run(scenario)
    assert (refused["type"], refused["id"]) == ("error", "q")
    assert told["data"]["ciPipelineStatusUpdated"]["status"] == "CANCELED"


def test_a_client_that_leaves_at_any_moment_leaves_nothing_behind():
    """`run` asserts that nothing is left."""
    pipeline = pipeline_with({"build": {"script": "x"}}, visibility="public")
    variables = {"id": f"gid://gitlab/Ci::Pipeline/{pipeline.pk}"}

    async def scenario():
        for turns in (0, 1, 2, 5, 10, 50, 200):
            async with GraphQLSocket() as socket:
                await socket.send(
                    {"id": "a", "type": "subscribe", "payload": {"query": FOLLOW, "variables": variables}}
                )
                for _ in range(turns):
                    await asyncio.sleep(0.0005)
        await asyncio.sleep(0.1)

    run(scenario)
