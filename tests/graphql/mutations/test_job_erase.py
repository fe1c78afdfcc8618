"""Mutation.jobErase."""

from __future__ import annotations

import pytest

from ci_core.models import Artifact, Trace
from ci_core.statuses import AccessLevel
from tests.factories import member, pipeline_with
from tests.graphql.mutations.callers import assert_powerless
from tests.support.graphql_client import as_user
from tests.support.jobs import artifact, job_of, log, take

pytestmark = pytest.mark.django_db

ERASE = """
mutation($input: JobEraseInput!) {
  jobErase(input: $input) { errors job { erasedAt trace { htmlSummary } artifacts { nodes { id } } } }
}
"""


@pytest.fixture
def job():
    pipeline = pipeline_with({"build": {"script": "x"}}, visibility="public")
    return job_of(pipeline, "build")


def gid(job):
    return {"id": f"gid://gitlab/Ci::Build/{job.pk}"}


def erase(job):
    return as_user(member(job.project, AccessLevel.MAINTAINER)).data(ERASE, input=gid(job))["jobErase"]


def finish(job):
    from ci_core.actions.jobs import cancel_job

    taken = take()
    log(taken, b"hello")
    artifact(taken)
    cancel_job(job.pk, force=True)


def test_erases_log_and_artifacts_once(job):
    finish(job)
    found = erase(job)
    assert found["errors"] == []
    assert found["job"]["erasedAt"] is not None
    assert found["job"]["artifacts"] == {"nodes": []}
    assert (Artifact.objects.count(), Trace.objects.count()) == (0, 0)
    assert erase(job)["errors"] == ["build was erased already."]


def test_only_a_finished_job(job):
    assert erase(job)["errors"] == ["build is pending: only a finished job can be erased."]


def test_who_may_not(job):
    finish(job)
    assert_powerless(job.project, "jobErase", ERASE, gid(job), Artifact.objects.count)
    answer = as_user(member(job.project)).execute(ERASE, input=gid(job))
    assert answer["data"] == {"jobErase": None}
    assert Artifact.objects.count() == 1
