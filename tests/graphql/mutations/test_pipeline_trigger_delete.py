"""Mutation.pipelineTriggerDelete."""

from __future__ import annotations

import pytest

from ci_core.actions.trigger_tokens import TriggerRequest, trigger_pipeline
from ci_core.errors import NotFound
from ci_core.models import Pipeline
from ci_core.statuses import AccessLevel
from graphql_api.errors import UNAVAILABLE_MESSAGE
from tests.factories import ProjectFactory, member
from tests.graphql.mutations.callers import assert_powerless
from tests.graphql.mutations.triggers import gid, maintainer, shop, state, trigger
from tests.support.graphql_client import as_user

pytestmark = pytest.mark.django_db

DELETE = """
mutation($input: PipelineTriggerDeleteInput!) {
  pipelineTriggerDelete(input: $input) { clientMutationId errors }
}
"""


@pytest.fixture
def project():
    return shop()


def delete(made, user):
    return as_user(user).execute(DELETE, input={"id": gid(made)})


def test_revokes_also_those_of_others(project):
    for user in (maintainer(project), member(project, AccessLevel.OWNER)):
        made = trigger(project)
        asked = TriggerRequest("group/shop", made.new_token, "main")
        trigger_pipeline(asked, address=None)
        assert delete(made, user)["data"]["pipelineTriggerDelete"] == {"clientMutationId": None, "errors": []}
        with pytest.raises(NotFound):
            trigger_pipeline(asked, address=None)
    assert state() == []
    assert Pipeline.objects.count() == 2


def test_who_may_not(project):
    made = trigger(project)
    assert_powerless(project, "pipelineTriggerDelete", DELETE, {"id": gid(made)}, state)
    before = state()
    of_another = maintainer(ProjectFactory())
    for user in (member(project), of_another):
        assert delete(made, user)["errors"][0]["message"] == UNAVAILABLE_MESSAGE
    assert state() == before
