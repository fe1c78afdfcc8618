"""Mutation.pipelineScheduleDelete."""

from __future__ import annotations

import pytest

from ci_core.actions.firing import play_schedule
from ci_core.models import Pipeline, PipelineSchedule, ScheduleRun
from ci_core.statuses import AccessLevel
from tests.factories import member
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.schedules import assert_refused, gid, schedule, shop, state
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

DELETE = """
mutation($input: PipelineScheduleDeleteInput!) { pipelineScheduleDelete(input: $input) { clientMutationId errors } }
"""


@pytest.fixture
def made():
    return schedule(shop())


def delete(made, user):
    return as_user(user).data(DELETE, input={"id": gid(made)})["pipelineScheduleDelete"]


def test_its_owner_deletes_it_and_its_pipelines_stay(made):
    play_schedule(made.pk, acting_user=made.owner)
    assert delete(made, made.owner) == {"clientMutationId": None, "errors": []}
    assert not PipelineSchedule.objects.exists()
    assert not ScheduleRun.objects.exists()
    assert Pipeline.objects.count() == 1


def test_a_maintainer_deletes_it(made):
    assert delete(made, member(made.project, AccessLevel.MAINTAINER))["errors"] == []
    assert not PipelineSchedule.objects.exists()


def test_who_may_not(made):
    given = {"id": gid(made)}
    assert_powerless(made.project, "pipelineScheduleDelete", DELETE, given, state)
    reason = "Deleting a schedule takes its owner, or the Maintainer role."
    assert_refused(as_user(member(made.project)), DELETE, given, reason)
