"""Mutation.jobUnschedule."""

from __future__ import annotations

import pytest

from ci_core.models import Job
from tests.factories import member, pipeline_with
from tests.graphql.mutations.callers import assert_powerless
from tests.support.graphql_client import as_user
from tests.support.jobs import job_of

pytestmark = pytest.mark.django_db

UNSCHEDULE = """
mutation($input: JobUnscheduleInput!) { jobUnschedule(input: $input) { errors job { status manualJob scheduled } } }
"""


@pytest.fixture
def pipeline():
    return pipeline_with(
        {"later": {"script": "x", "when": "delayed", "start_in": "1 day"}, "now": {"script": "x"}},
        visibility="public",
    )


def unschedule(pipeline, name):
    client = as_user(member(pipeline.project))
    given = {"id": f"gid://gitlab/Ci::Build/{job_of(pipeline, name).pk}"}
    return client.data(UNSCHEDULE, input=given)["jobUnschedule"]


def test_unschedules(pipeline):
    found = unschedule(pipeline, "later")
    assert found == {"errors": [], "job": {"status": "MANUAL", "manualJob": False, "scheduled": False}}


def test_not_scheduled(pipeline):
    found = unschedule(pipeline, "now")
    assert found["errors"] == ["now is pending: only a scheduled job can be unscheduled."]
    assert found["job"]["status"] == "PENDING"


def test_who_may_not(pipeline):
    given = {"id": f"gid://gitlab/Ci::Build/{job_of(pipeline, 'later').pk}"}
    assert_powerless(
        pipeline.project,
        "jobUnschedule",
        UNSCHEDULE,
        given,
        lambda: list(Job.objects.order_by("id").values_list("status")),
    )
