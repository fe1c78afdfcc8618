"""Mutation.pipelineTriggerCreate."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ci_core import clock, tokens
from ci_core.actions.trigger_tokens import TriggerRequest, trigger_pipeline
from ci_core.models import PipelineTrigger
from ci_core.statuses import AccessLevel
from tests.factories import member
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.triggers import gid, maintainer, shop, state
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

CREATE = """
mutation($input: PipelineTriggerCreateInput!) {
  pipelineTriggerCreate(input: $input) {
    clientMutationId errors
    pipelineTrigger {
      id description owner { username } token hasTokenExposed canAccessProject lastUsed expiresAt
    }
  }
}
"""
GIVEN = {"projectPath": "group/shop", "description": "deploy"}


@pytest.fixture
def project():
    return shop()


def create(user, **input_):
    return as_user(user).data(CREATE, input={**GIVEN, **input_})["pipelineTriggerCreate"]


def test_creates_and_tells_the_token_once(project):
    ada = maintainer(project, username="ada")
    made = create(ada, clientMutationId="7")
    stored = PipelineTrigger.objects.get()
    token = made["pipelineTrigger"].pop("token")
    assert made == {
        "clientMutationId": "7",
        "errors": [],
        "pipelineTrigger": {
            "id": gid(stored),
            "description": "deploy",
            "owner": {"username": "ada"},
            "hasTokenExposed": True,
            "canAccessProject": True,
            "lastUsed": None,
            "expiresAt": None,
        },
    }
    assert stored.digest == tokens.digest(token)
    assert trigger_pipeline(TriggerRequest("group/shop", token, "main"), address=None).user == ada
    listed = '{ project(fullPath: "group/shop") { pipelineTriggers { nodes { token hasTokenExposed } } } }'
    (shown,) = as_user(ada).data(listed)["project"]["pipelineTriggers"]["nodes"]
    assert shown == {"token": token[6:10], "hasTokenExposed": False}


def test_expires(project):
    at = (clock.now() + timedelta(days=1)).replace(microsecond=0)
    written = at.isoformat().replace("+00:00", "Z")
    made = create(maintainer(project), expiresAt=written)
    assert made["pipelineTrigger"]["expiresAt"] == written
    assert PipelineTrigger.objects.get().expires_at == at


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"description": " "}, "description has 0 characters"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt: the token would have expired already."),
        ({"expiresAt": "2020-01-01T00:00:00"}, "expiresAt: the token would have expired already."),
    ],
)
def test_what_is_wrong(project, wrong, sentence):
    made = create(maintainer(project), **wrong)
    assert made["pipelineTrigger"] is None
    assert [error.startswith(sentence) for error in made["errors"]] == [True]
    assert not PipelineTrigger.objects.exists()


def test_too_many(project, settings):
    settings.PIPEYARD_TRIGGERS_PER_PROJECT = 1
    ada = maintainer(project)
    create(ada)
    assert "has 1 trigger tokens, the most" in create(ada)["errors"][0]


def test_who_may(project):
    for level in (AccessLevel.MAINTAINER, AccessLevel.OWNER):
        assert create(member(project, level))["errors"] == []


def test_who_may_not(project):
    assert_powerless(project, "pipelineTriggerCreate", CREATE, GIVEN, state)
    answer = as_user(member(project)).execute(CREATE, input=GIVEN)
    assert answer["data"] == {"pipelineTriggerCreate": None}
    assert answer["errors"][0]["extensions"]["reason"] == "Your role in this project does not allow this."
    assert state() == []
