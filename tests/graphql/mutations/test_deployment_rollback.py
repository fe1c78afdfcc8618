"""Mutation.deploymentRollback."""

from __future__ import annotations

import pytest

from ci_core.actions.environments import protect_environment
from ci_core.actions.pipelines import create_pipeline
from ci_core.models import Deployment
from ci_core.statuses import AccessLevel, PipelineSource
from graphql_api.errors import UNAVAILABLE_MESSAGE
from tests.factories import member, project_with
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.environments import state
from tests.support.graphql_client import as_user
from tests.support.jobs import succeed

pytestmark = pytest.mark.django_db

ROLL_BACK = """
mutation($input: DeploymentRollbackInput!) {
  deploymentRollback(input: $input) { errors job { name status pipeline { iid } } }
}
"""


@pytest.fixture
def deployments():
    project = project_with(
        {"up": {"script": "x", "environment": "production"}}, visibility="public", full_path="group/shop"
    )
    for _ in range(2):
        create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
        succeed("up")
    return list(Deployment.objects.select_related("project", "environment").order_by("pk"))


def gid(deployment):
    return {"id": f"gid://gitlab/Deployment/{deployment.pk}"}


def test_deploys_again_what_was_deployed(deployments):
    first, _ = deployments
    client = as_user(member(first.project))
    assert client.data(ROLL_BACK, input=gid(first))["deploymentRollback"] == {
        "errors": [],
        "job": {"name": "up", "status": "PENDING", "pipeline": {"iid": "1"}},
    }
    succeed("up")
    newest = Deployment.objects.order_by("-pk").first()
    assert (newest.sha, newest.pipeline_id, newest.status) == (first.sha, first.pipeline_id, "success")


def test_one_that_is_under_way_is_not_repeated(deployments):
    first, _ = deployments
    client = as_user(member(first.project))
    client.data(ROLL_BACK, input=gid(first))
    found = client.data(ROLL_BACK, input=gid(first))["deploymentRollback"]
    assert found["job"] is None
    assert "up" in found["errors"][0]


def test_who_may_not(deployments):
    first, _ = deployments
    assert_powerless(first.project, "deploymentRollback", ROLL_BACK, gid(first), state)
    protect_environment(first.project, "production", access_level=AccessLevel.MAINTAINER)
    before = state()
    answer = as_user(member(first.project)).execute(ROLL_BACK, input=gid(first))
    assert answer["data"] == {"deploymentRollback": None}
    assert [error["message"] for error in answer["errors"]] == [UNAVAILABLE_MESSAGE]
    assert state() == before
