"""Mutation.environmentDelete."""

from __future__ import annotations

import pytest

from ci_core.actions.stopping import stop_environment
from ci_core.models import Environment
from tests.factories import member
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.environments import assert_protected, environment, gid, shop, state
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

DELETE = """
mutation($input: EnvironmentDeleteInput!) { environmentDelete(input: $input) { errors } }
"""


@pytest.fixture
def made():
    found = environment(shop())
    stop_environment(found.pk, acting_user=None)
    return found


def delete(made):
    return as_user(member(made.project)).data(DELETE, input={"id": gid(made)})["environmentDelete"]


def test_deletes(made):
    assert delete(made) == {"errors": []}
    assert not Environment.objects.exists()


def test_only_when_it_is_stopped(made):
    up = environment(made.project, name="up")
    assert delete(up) == {"errors": ["up is not stopped: stop it, then delete it."]}
    assert Environment.objects.count() == 2


def test_who_may_not(made):
    assert_powerless(made.project, "environmentDelete", DELETE, {"id": gid(made)}, state)
    assert_protected(DELETE, made, {"id": gid(made)})
