"""Mutation.bulkDestroyJobArtifacts."""

from __future__ import annotations

import pytest

from ci_core.models import Artifact
from ci_core.statuses import AccessLevel
from tests.factories import member, pipeline_with
from tests.graphql.mutations.callers import assert_powerless
from tests.support.graphql_client import as_user
from tests.support.jobs import artifact, job_of

pytestmark = pytest.mark.django_db

DESTROY = """
mutation($input: BulkDestroyJobArtifactsInput!) {
  bulkDestroyJobArtifacts(input: $input) { errors destroyedCount destroyedIds }
}
"""


def gid(row):
    return f"gid://gitlab/Ci::JobArtifact/{row.pk}"


def given(project, rows):
    return {"projectId": f"gid://gitlab/Project/{project.pk}", "ids": [gid(row) for row in rows]}


@pytest.fixture
def made():
    job = job_of(pipeline_with({"build": {"script": "x"}}, visibility="public"), "build")
    return [artifact(job), artifact(job, 2, "metadata")]


def test_destroys_those_of_the_project(made):
    other = artifact(job_of(pipeline_with({"build": {"script": "x"}}), "build"))
    project = made[0].project
    client = as_user(member(project, AccessLevel.MAINTAINER))
    found = client.data(DESTROY, input=given(project, [*made, other]))["bulkDestroyJobArtifacts"]
    assert found == {"errors": [], "destroyedCount": 2, "destroyedIds": [gid(row) for row in made]}
    assert list(Artifact.objects.all()) == [other]


def test_not_too_many(made):
    project = made[0].project
    client = as_user(member(project, AccessLevel.MAINTAINER))
    found = client.data(DESTROY, input=given(project, made * 51))["bulkDestroyJobArtifacts"]
    assert found["errors"] == ["Up to 100 artifacts can be removed at once."]
    assert Artifact.objects.count() == 2


def test_who_may_not(made):
    project = made[0].project
    assert_powerless(
        project, "bulkDestroyJobArtifacts", DESTROY, given(project, made), Artifact.objects.count
    )
