"""What subscribers notice when the database, Redis or the relay fails for a while: that they are told later."""

from __future__ import annotations

import asyncio

import pytest
from django.db import OperationalError

from ci_core.actions import pipelines
from ci_core.events import bell, line, pauses, relay
from graphql_api.subscriptions import broadcast, looks
from tests.factories import pipeline_with
from tests.graphql.subscriptions.scenarios import connections_in_use, elsewhere, run
from tests.support.graphql_socket import GraphQLSocket
from tests.support.redis_server import redis_server

pytestmark = pytest.mark.django_db(transaction=True)

FOLLOW = "subscription($id: CiPipelineID!) { ciPipelineStatusUpdated(pipelineId: $id) { status } }"


@pytest.fixture
def pipeline():
    return pipeline_with({"build": {"script": "x"}}, visibility="public")


def gid(pipeline):
    return f"gid://gitlab/Ci::Pipeline/{pipeline.pk}"


def status(told):
    return told["data"]["ciPipelineStatusUpdated"]["status"]


def test_a_database_that_does_not_answer_is_asked_again_for_all_who_shared_the_look(pipeline, monkeypatch):
    monkeypatch.setattr(broadcast, "TRY_AGAIN", 0.05)
    failures = []
    plain = looks.who_may_see

    def failing(*args):
        if failing.now and len(failures) < 4:
            failures.append(1)
            raise OperationalError("the connection is lost")
        return plain(*args)

    failing.now = False
    monkeypatch.setattr(looks, "who_may_see", failing)

    async def scenario():
        async with GraphQLSocket() as one, GraphQLSocket() as other:
            await one.subscribe("a", FOLLOW, id=gid(pipeline))
            await other.subscribe("b", f"{FOLLOW} # other", id=gid(pipeline))
            failing.now = True
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            return await one.next("a"), await other.next("b")

    assert [status(told) for told in run(scenario)] == ["CANCELED"] * 2
    assert len(failures) == 4


def test_who_leaves_while_a_look_is_made_leaves_nothing_behind_and_disturbs_nobody(pipeline, monkeypatch):
    plain, looking = looks._look, asyncio.Event()

    async def scenario():
        loop, may_go_on = asyncio.get_running_loop(), asyncio.Event()

        def slow(*args):
            loop.call_soon_threadsafe(looking.set)
            asyncio.run_coroutine_threadsafe(may_go_on.wait(), loop).result(10)
            return plain(*args)

        async with GraphQLSocket() as one:
            await one.subscribe("a", FOLLOW, id=gid(pipeline))
            async with GraphQLSocket() as other:
                await other.subscribe("b", f"{FOLLOW} # other", id=gid(pipeline))
                monkeypatch.setattr(looks, "_look", slow)
                await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
                await looking.wait()
            may_go_on.set()
            return await one.next("a")

    assert status(run(scenario)) == "CANCELED"


@pytest.mark.parametrize("relayed", [True, False])
def test_over_redis_with_a_relay_and_without_one(pipeline, settings, monkeypatch, relayed):
    """`run` asserts that nothing is left behind."""
    monkeypatch.setattr(pauses, "SHORTEST", 0.1)
    # Too long to be told by looking where there is a relay.
    monkeypatch.setattr(bell, "LOOK_EVERY", 60 if relayed else 0.2)

    async def scenario():
        relaying = asyncio.create_task(relay.run() if relayed else asyncio.sleep(0))
        for _ in range(100):
            if not relayed or (await asyncio.to_thread(line.health)).relay:
                break
            await asyncio.sleep(0.05)
        listening = (await elsewhere(connections_in_use)).listening
        async with GraphQLSocket() as socket:
            await socket.subscribe("a", FOLLOW, id=gid(pipeline))
            await asyncio.sleep(0.5)
            assert (await elsewhere(connections_in_use)).listening == listening
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            told = await socket.next("a")
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)
        return told

    with redis_server(settings):
        assert status(run(scenario)) == "CANCELED"
