"""Mutation.pipelineRetry."""

from __future__ import annotations

import pytest

from ci_core.models import Job
from tests.factories import member, pipeline_with
from tests.graphql.mutations.callers import assert_powerless
from tests.support.graphql_client import as_user
from tests.support.jobs import fail

pytestmark = pytest.mark.django_db

RETRY = """
mutation($input: PipelineRetryInput!) {
  pipelineRetry(input: $input) { errors pipeline { status retryable jobs { nodes { status retried } } } }
}
"""


@pytest.fixture
def pipeline():
    return pipeline_with({"build": {"script": "make"}}, visibility="public")


def retry(pipeline):
    client = as_user(member(pipeline.project, username="ada"))
    given = {"id": f"gid://gitlab/Ci::Pipeline/{pipeline.pk}"}
    return client.data(RETRY, input=given)["pipelineRetry"]


def test_retries(pipeline):
    fail("build")
    found = retry(pipeline)
    assert found["errors"] == []
    assert found["pipeline"] == {
        "status": "RUNNING",
        "retryable": False,
        "jobs": {"nodes": [{"status": "FAILED", "retried": True}, {"status": "PENDING", "retried": False}]},
    }
    assert Job.objects.get(retried=False).user.username == "ada"


def test_nothing_to_retry(pipeline):
    found = retry(pipeline)
    assert found["errors"] == ["No job of the pipeline failed or was cancelled."]
    assert found["pipeline"]["status"] == "PENDING"


def test_who_may_not(pipeline):
    fail("build")
    given = {"id": f"gid://gitlab/Ci::Pipeline/{pipeline.pk}"}
    assert_powerless(pipeline.project, "pipelineRetry", RETRY, given, Job.objects.count)
