"""Mutation.environmentCreate."""

from __future__ import annotations

import pytest

from ci_core.models import Environment
from tests.factories import member
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.environments import shop, state
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

CREATE = """
mutation createEnvironment($input: EnvironmentCreateInput!) {
  environmentCreate(input: $input) {
    clientMutationId errors
    environment { name state tier externalUrl description kubernetesNamespace fluxResourcePath path }
  }
}
"""


@pytest.fixture
def project():
    return shop()


def create(project, **input_):
    given = {"projectPath": "group/shop", "name": "production", **input_}
    return as_user(member(project)).data(CREATE, input=given)["environmentCreate"]


def test_creates(project):
    made = create(
        project,
        externalUrl="https://example.com",
        description="It",
        tier="TESTING",
        kubernetesNamespace="ns",
        fluxResourcePath="path",
        clusterAgentId=None,
        clientMutationId="7",
    )
    assert made == {
        "clientMutationId": "7",
        "errors": [],
        "environment": {
            "name": "production",
            "state": "available",
            "tier": "TESTING",
            "externalUrl": "https://example.com",
            "description": "It",
            "kubernetesNamespace": "ns",
            "fluxResourcePath": "path",
            "path": f"/group/shop/-/environments/{Environment.objects.get().pk}",
        },
    }


def test_the_tier_is_guessed(project):
    assert create(project)["environment"]["tier"] == "PRODUCTION"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": "a/"}, "name: 'a/' may hold letters"),
        ({"externalUrl": "javascript:x"}, "externalUrl: 'javascript:x' is not a URL"),
        ({"clusterAgentId": "gid://gitlab/Clusters::Agent/1"}, "clusterAgentId: Kubernetes is not connected"),
    ],
)
def test_what_is_wrong(project, wrong, sentence):
    made = create(project, **wrong)
    assert made["environment"] is None
    assert made["errors"][0].startswith(sentence)
    assert not Environment.objects.exists()


def test_a_name_once(project):
    create(project)
    assert create(project)["errors"] == ["name: there is an environment production already."]


def test_who_may_not(project):
    given = {"projectPath": "group/shop", "name": "production"}
    assert_powerless(project, "environmentCreate", CREATE, given, state)
