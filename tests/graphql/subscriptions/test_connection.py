"""The WebSocket door: protocols, keys, origins, several operations on one connection, and leaving nothing behind."""

from __future__ import annotations

import asyncio

import pytest
from django.db import connections
from django.test import Client

from ci_core import tokens
from ci_core.actions import pipelines
from tests.factories import UserFactory, member, pipeline_with
from tests.graphql.subscriptions.scenarios import PATIENCE, InUse, at_rest, connections_in_use, elsewhere, run
from tests.support.graphql_client import access_token
from tests.support.graphql_socket import Closed, GraphQLSocket
from tests.support.jobs import job_of, take

pytestmark = pytest.mark.django_db(transaction=True)

FOLLOW = "subscription($id: CiPipelineID!) { ciPipelineStatusUpdated(pipelineId: $id) { status } }"
WHO = "{ currentUser { username } }"


async def ask(socket, document=WHO, **variables):
    await socket.send(
        {"id": "q", "type": "subscribe", "payload": {"query": document, "variables": variables}}
    )
    told = await socket.next("q")
    assert await socket.receive() == {"id": "q", "type": "complete"}
    return told["data"]


def who(**given):
    async def scenario():
        async with GraphQLSocket(**given) as socket:
            return await ask(socket)

    user = run(scenario)["currentUser"]
    return user and user["username"]


def closed(**given):
    async def scenario():
        async with GraphQLSocket(**given):
            return

    with pytest.raises(Closed) as caught:
        run(scenario)
    return caught.value


def session_of(user):
    client = Client()
    client.force_login(user)
    return {"cookie": f"sessionid={client.cookies['sessionid'].value}"}


def test_tokens_in_the_first_message():
    token = access_token(UserFactory(username="ada"))
    assert who(payload={"Authorization": f"Bearer {token}"}) == "ada"
    assert who(payload={"authorization": f"bearer {token}"}) == "ada"
    assert who(payload={"token": token}) == "ada"
    assert who(payload={"PRIVATE-TOKEN": token}) == "ada"
    assert who() is None


def test_keys_that_open_nothing():
    pipeline_with({"build": {"script": "x"}})
    job_token = tokens.job_token(take())
    for payload in (
        {"token": "glpat-none"},
        {"Authorization": "Basic x"},
        {"token": job_token},
        {"JOB-TOKEN": job_token},
    ):
        assert closed(payload=payload).code == 4403, payload


def test_session():
    headers = session_of(UserFactory(username="ada"))
    assert who(headers=headers) == "ada"
    assert who(headers={**headers, "origin": "http://testserver"}) == "ada"
    assert who(headers={"cookie": "sessionid=nonsense"}) is None


def test_session_from_a_foreign_page_is_refused():
    headers = {**session_of(UserFactory()), "origin": "https://evil.example"}
    assert closed(headers=headers).code is None


def test_session_under_a_foreign_name_counts_for_nothing():
    headers = {**session_of(UserFactory()), "host": "evil.example", "origin": "http://evil.example"}
    assert who(headers=headers) is None


def test_foreign_page_may_come_with_a_token():
    token = access_token(UserFactory(username="ada"))
    assert who(token=token, headers={"origin": "https://dashboard.example"}) == "ada"


def test_old_protocol_is_refused_with_its_code():
    assert closed(protocol="graphql-ws").code == 4406


def test_operation_before_the_first_message():
    async def scenario():
        socket = GraphQLSocket()
        await socket.connect()
        await socket.send({"id": "q", "type": "subscribe", "payload": {"query": WHO}})
        try:
            await socket.receive()
        finally:
            await socket.disconnect()

    with pytest.raises(Closed) as caught:
        run(scenario)
    assert caught.value.code == 4401


def test_ping():
    async def scenario():
        async with GraphQLSocket() as socket:
            await socket.send({"type": "ping"})
            return await socket.receive()

    assert run(scenario) == {"type": "pong"}


def test_queries_and_mutations_too():
    pipeline = pipeline_with({"deploy": {"script": "x", "when": "manual"}})
    token = access_token(member(pipeline.project))
    play = "mutation($id: CiBuildID!) { jobPlay(input: {id: $id}) { errors job { status } } }"

    async def scenario():
        async with GraphQLSocket(token) as socket:
            return await ask(socket, play, id=f"gid://gitlab/Ci::Build/{job_id}")

    job_id = job_of(pipeline, "deploy").pk
    assert run(scenario) == {"jobPlay": {"errors": [], "job": {"status": "PENDING"}}}


def test_read_only_token_changes_nothing():
    pipeline = pipeline_with({"deploy": {"script": "x", "when": "manual"}})
    token = access_token(member(pipeline.project), ["read_api"])
    play = "mutation($id: CiBuildID!) { jobPlay(input: {id: $id}) { errors } }"

    async def scenario():
        async with GraphQLSocket(token) as socket:
            return await ask(socket, play, id=f"gid://gitlab/Ci::Build/{job_id}")

    job_id = job_of(pipeline, "deploy").pk
    assert run(scenario) == {"jobPlay": None}
    assert job_of(pipeline, "deploy").status == "manual"


def test_token_that_is_revoked_while_connected_opens_nothing_more():
    from ci_core import clock
    from ci_core.models import PersonalAccessToken

    token = access_token(UserFactory())

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await ask(socket)
            await elsewhere(PersonalAccessToken.objects.update, revoked_at=clock.now())
            await socket.subscribe("q", WHO)
            return await socket.receive()

    message = run(scenario)
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"] == {"code": "unauthenticated"}


def test_two_subscriptions_and_the_end_of_one():
    first, second = (pipeline_with({"build": {"script": "x"}}, visibility="public") for _ in range(2))

    async def scenario():
        async with GraphQLSocket() as socket:
            await socket.subscribe("first", FOLLOW, id=f"gid://gitlab/Ci::Pipeline/{first.pk}")
            await socket.subscribe("second", FOLLOW, id=f"gid://gitlab/Ci::Pipeline/{second.pk}")
            await socket.send({"id": "first", "type": "complete"})
            await asyncio.sleep(0.1)
            await elsewhere(pipelines.cancel_pipeline, first.pk)
            await socket.quiet()
            await elsewhere(pipelines.cancel_pipeline, second.pk)
            return await socket.next("second")

    assert run(scenario)["data"]["ciPipelineStatusUpdated"]["status"] == "CANCELED"


def test_same_subscription_twice_on_two_connections():
    pipeline = pipeline_with({"build": {"script": "x"}}, visibility="public")
    id_ = f"gid://gitlab/Ci::Pipeline/{pipeline.pk}"

    async def scenario():
        async with GraphQLSocket() as one, GraphQLSocket() as other:
            await one.subscribe("a", FOLLOW, id=id_)
            await other.subscribe("a", FOLLOW, id=id_)
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            return await one.next("a"), await other.next("a")

    one, other = run(scenario)
    assert one == other


def test_subscriptions_share_one_listening_connection_and_lend_none_while_they_wait():
    """`run` asserts that nothing is left after the client has gone."""
    pipeline = pipeline_with({"build": {"script": "x"}}, visibility="public")
    before = at_rest()

    async def scenario():
        async with GraphQLSocket() as socket:
            for number in range(5):
                await socket.subscribe(str(number), FOLLOW, id=f"gid://gitlab/Ci::Pipeline/{pipeline.pk}")
            # The thread that asks has one, too.
            expected = InUse(before.lent + 1, before.listening + 1)
            async with asyncio.timeout(PATIENCE):
                while await elsewhere(connections_in_use) != expected:
                    await asyncio.sleep(0.02)

    run(scenario)


def test_connections_do_not_grow_with_clients_who_come_and_go(settings):
    pipeline = pipeline_with({"build": {"script": "x"}}, visibility="public")
    id_ = f"gid://gitlab/Ci::Pipeline/{pipeline.pk}"

    async def scenario():
        for _ in range(10):
            async with GraphQLSocket() as one, GraphQLSocket() as other:
                await one.subscribe("a", FOLLOW, id=id_)
                await other.send({"id": "a", "type": "subscribe", "payload": {"query": WHO}})

    run(scenario)
    stats = connections["default"].pool.get_stats()
    assert stats["pool_size"] <= settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
    assert stats.get("requests_waiting", 0) == 0
