"""Subscription.ciPipelineStatusUpdated."""

from __future__ import annotations

import asyncio

import pytest
from django.db import transaction

from ci_core.actions import jobs, pipelines
from ci_core.models import ProjectMembership
from tests.factories import UserFactory, member, pipeline_with
from tests.graphql.subscriptions.scenarios import elsewhere, in_another_process, run
from tests.support.graphql_client import access_token
from tests.support.graphql_socket import GraphQLSocket
from tests.support.jobs import job_of

pytestmark = pytest.mark.django_db(transaction=True)

FOLLOW = """
subscription($id: CiPipelineID!) {
  ciPipelineStatusUpdated(pipelineId: $id) {
    id status detailedStatus { label } stages { nodes { status groups { nodes { jobs { nodes { name status } } } } } }
  }
}
"""
SLIM = "subscription($id: CiPipelineID!) { ciPipelineStatusUpdated(pipelineId: $id) { status } }"


@pytest.fixture
def pipeline():
    return pipeline_with({"build": {"script": "x"}, "deploy": {"script": "x", "when": "manual"}})


@pytest.fixture
def token(pipeline):
    return access_token(member(pipeline.project, username="ada"))


def gid(pipeline):
    return f"gid://gitlab/Ci::Pipeline/{pipeline.pk}"


def test_tells_the_whole_object_after_a_change_and_nothing_before(pipeline, token):
    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(pipeline))
            await socket.quiet()
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            told = await socket.next("a")
            await socket.quiet()
            return told

    told = run(scenario)
    assert told["data"]["ciPipelineStatusUpdated"] == {
        "id": gid(pipeline),
        "status": "CANCELED",
        "detailedStatus": {"label": "canceled"},
        "stages": {
            "nodes": [
                {
                    "status": "canceled",
                    "groups": {
                        "nodes": [
                            {"jobs": {"nodes": [{"name": "build", "status": "CANCELED"}]}},
                            {"jobs": {"nodes": [{"name": "deploy", "status": "MANUAL"}]}},
                        ]
                    },
                }
            ]
        },
    }


def test_tells_of_a_change_of_a_job_alone(pipeline, token):
    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", SLIM, id=gid(pipeline))
            await elsewhere(jobs.play_job, job_of_id, acting_user=None)
            return await socket.next("a")

    job_of_id = job_of(pipeline, "deploy").pk
    assert run(scenario)["data"]["ciPipelineStatusUpdated"]["status"] == "PENDING"


def test_change_made_by_another_process(pipeline, token):
    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", SLIM, id=gid(pipeline))
            await in_another_process(
                f"from ci_core.actions import pipelines; pipelines.cancel_pipeline({pipeline.pk})"
            )
            return await socket.next("a")

    assert run(scenario)["data"]["ciPipelineStatusUpdated"]["status"] == "CANCELED"


def test_nothing_before_the_commit_and_nothing_after_a_rollback(pipeline, token):
    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", SLIM, id=gid(pipeline))
            may_end = asyncio.Event()
            loop = asyncio.get_running_loop()

            def held(commit):
                with transaction.atomic():
                    pipelines.cancel_pipeline(pipeline.pk)
                    asyncio.run_coroutine_threadsafe(may_end.wait(), loop).result(10)
                    transaction.set_rollback(not commit)

            for commit in (False, True):
                may_end.clear()
                change = asyncio.create_task(elsewhere(held, commit))
                await socket.quiet()
                may_end.set()
                await change
                if not commit:
                    await socket.quiet()
            return await socket.next("a")

    assert run(scenario)["data"]["ciPipelineStatusUpdated"]["status"] == "CANCELED"


def test_changes_of_other_pipelines_are_not_told(pipeline, token):
    other = pipeline_with({"build": {"script": "x"}})

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", SLIM, id=gid(pipeline))
            await elsewhere(pipelines.cancel_pipeline, other.pk)
            await socket.quiet()

    run(scenario)


def refused(message):
    assert message["type"] == "error"
    (error,) = message["payload"]
    return error


@pytest.mark.parametrize("caller", ["anonymous", "stranger", "nobody's pipeline"])
def test_refused_to_who_may_not_see_it(pipeline, token, caller):
    keys = {"anonymous": None, "stranger": access_token(UserFactory()), "nobody's pipeline": token}
    id_ = "gid://gitlab/Ci::Pipeline/999999" if caller == "nobody's pipeline" else gid(pipeline)

    async def scenario():
        async with GraphQLSocket(keys[caller]) as socket:
            await socket.subscribe("a", SLIM, id=id_)
            message = await socket.receive()
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            await socket.quiet()
            return message

    error = refused(run(scenario))
    assert error["message"].startswith("The resource that you are attempting to access does not exist")
    assert error["extensions"]["code"] == "not_found"


def test_readers_may(pipeline):
    reader = access_token(member(pipeline.project, 10), ["read_api"])

    async def scenario():
        async with GraphQLSocket(reader) as socket:
            await socket.subscribe("a", SLIM, id=gid(pipeline))
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            return await socket.next("a")

    assert "errors" not in run(scenario)


def test_id_of_another_kind(pipeline, token):
    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", SLIM, id="gid://gitlab/Ci::Build/1")
            return await socket.receive()

    assert "is not an ID of Ci::Pipeline" in refused(run(scenario))["message"]


@pytest.mark.parametrize("loss", ["membership", "token"])
def test_ends_when_the_caller_loses_their_right(pipeline, token, loss):
    from ci_core import clock
    from ci_core.models import PersonalAccessToken

    def lose():
        if loss == "membership":
            ProjectMembership.objects.all().delete()
        else:
            PersonalAccessToken.objects.update(revoked_at=clock.now())

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", SLIM, id=gid(pipeline))
            await elsewhere(lose)
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            told = await socket.receive()
            await socket.quiet()
            return told

    code = refused(run(scenario))["extensions"]["code"]
    assert code == {"membership": "not_found", "token": "unauthenticated"}[loss]
