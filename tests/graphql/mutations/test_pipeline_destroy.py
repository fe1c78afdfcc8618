"""Mutation.pipelineDestroy."""

from __future__ import annotations

import pytest

from ci_core.models import Job, Pipeline
from ci_core.statuses import AccessLevel
from tests.factories import member, pipeline_with
from tests.graphql.mutations.callers import assert_powerless
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

DESTROY = (
    "mutation($input: PipelineDestroyInput!) { pipelineDestroy(input: $input) { clientMutationId errors } }"
)


@pytest.fixture
def pipeline():
    return pipeline_with({"build": {"script": "x"}}, visibility="public")


def given(pipeline):
    return {"id": f"gid://gitlab/Ci::Pipeline/{pipeline.pk}", "clientMutationId": "d"}


def test_destroys(pipeline):
    client = as_user(member(pipeline.project, AccessLevel.OWNER))
    found = client.data(DESTROY, input=given(pipeline))
    assert found == {"pipelineDestroy": {"clientMutationId": "d", "errors": []}}
    assert (Pipeline.objects.count(), Job.objects.count()) == (0, 0)


def test_a_maintainer_may_not(pipeline):
    client = as_user(member(pipeline.project, AccessLevel.MAINTAINER))
    assert client.execute(DESTROY, input=given(pipeline))["data"] == {"pipelineDestroy": None}
    assert Pipeline.objects.count() == 1


def test_who_may_not(pipeline):
    assert_powerless(
        pipeline.project, "pipelineDestroy", DESTROY, {"id": given(pipeline)["id"]}, Pipeline.objects.count
    )
