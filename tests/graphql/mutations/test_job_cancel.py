"""Mutation.jobCancel."""

from __future__ import annotations

import pytest

from ci_core.actions.runners import touch_runner
from ci_core.models import Job
from ci_core.statuses import AccessLevel
from tests.factories import member, pipeline_with, runner_with_token
from tests.graphql.mutations.callers import assert_powerless
from tests.support.graphql_client import as_user
from tests.support.invariants import assert_consistent
from tests.support.jobs import job_of, succeed, take

pytestmark = pytest.mark.django_db

CANCEL = "mutation($input: JobCancelInput!) { jobCancel(input: $input) { errors job { status pipeline { status } } } }"


@pytest.fixture
def pipeline():
    return pipeline_with({"build": {"script": "x"}}, visibility="public")


def cancel(pipeline, level=AccessLevel.DEVELOPER, **more):
    client = as_user(member(pipeline.project, level))
    given = {"id": f"gid://gitlab/Ci::Build/{job_of(pipeline, 'build').pk}", **more}
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


def test_a_running_job_is_cancelled_gracefully_and_by_force_at_once(pipeline):
    runner, _ = runner_with_token()
    manager = touch_runner(runner, "s_1", {"features": {"cancel_gracefully": True}}, "127.0.0.1")
    take(runner, manager)
    assert cancel(pipeline)["job"]["status"] == "CANCELING"
    assert cancel(pipeline)["errors"] == [
        "build is canceling: only a waiting or running job can be cancelled."
    ]
    assert cancel(pipeline, AccessLevel.MAINTAINER, force=True) == {
        "errors": [],
        "job": {"status": "CANCELED", "pipeline": {"status": "CANCELED"}},
    }
    assert_consistent(pipeline.pk)


def test_force_takes_a_maintainer(pipeline):
    client = as_user(member(pipeline.project))
    given = {"id": f"gid://gitlab/Ci::Build/{job_of(pipeline, 'build').pk}", "force": True}
    assert client.execute(CANCEL, input=given)["errors"]
    assert job_of(pipeline, "build").status == "pending"


def test_who_may_not(pipeline):
    given = {"id": f"gid://gitlab/Ci::Build/{job_of(pipeline, 'build').pk}"}
    assert_powerless(
        pipeline.project,
        "jobCancel",
        CANCEL,
        given,
        lambda: list(Job.objects.values_list("status", "updated_at")),
    )
