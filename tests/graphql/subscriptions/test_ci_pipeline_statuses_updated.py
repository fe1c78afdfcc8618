"""Subscription.ciPipelineStatusesUpdated."""

from __future__ import annotations

import pytest

from ci_core.actions import jobs, pipelines
from ci_core.statuses import PipelineSource
from tests.factories import UserFactory, member, pipeline_with
from tests.graphql.subscriptions.scenarios import elsewhere, run
from tests.support.graphql_client import access_token
from tests.support.graphql_socket import GraphQLSocket
from tests.support.jobs import job_of

pytestmark = pytest.mark.django_db(transaction=True)

FOLLOW = """
subscription($id: ProjectID!, $sha: String) {
  ciPipelineStatusesUpdated(projectId: $id, sha: $sha) { id status project { fullPath } }
}
"""


@pytest.fixture
def pipeline():
    return pipeline_with({"build": {"script": "x"}})


def gid(project):
    return f"gid://gitlab/Project/{project.pk}"


def told(message):
    pipeline = message["data"]["ciPipelineStatusesUpdated"]
    return int(pipeline["id"].rpartition("/")[2]), pipeline["status"]


def again(pipeline):
    return pipelines.create_pipeline(pipeline.project, "main", PipelineSource.WEB, acting_user=None)


def test_tells_of_new_pipelines_and_of_changed_ones(pipeline):
    token = access_token(member(pipeline.project))
    job = job_of(pipeline, "build")

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(pipeline.project))
            await socket.quiet()
            new = await elsewhere(again, pipeline)
            first = await socket.next("a")
            await elsewhere(jobs.cancel_job, job.pk)
            second = await socket.next("a")
            await socket.quiet()
            return new, first, second

    new, first, second = run(scenario)
    assert told(first) == (new.pk, "PENDING")
    assert told(second) == (pipeline.pk, "CANCELED")


def test_tells_of_one_commit_alone_if_asked_so(pipeline):
    token = access_token(member(pipeline.project))

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("all", FOLLOW, id=gid(pipeline.project), sha=pipeline.sha)
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            message = await socket.next("all")
            await socket.send({"id": "all", "type": "complete"})
            await socket.subscribe("none", FOLLOW, id=gid(pipeline.project), sha="0" * 40)
            await elsewhere(again, pipeline)
            await socket.quiet()
            return message

    assert told(run(scenario)) == (pipeline.pk, "CANCELED")


def test_other_projects_are_not_told_of(pipeline):
    token = access_token(member(pipeline.project))
    other = pipeline_with({"build": {"script": "x"}}, visibility="public")

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(pipeline.project))
            await elsewhere(pipelines.cancel_pipeline, other.pk)
            await socket.quiet()

    run(scenario)


@pytest.mark.parametrize("caller", ["anonymous", "stranger", "member of nothing"])
def test_refused_to_who_may_not_see_it(pipeline, caller):
    token = None if caller == "anonymous" else access_token(UserFactory())
    id_ = "gid://gitlab/Project/999999" if caller == "member of nothing" else gid(pipeline.project)

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=id_)
            message = await socket.receive()
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            await socket.quiet()
            return message

    message = run(scenario)
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "not_found")
