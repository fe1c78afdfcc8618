"""Mutation.pipelineCancel."""

from __future__ import annotations

import pytest

from ci_core.models import Job
from tests.factories import member, pipeline_with
from tests.graphql.mutations.callers import assert_powerless
from tests.support.graphql_client import as_user
from tests.support.jobs import succeed

pytestmark = pytest.mark.django_db

CANCEL = """
mutation($input: PipelineCancelInput!) {
  pipelineCancel(input: $input) { clientMutationId errors pipeline { status cancelable jobs { nodes { status } } } }
}
"""


@pytest.fixture
def pipeline():
    return pipeline_with({"build": {"script": "make"}}, visibility="public")


def cancel(pipeline, id_=None):
    client = as_user(member(pipeline.project))
    given = {"id": id_ or f"gid://gitlab/Ci::Pipeline/{pipeline.pk}", "clientMutationId": "x"}
    return client.data(CANCEL, input=given)["pipelineCancel"]


def test_cancels(pipeline):
    assert cancel(pipeline) == {
        "clientMutationId": "x",
        "errors": [],
        "pipeline": {"status": "CANCELED", "cancelable": False, "jobs": {"nodes": [{"status": "CANCELED"}]}},
    }


def test_nothing_to_cancel(pipeline):
    succeed("build")
    found = cancel(pipeline)
    assert found["errors"] == ["No job of the pipeline is waiting or running."]
    assert found["pipeline"]["status"] == "SUCCESS"


def test_who_may_not(pipeline):
    given = {"id": f"gid://gitlab/Ci::Pipeline/{pipeline.pk}"}
    assert_powerless(
        pipeline.project,
        "pipelineCancel",
        CANCEL,
        given,
        lambda: list(Job.objects.values_list("status", "updated_at")),
    )


def test_id_of_another_kind(pipeline):
    client = as_user(member(pipeline.project))
    message = client.error(CANCEL, input={"id": "gid://gitlab/Ci::Build/1"})
    assert "'gid://gitlab/Ci::Build/1' is not an ID of Ci::Pipeline" in message
    assert Job.objects.filter(status="pending").count() == 1


def test_two_changes_in_one_document_see_each_other(pipeline):
    client = as_user(member(pipeline.project))
    document = """
    mutation($id: CiPipelineID!) {
      first: pipelineCancel(input: {id: $id}) { pipeline { status retryable } }
      second: pipelineRetry(input: {id: $id}) { pipeline { status retryable } }
    }
    """
    assert client.data(document, id=f"gid://gitlab/Ci::Pipeline/{pipeline.pk}") == {
        "first": {"pipeline": {"status": "CANCELED", "retryable": True}},
        "second": {"pipeline": {"status": "RUNNING", "retryable": False}},
    }
