"""Mutation.environmentUpdate."""

from __future__ import annotations

import pytest

from tests.factories import member
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.environments import assert_protected, environment, gid, shop, state
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

UPDATE = """
mutation updateEnvironment($input: EnvironmentUpdateInput!) {
  environmentUpdate(input: $input) { errors environment { name tier externalUrl description } }
}
"""


@pytest.fixture
def made():
    return environment(shop(), description="It", external_url="https://example.com")


def update(made, **input_):
    client = as_user(member(made.project))
    return client.data(UPDATE, input={"id": gid(made), **input_})["environmentUpdate"]


def test_only_what_is_given_changes(made):
    found = update(made, tier="STAGING", externalUrl="")
    assert found["errors"] == []
    assert found["environment"] == {
        "name": "review/login",
        "tier": "STAGING",
        "externalUrl": None,
        "description": "It",
    }


def test_what_is_wrong(made):
    before = state()
    assert update(made, externalUrl="ftp://x", tier="OTHER")["errors"][0].startswith("externalUrl: 'ftp://x'")
    assert update(made, clusterAgentId="gid://gitlab/Clusters::Agent/1")["errors"]
    assert state() == before


def test_who_may_not(made):
    given = {"id": gid(made), "description": "mine"}
    assert_powerless(made.project, "environmentUpdate", UPDATE, given, state)
    assert_protected(UPDATE, made, given)
