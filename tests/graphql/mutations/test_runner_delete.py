"""Mutation.runnerDelete."""

from __future__ import annotations

import pytest

from ci_core.models import Job, Runner
from ci_core.statuses import AccessLevel
from graphql_api.errors import UNAVAILABLE_MESSAGE
from tests.factories import ProjectFactory, UserFactory, member, pipeline_with
from tests.graphql.runners import as_admin, everything, gid, runner
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.jobs import take

pytestmark = pytest.mark.django_db

DELETE = "mutation($input: RunnerDeleteInput!) { runnerDelete(input: $input) { errors clientMutationId } }"


def test_deleted_with_its_jobs_failed():
    pipeline = pipeline_with({"a": {"script": "x"}})
    row = runner()
    take(row)
    found = as_admin().data(DELETE, input={"id": gid(row), "clientMutationId": "7"})
    assert found == {"runnerDelete": {"errors": [], "clientMutationId": "7"}}
    assert Runner.objects.count() == 0
    job = Job.objects.in_pipeline(pipeline.pk).get()
    assert (job.status, job.failure_reason) == ("failed", "runner_system_failure")


def test_by_the_maintainer_of_its_only_project():
    project = ProjectFactory()
    client = as_user(member(project, AccessLevel.MAINTAINER))
    assert client.data(DELETE, input={"id": gid(runner(projects=[project]))})["runnerDelete"]["errors"] == []
    assert Runner.objects.count() == 0


def test_who_may_not():
    project = ProjectFactory(visibility="public")
    alone, shared = runner(projects=[project]), runner(projects=[project, ProjectFactory()])
    maintainer = member(project, AccessLevel.MAINTAINER)
    everybodys = runner()
    before = everything()
    for client, which in (
        (as_anonymous(), alone),
        (as_user(UserFactory()), alone),
        (as_user(member(project, AccessLevel.DEVELOPER)), alone),
        (as_user(maintainer, ["read_api"]), alone),
        (as_user(maintainer), shared),
        (as_user(maintainer), everybodys),
    ):
        answer = client.execute(DELETE, input={"id": gid(which)})
        assert answer["data"] == {"runnerDelete": None}
        assert [error["message"] for error in answer["errors"]] == [UNAVAILABLE_MESSAGE]
    assert everything() == before
