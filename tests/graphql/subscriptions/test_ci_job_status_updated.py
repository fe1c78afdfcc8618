"""Subscription.ciJobStatusUpdated."""

from __future__ import annotations

import pytest

from ci_core.actions import jobs
from tests.factories import UserFactory, member, pipeline_with
from tests.graphql.subscriptions.scenarios import elsewhere, run
from tests.support.graphql_client import access_token
from tests.support.graphql_socket import GraphQLSocket
from tests.support.jobs import job_of, take

pytestmark = pytest.mark.django_db(transaction=True)

FOLLOW = """
subscription($id: CiBuildID!) {
  ciJobStatusUpdated(jobId: $id) { id name status runner { id } detailedStatus { label } pipeline { status } }
}
"""


@pytest.fixture
def pipeline():
    return pipeline_with({"build": {"script": "x"}, "deploy": {"script": "x", "when": "manual"}})


def gid(job):
    return f"gid://gitlab/Ci::Build/{job.pk}"


def test_tells_of_this_job_only(pipeline):
    token = access_token(member(pipeline.project))
    build, deploy = job_of(pipeline, "build"), job_of(pipeline, "deploy")

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(deploy))
            await elsewhere(jobs.cancel_job, build.pk)
            await socket.quiet()
            await elsewhere(jobs.play_job, deploy.pk, acting_user=None)
            first = await socket.next("a")
            await elsewhere(take)
            second = await socket.next("a")
            return [told["data"]["ciJobStatusUpdated"] for told in (first, second)]

    first, second = run(scenario)
    assert (first["id"], first["status"], first["runner"]) == (gid(deploy), "PENDING", None)
    assert (second["status"], second["pipeline"]["status"]) == ("RUNNING", "RUNNING")
    assert second["runner"] is not None


@pytest.mark.parametrize("caller", ["anonymous", "stranger"])
def test_refused_to_who_may_not_see_it(pipeline, caller):
    token = access_token(UserFactory()) if caller == "stranger" else None
    job = job_of(pipeline, "build")

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(job))
            message = await socket.receive()
            await elsewhere(jobs.cancel_job, job.pk)
            await socket.quiet()
            return message

    message = run(scenario)
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == "not_found"


def test_public_job_is_for_everybody():
    pipeline = pipeline_with({"build": {"script": "x"}}, visibility="public")
    job = job_of(pipeline, "build")

    async def scenario():
        async with GraphQLSocket() as socket:
            await socket.subscribe("a", FOLLOW, id=gid(job))
            await elsewhere(jobs.cancel_job, job.pk)
            return await socket.next("a")

    assert run(scenario)["data"]["ciJobStatusUpdated"]["status"] == "CANCELED"
