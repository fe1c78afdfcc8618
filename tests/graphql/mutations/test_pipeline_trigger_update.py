"""Mutation.pipelineTriggerUpdate."""

from __future__ import annotations

import pytest

from ci_core.models import PipelineTrigger
from ci_core.statuses import AccessLevel
from graphql_api.errors import UNAVAILABLE_MESSAGE
from tests.factories import UserFactory, member
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.triggers import gid, maintainer, shop, state, trigger
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

UPDATE = """
mutation($input: PipelineTriggerUpdateInput!) {
  pipelineTriggerUpdate(input: $input) {
    clientMutationId errors pipelineTrigger { id description token hasTokenExposed }
  }
}
"""


@pytest.fixture
def project():
    return shop()


@pytest.fixture
def ada(project):
    return maintainer(project, username="ada")


def update(made, user, description="other"):
    return as_user(user).execute(UPDATE, input={"id": gid(made), "description": description})


def test_changes_the_description_alone(project, ada):
    made = trigger(project, ada)
    before = PipelineTrigger.objects.values().get()
    assert update(made, ada)["data"]["pipelineTriggerUpdate"] == {
        "clientMutationId": None,
        "errors": [],
        "pipelineTrigger": {
            "id": gid(made),
            "description": "other",
            "token": made.short_token,
            "hasTokenExposed": False,
        },
    }
    after = PipelineTrigger.objects.values().get()
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == {**before, "description": "other"}


def test_what_is_wrong(project, ada):
    made = trigger(project, ada)
    payload = update(made, ada, " ")["data"]["pipelineTriggerUpdate"]
    assert payload["errors"][0].startswith("description has 0 characters")
    assert payload["pipelineTrigger"]["description"] == "deploy"


def test_who_may_not(project, ada):
    made = trigger(project, ada)
    given = {"id": gid(made), "description": "other"}
    assert_powerless(project, "pipelineTriggerUpdate", UPDATE, given, state)
    before = state()
    for user in (maintainer(project), member(project, AccessLevel.OWNER), UserFactory(is_superuser=True)):
        (error,) = update(made, user)["errors"]
        assert error["message"] == UNAVAILABLE_MESSAGE
        assert error["extensions"]["reason"] == "Only the owner of a trigger token may change it."
    project.memberships.filter(user=ada).update(access_level=AccessLevel.DEVELOPER)
    assert update(made, ada)["errors"][0]["message"] == UNAVAILABLE_MESSAGE
    assert state() == before
    PipelineTrigger.objects.all().delete()
    assert update(made, ada)["errors"][0]["extensions"] == {"code": "not_found"}
