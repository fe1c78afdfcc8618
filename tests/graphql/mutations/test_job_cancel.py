"""Mutation.jobCancel."""

from __future__ import annotations

import pytest

from ci_core.models import Job
from tests.factories import member, pipeline_with
from tests.graphql.mutations.callers import assert_powerless
from tests.support.graphql_client import as_user
from tests.support.jobs import job_of, succeed

pytestmark = pytest.mark.django_db

CANCEL = "mutation($input: JobCancelInput!) { jobCancel(input: $input) { errors job { status pipeline { status } } } }"


@pytest.fixture
def pipeline():
    return pipeline_with({"build": {"script": "x"}}, visibility="public")


def cancel(pipeline):
    client = as_user(member(pipeline.project))
    given = {"id": f"gid://gitlab/Ci::Build/{job_of(pipeline, 'build').pk}"}
    return client.data(CANCEL, input=given)["jobCancel"]


def test_cancels(pipeline):
    assert cancel(pipeline) == {
        "errors": [],
        "job": {"status": "CANCELED", "pipeline": {"status": "CANCELED"}},
    }


def test_not_cancelable(pipeline):
    succeed("build")
    found = cancel(pipeline)
    assert found["errors"] == ["build is success: only a waiting or running job can be cancelled."]
    assert found["job"]["status"] == "SUCCESS"


def test_who_may_not(pipeline):
    given = {"id": f"gid://gitlab/Ci::Build/{job_of(pipeline, 'build').pk}"}
    assert_powerless(
        pipeline.project,
        "jobCancel",
        CANCEL,
        given,
        lambda: list(Job.objects.values_list("status", "updated_at")),
    )
