"""Mutation.environmentProtect, and Project.protectedEnvironments."""

from __future__ import annotations

import pytest

from ci_core.actions.environments import protect_environment
from ci_core.models import ProtectedEnvironment
from ci_core.statuses import AccessLevel
from tests.factories import UserFactory, member
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.environments import shop
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db

PROTECT = """
mutation($input: EnvironmentProtectInput!) {
  environmentProtect(input: $input) { errors protectedEnvironment { name role users { username } } }
}
"""
LIST = """
{ project(fullPath: "group/shop") { protectedEnvironments { nodes { name role users { username } } } } }
"""


@pytest.fixture
def project():
    return shop()


@pytest.fixture
def maintainer(project):
    return as_user(member(project, AccessLevel.MAINTAINER))


def protect(client, **given):
    given = {"projectPath": "group/shop", "name": "production", **given}
    return client.data(PROTECT, input=given)["environmentProtect"]


def test_protects_by_role_and_by_user(project, maintainer):
    reporter = member(project, AccessLevel.REPORTER)
    assert protect(maintainer, role="MAINTAINER", usernames=[reporter.username]) == {
        "errors": [],
        "protectedEnvironment": {
            "name": "production",
            "role": "MAINTAINER",
            "users": [{"username": reporter.username}],
        },
    }
    assert protect(maintainer, role="OWNER")["protectedEnvironment"]["role"] == "OWNER"
    assert ProtectedEnvironment.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, "Nobody could deploy: name a role or users."),
        ({"usernames": ["nobody"]}, "usernames: there is no user 'nobody'."),
        ({"usernames": ["x"] * 101}, "usernames: 101 are given; 100 are the most."),
        ({"name": "a b!", "role": "OWNER"}, "name: 'a b!' is not the name of an environment."),
    ],
)
def test_refused(project, maintainer, given, error):
    assert protect(maintainer, **given) == {"errors": [error], "protectedEnvironment": None}
    assert not ProtectedEnvironment.objects.exists()


def test_strangers_cannot_be_named(project, maintainer):
    stranger = UserFactory()
    (error,) = protect(maintainer, usernames=[stranger.username])["errors"]
    assert error == f"users: {stranger.username} must have the Reporter role or above."


def test_who_may_not(project):
    protect_environment(project, "production", access_level=AccessLevel.OWNER)
    given = {"projectPath": "group/shop", "name": "production"}
    state = lambda: list(ProtectedEnvironment.objects.values())  # noqa: E731
    assert_powerless(project, "environmentProtect", PROTECT, {**given, "role": "REPORTER"}, state)
    assert as_user(member(project)).execute(PROTECT, input={**given, "role": "REPORTER"})["errors"]
    assert ProtectedEnvironment.objects.get().access_level == AccessLevel.OWNER


def test_the_list_is_for_developers(project):
    protect_environment(project, "production", access_level=AccessLevel.OWNER)
    for client in (as_anonymous(), as_user(member(project, AccessLevel.REPORTER))):
        assert client.data(LIST) == {"project": {"protectedEnvironments": None}}
    found = as_user(member(project)).data(LIST)["project"]["protectedEnvironments"]["nodes"]
    assert found == [{"name": "production", "role": "OWNER", "users": []}]


def test_statements_do_not_grow(project):
    client = as_user(member(project))
    user = member(project, AccessLevel.REPORTER)

    def grow(size):
        for number in range(ProtectedEnvironment.objects.count(), size):
            protect_environment(project, f"review/{number}", access_level=None, users=[user])

    assert_same_count("project.protectedEnvironments", lambda: client.data(LIST), grow)
