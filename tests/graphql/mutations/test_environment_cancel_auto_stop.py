"""Mutation.environmentCancelAutoStop."""

from __future__ import annotations

import pytest

from ci_core.clock import now
from ci_core.models import Environment
from tests.factories import member
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.environments import assert_protected, environment, gid, shop, state
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

KEEP = """
mutation($input: EnvironmentCancelAutoStopInput!) {
  environmentCancelAutoStop(input: $input) { errors environment { name autoStopAt } }
}
"""


@pytest.fixture
def made():
    made = environment(shop())
    Environment.objects.filter(pk=made.pk).update(auto_stop_at=now())
    return made


def test_keeps_it(made):
    found = as_user(member(made.project)).data(KEEP, input={"id": gid(made)})
    assert found["environmentCancelAutoStop"] == {
        "errors": [],
        "environment": {"name": "review/login", "autoStopAt": None},
    }


def test_who_may_not(made):
    assert_powerless(made.project, "environmentCancelAutoStop", KEEP, {"id": gid(made)}, state)
    assert_protected(KEEP, made, {"id": gid(made)})
