"""Mutation.environmentUnprotect."""

from __future__ import annotations

import pytest

from ci_core.actions.environments import protect_environment
from ci_core.models import ProtectedEnvironment
from ci_core.statuses import AccessLevel
from tests.factories import member
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.environments import shop
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

UNPROTECT = "mutation($input: EnvironmentUnprotectInput!) { environmentUnprotect(input: $input) { errors } }"
GIVEN = {"projectPath": "group/shop", "name": "production"}


@pytest.fixture
def project():
    project = shop()
    protect_environment(project, "production", access_level=AccessLevel.OWNER)
    return project


def test_lifts_the_limit_once(project):
    maintainer = as_user(member(project, AccessLevel.MAINTAINER))
    assert maintainer.data(UNPROTECT, input=GIVEN) == {"environmentUnprotect": {"errors": []}}
    assert not ProtectedEnvironment.objects.exists()
    assert maintainer.data(UNPROTECT, input=GIVEN)["environmentUnprotect"]["errors"] == [
        "name: 'production' is not a protected environment."
    ]


def test_who_may_not(project):
    state = lambda: list(ProtectedEnvironment.objects.values())  # noqa: E731
    assert_powerless(project, "environmentUnprotect", UNPROTECT, GIVEN, state)
    assert as_user(member(project)).execute(UNPROTECT, input=GIVEN)["data"] == {"environmentUnprotect": None}
    assert ProtectedEnvironment.objects.exists()
