"""Subscription.ciStageUpdated."""

from __future__ import annotations

import pytest

from ci_core.actions import jobs
from tests.factories import UserFactory, member, pipeline_with
from tests.graphql.subscriptions.scenarios import elsewhere, run
from tests.support.graphql_client import access_token
from tests.support.graphql_socket import GraphQLSocket
from tests.support.jobs import job_of, succeed

pytestmark = pytest.mark.django_db(transaction=True)

FOLLOW = "subscription($id: CiStageID!) { ciStageUpdated(stageId: $id) { name status retried } }"


@pytest.fixture
def pipeline():
    return pipeline_with({"build": {"script": "x"}, "deploy": {"script": "x", "stage": "deploy"}})


def gid(stage_id):
    return f"gid://gitlab/Ci::Stage/{stage_id}"


def told(message):
    job = message["data"]["ciStageUpdated"]
    return job["name"], job["status"], job["retried"]


def test_tells_of_the_jobs_of_this_stage_only(pipeline):
    token = access_token(member(pipeline.project))
    deploy = job_of(pipeline, "deploy")

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(deploy.stage_id))
            await elsewhere(succeed, "build")
            messages = [await socket.next("a")]
            await elsewhere(jobs.cancel_job, deploy.pk)
            messages.append(await socket.next("a"))
            await socket.quiet()
            return [told(message) for message in messages]

    assert run(scenario) == [("deploy", "PENDING", False), ("deploy", "CANCELED", False)]


def test_tells_of_a_retry(pipeline):
    token = access_token(member(pipeline.project))
    build = job_of(pipeline, "build")
    jobs.cancel_job(build.pk)

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(build.stage_id))
            await elsewhere(jobs.retry_job, build.pk, acting_user=None)
            return told(await socket.next("a"))

    assert run(scenario) == ("build", "PENDING", False)


@pytest.mark.parametrize("caller", ["anonymous", "stranger", "member, of no such stage"])
def test_refused_to_who_may_not_see_it(pipeline, caller):
    stage_id = job_of(pipeline, "build").stage_id
    keys = {"anonymous": None, "stranger": access_token(UserFactory())}
    token = keys[caller] if caller in keys else access_token(member(pipeline.project))

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(stage_id if caller in keys else stage_id + 100))
            message = await socket.receive()
            await elsewhere(succeed, "build")
            await socket.quiet()
            return message

    message = run(scenario)
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "not_found")
