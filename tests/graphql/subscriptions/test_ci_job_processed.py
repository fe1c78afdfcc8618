"""Subscription.ciJobProcessed."""

from __future__ import annotations

import pytest

from ci_core.actions import jobs, pipelines
from ci_core.statuses import PipelineSource
from tests.factories import UserFactory, member, pipeline_with
from tests.graphql.subscriptions.scenarios import elsewhere, run
from tests.support.graphql_client import access_token
from tests.support.graphql_socket import GraphQLSocket
from tests.support.jobs import artifact, job_of

pytestmark = pytest.mark.django_db(transaction=True)

FOLLOW = """
subscription($id: ProjectID!, $artifacts: Boolean) {
  ciJobProcessed(projectId: $id, withArtifacts: $artifacts) { name status pipeline { id } }
}
"""


@pytest.fixture
def pipeline():
    return pipeline_with({"build": {"script": "x"}, "deploy": {"script": "x", "when": "manual"}})


def gid(project):
    return f"gid://gitlab/Project/{project.pk}"


def told(message):
    job = message["data"]["ciJobProcessed"]
    return job["name"], job["status"]


def test_tells_of_new_jobs_and_of_changed_ones(pipeline):
    token = access_token(member(pipeline.project))
    build = job_of(pipeline, "build")

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(pipeline.project))
            await elsewhere(jobs.cancel_job, build.pk)
            first = [await socket.next("a")]
            await elsewhere(
                pipelines.create_pipeline, pipeline.project, "main", PipelineSource.WEB, acting_user=None
            )
            more = [await socket.next("a") for _ in range(2)]
            await socket.quiet()
            return [told(message) for message in first + more]

    assert run(scenario) == [("build", "CANCELED"), ("build", "PENDING"), ("deploy", "MANUAL")]


def test_tells_only_of_jobs_with_artifacts_if_asked_so(pipeline):
    token = access_token(member(pipeline.project))
    build, deploy = job_of(pipeline, "build"), job_of(pipeline, "deploy")
    artifact(deploy)

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(pipeline.project), artifacts=True)
            await elsewhere(jobs.cancel_job, build.pk)
            await socket.quiet()
            await elsewhere(jobs.play_job, deploy.pk, acting_user=None)
            return await socket.next("a")

    assert told(run(scenario)) == ("deploy", "PENDING")


def test_other_projects_are_not_told_of(pipeline):
    other = pipeline_with({"build": {"script": "x"}}, visibility="public")
    token = access_token(member(pipeline.project))

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(pipeline.project))
            await elsewhere(pipelines.cancel_pipeline, other.pk)
            await socket.quiet()

    run(scenario)


@pytest.mark.parametrize("caller", ["anonymous", "stranger"])
def test_refused_to_who_may_not_see_it(pipeline, caller):
    token = access_token(UserFactory()) if caller == "stranger" else None

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(pipeline.project))
            message = await socket.receive()
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            await socket.quiet()
            return message

    message = run(scenario)
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "not_found")
