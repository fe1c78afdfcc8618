"""Mutation.pipelineScheduleTakeOwnership."""

from __future__ import annotations

import pytest

from ci_core.actions.projects import remove_member
from ci_core.statuses import AccessLevel
from tests.factories import member
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.schedules import assert_refused, gid, schedule, shop, state
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

TAKE = """
mutation($input: PipelineScheduleTakeOwnershipInput!) {
  pipelineScheduleTakeOwnership(input: $input) {
    errors
    pipelineSchedule {
      active deactivatedReason owner { username }
      userPermissions { updatePipelineSchedule takeOwnershipPipelineSchedule }
    }
  }
}
"""
REASON = "Taking ownership takes the Maintainer role, and a schedule that is not yours already."


@pytest.fixture
def made():
    return schedule(shop())


def test_takes_over_a_schedule_that_its_owner_left(made):
    remove_member(made.project, made.owner)
    made.refresh_from_db()
    assert not made.active
    client = as_user(member(made.project, AccessLevel.MAINTAINER, username="mia"))
    assert client.data(TAKE, input={"id": gid(made)})["pipelineScheduleTakeOwnership"] == {
        "errors": [],
        "pipelineSchedule": {
            "active": True,
            "deactivatedReason": None,
            "owner": {"username": "mia"},
            "userPermissions": {"updatePipelineSchedule": True, "takeOwnershipPipelineSchedule": False},
        },
    }
    assert_refused(client, TAKE, {"id": gid(made)}, REASON)


def test_who_may_not(made):
    given = {"id": gid(made)}
    assert_powerless(made.project, "pipelineScheduleTakeOwnership", TAKE, given, state)
    for user in (made.owner, member(made.project)):
        assert_refused(as_user(user), TAKE, given, REASON)
