"""Mutation.jobRetry."""

from __future__ import annotations

import pytest

from ci_core.models import Job
from tests.factories import member, pipeline_with
from tests.graphql.mutations.callers import assert_powerless
from tests.support.graphql_client import as_user
from tests.support.jobs import fail, job_of

pytestmark = pytest.mark.django_db

RETRY = "mutation($input: JobRetryInput!) { jobRetry(input: $input) { errors job { id status retried } } }"


@pytest.fixture
def pipeline():
    return pipeline_with({"build": {"script": "x"}}, visibility="public")


def gid(job):
    return f"gid://gitlab/Ci::Build/{job.pk}"


def retry(pipeline, job, **input_):
    client = as_user(member(pipeline.project, username="ada"))
    return client.data(RETRY, input={"id": gid(job), **input_})["jobRetry"]


def test_gives_the_new_job(pipeline):
    fail("build")
    old = job_of(pipeline, "build")
    found = retry(pipeline, old)
    new = job_of(pipeline, "build")
    assert new.pk != old.pk
    assert found == {"errors": [], "job": {"id": gid(new), "status": "PENDING", "retried": False}}
    assert new.user.username == "ada"


def test_not_retryable(pipeline):
    job = job_of(pipeline, "build")
    found = retry(pipeline, job)
    assert found["errors"] == ["build is pending: only a job that has run can be retried."]
    assert found["job"]["id"] == gid(job)


def test_variables_for_the_new_job(pipeline):
    fail("build")
    found = retry(pipeline, job_of(pipeline, "build"), variables=[{"key": "A", "value": "b"}])
    assert found["errors"] == []
    given = job_of(pipeline, "build").given_variables
    assert given == [{"key": "A", "value": "b", "variable_type": "env_var"}]


def test_inputs_for_the_new_job():
    pipeline = pipeline_with(
        {"build": {"script": "x", "inputs": {"a": {"default": "x"}, "b": {"default": "y"}}}}
    )

    client = as_user(member(pipeline.project))

    def given(**input_):
        fail("build")
        input_["id"] = gid(job_of(pipeline, "build"))
        assert client.data(RETRY, input=input_)["jobRetry"]["errors"] == []
        return job_of(pipeline, "build").given_inputs

    assert given() is None
    assert given(inputs=[{"name": "a", "value": "1"}]) == {"a": "1"}
    assert given() == {"a": "1"}  # those of the old one
    assert given(inputs=[{"name": "b", "value": "2"}]) == {"b": "2"}
    assert given(inputs=[{"name": "b", "value": None}]) == {}


def test_wrong_inputs(pipeline):
    fail("build")
    old = job_of(pipeline, "build")
    found = retry(pipeline, old, inputs=[{"name": "a", "value": 1}])
    assert found["errors"] == [
        "inputs of build: the job does not declare the input 'a': it has no inputs; leave them out."
    ]
    assert found["job"] == {"id": gid(old), "status": "FAILED", "retried": False}


def test_who_may_not(pipeline):
    fail("build")
    given = {"id": gid(job_of(pipeline, "build"))}
    assert_powerless(pipeline.project, "jobRetry", RETRY, given, Job.objects.count)
