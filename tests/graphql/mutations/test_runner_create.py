"""Mutation.runnerCreate."""

from __future__ import annotations

import pytest

from ci_core import tokens
from ci_core.actions.groups import add_group_member, create_group
from ci_core.models import Runner
from ci_core.statuses import AccessLevel
from graphql_api.errors import UNAVAILABLE_MESSAGE
from tests.factories import ProjectFactory, UserFactory, member
from tests.graphql.runners import as_admin, everything
from tests.support.graphql_client import as_anonymous, as_user

pytestmark = pytest.mark.django_db

CREATE = """
mutation createRunner($input: RunnerCreateInput!) {
  runnerCreate(input: $input) { errors clientMutationId runner {
    runnerType description maintenanceNote maximumTimeout accessLevel paused locked runUntagged tagList
    creationMethod creationState createdBy { username } ephemeralAuthenticationToken
    projects { nodes { fullPath } } ownerProject { fullPath }
  } }
}
"""


def create(client, **input_):
    return client.data(CREATE, input=input_)["runnerCreate"]


def project_id(project):
    return f"gid://gitlab/Project/{project.pk}"


def test_for_everybody():
    admin = as_user(UserFactory(username="root", is_superuser=True))
    found = create(
        admin,
        runnerType="INSTANCE_TYPE",
        description="big one",
        maintenanceNote="note",
        maximumTimeout=900,
        accessLevel="REF_PROTECTED",
        paused=True,
        locked=True,
        runUntagged=False,
        tagList=["linux", "docker"],
        clientMutationId="1",
    )
    token = found["runner"].pop("ephemeralAuthenticationToken")
    assert found == {
        "errors": [],
        "clientMutationId": "1",
        "runner": {
            "runnerType": "INSTANCE_TYPE",
            "description": "big one",
            "maintenanceNote": "note",
            "maximumTimeout": 900,
            "accessLevel": "REF_PROTECTED",
            "paused": True,
            "locked": True,
            "runUntagged": False,
            "tagList": ["docker", "linux"],
            "creationMethod": "AUTHENTICATED_USER",
            "creationState": "STARTED",
            "createdBy": {"username": "root"},
            "projects": None,
            "ownerProject": None,
        },
    }
    assert Runner.objects.get().digest == tokens.digest(token)


def test_for_a_project_and_others():
    owning, other = ProjectFactory(full_path="g/own"), ProjectFactory(full_path="g/other")
    user = member(owning, AccessLevel.MAINTAINER)
    other.memberships.create(user=user, access_level=AccessLevel.MAINTAINER)
    found = create(
        as_user(user),
        runnerType="PROJECT_TYPE",
        projectId=project_id(owning),
        associatedProjects=[project_id(other)],
    )
    assert found["errors"] == []
    assert found["runner"]["ownerProject"] == {"fullPath": "g/own"}
    assert found["runner"]["projects"]["nodes"] == [{"fullPath": "g/own"}, {"fullPath": "g/other"}]
    assert found["runner"]["runUntagged"] is True


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"runnerType": "PROJECT_TYPE"}, "projectId: name the project"),
        ({"description": "x" * 1025}, "description: at most 1024 characters."),
        ({"maintenanceNote": "x" * 1025}, "maintenanceNote: at most 1024 characters."),
        ({"tagList": ["x" * 256]}, "tagList: a tag has 1 to 255 characters."),
        ({"tagList": [f"t{n}" for n in range(51)]}, "tagList: a runner has 50 tags at most."),
        ({"maximumTimeout": 0}, "maximumTimeout: a job may run for 1 second at least."),
    ],
)
def test_what_cannot_be(given, told):
    found = create(as_admin(), **{"runnerType": "INSTANCE_TYPE", **given})
    assert found["runner"] is None
    assert found["errors"][0].startswith(told)
    assert Runner.objects.count() == 0


def test_an_instance_runner_has_no_project():
    found = create(as_admin(), runnerType="INSTANCE_TYPE", projectId=project_id(ProjectFactory()))
    assert found["errors"] == [
        "projectId, associatedProjects: only a project's runner is assigned to projects."
    ]
    assert Runner.objects.count() == 0


def test_who_may_not():
    project = ProjectFactory(visibility="public")
    maintainer = member(project, AccessLevel.MAINTAINER)
    ours = {"runnerType": "PROJECT_TYPE", "projectId": project_id(project)}
    others = {**ours, "associatedProjects": [project_id(ProjectFactory())]}
    everybodys = {"runnerType": "INSTANCE_TYPE"}
    before = everything()
    for client, given in (
        (as_anonymous(), ours),
        (as_user(UserFactory()), ours),
        (as_user(member(project, AccessLevel.DEVELOPER)), ours),
        (as_user(maintainer, ["read_api"]), ours),
        (as_user(maintainer), others),
        (as_user(maintainer), everybodys),
        (as_user(UserFactory(is_superuser=True), ["read_api"]), everybodys),
    ):
        answer = client.execute(CREATE, input=given)
        assert answer["data"] == {"runnerCreate": None}
        assert [error["message"] for error in answer["errors"]] == [UNAVAILABLE_MESSAGE]
    assert everything() == before


def test_for_a_group():
    group = create_group("shop", acting_user=UserFactory())
    owner, maintainer = UserFactory(), UserFactory()
    add_group_member(group, owner, AccessLevel.OWNER)
    add_group_member(group, maintainer, AccessLevel.MAINTAINER)
    given = {"runnerType": "GROUP_TYPE", "groupId": f"gid://gitlab/Group/{group.pk}"}
    answer = as_user(maintainer).execute(CREATE, input=given)
    assert answer["errors"][0]["message"] == UNAVAILABLE_MESSAGE
    assert Runner.objects.count() == 0
    assert create(as_user(owner), **given)["runner"]["runnerType"] == "GROUP_TYPE"
    assert Runner.objects.get().group == group
    for wrong, told in (
        ({"runnerType": "GROUP_TYPE"}, "groupId: name the group that the runner is for."),
        ({**given, "runnerType": "INSTANCE_TYPE"}, "groupId: only a group's runner has a group."),
    ):
        assert create(as_admin(), **wrong)["errors"] == [told]
    assert Runner.objects.count() == 1
