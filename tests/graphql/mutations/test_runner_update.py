"""Mutation.runnerUpdate."""

from __future__ import annotations

import pytest

from ci_core.actions import runners as actions
from ci_core.models import Runner
from ci_core.statuses import AccessLevel
from graphql_api.errors import UNAVAILABLE_MESSAGE
from tests.factories import ProjectFactory, UserFactory, member
from tests.graphql.runners import as_admin, everything, gid, runner
from tests.support.graphql_client import as_anonymous, as_user

pytestmark = pytest.mark.django_db

UPDATE = """
mutation runnerUpdate($input: RunnerUpdateInput!) {
  runnerUpdate(input: $input) { errors runner {
    description maintenanceNote maximumTimeout accessLevel paused locked runUntagged tagList
  } }
}
"""


def update(client, row, **input_):
    return client.data(UPDATE, input={"id": gid(row), **input_})["runnerUpdate"]


def test_only_what_is_given_changes():
    row = runner(description="one", tags=["a"], maximum_timeout=900, maintenance_note="note")
    found = update(as_admin(), row, paused=True, tagList=["b", "c"], accessLevel="REF_PROTECTED")
    assert found == {
        "errors": [],
        "runner": {
            "description": "one",
            "maintenanceNote": "note",
            "maximumTimeout": 900,
            "accessLevel": "REF_PROTECTED",
            "paused": True,
            "locked": False,
            "runUntagged": True,
            "tagList": ["b", "c"],
        },
    }
    found = update(
        as_admin(), row, description="two", maintenanceNote="", maximumTimeout=None, locked=True, active=True
    )
    assert found["runner"]["description"] == "two"
    assert found["runner"]["maintenanceNote"] is None
    assert found["runner"]["maximumTimeout"] is None
    assert found["runner"]["locked"] is True
    assert found["runner"]["paused"] is False


def test_what_cannot_be():
    row = runner(description="one")
    before = everything()
    client = as_admin()
    assert update(client, row, runUntagged=False, description="two")["errors"][0].startswith("runUntagged: ")
    assert update(client, row, associatedProjects=[f"gid://gitlab/Project/{ProjectFactory().pk}"])[
        "errors"
    ] == ["associatedProjects: only a project's runner is assigned to projects."]
    assert everything() == before


def test_one_that_is_gone_meanwhile(monkeypatch):
    row = runner()
    change = actions.change_runner

    def late(runner_id, changes):
        Runner.objects.all().delete()
        return change(runner_id, changes)

    monkeypatch.setattr(actions, "change_runner", late)
    answer = as_admin().execute(UPDATE, input={"id": gid(row), "paused": True})
    assert [error["message"] for error in answer["errors"]] == [UNAVAILABLE_MESSAGE]


def test_assignment_keeps_the_first_project():
    owning, mine, others = ProjectFactory(), ProjectFactory(), ProjectFactory()
    row = runner(projects=[owning])
    user = member(owning, AccessLevel.MAINTAINER)
    mine.memberships.create(user=user, access_level=AccessLevel.MAINTAINER)

    def assign(*projects):
        ids = [f"gid://gitlab/Project/{project.pk}" for project in projects]
        return as_user(user).execute(UPDATE, input={"id": gid(row), "associatedProjects": ids})

    assert assign(mine)["data"]["runnerUpdate"]["errors"] == []
    assert list(row.projects.order_by("pk")) == [owning, mine]
    before = everything()
    assert assign(others)["errors"][0]["message"] == UNAVAILABLE_MESSAGE
    assert everything() == before
    assert assign()["data"]["runnerUpdate"]["errors"] == []
    assert list(row.projects.all()) == [owning]
    Runner.objects.update(locked=True)
    assert assign(mine)["errors"][0]["message"] == UNAVAILABLE_MESSAGE


def test_who_may_not():
    project = ProjectFactory(visibility="public")
    row, shared = runner(projects=[project]), runner()
    maintainer = member(project, AccessLevel.MAINTAINER)
    before = everything()
    for client, which in (
        (as_anonymous(), row),
        (as_user(UserFactory()), row),
        (as_user(member(project, AccessLevel.DEVELOPER)), row),
        (as_user(maintainer, ["read_api"]), row),
        (as_user(maintainer), shared),
    ):
        answer = client.execute(UPDATE, input={"id": gid(which), "description": "mine"})
        assert answer["data"] == {"runnerUpdate": None}
        assert [error["message"] for error in answer["errors"]] == [UNAVAILABLE_MESSAGE]
    assert everything() == before
    assert update(as_user(maintainer), row, description="ours")["runner"]["description"] == "ours"
