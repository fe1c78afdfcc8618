"""Query.project: who sees it, and its own fields."""

from __future__ import annotations

import pytest

from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, UserFactory, member, project_with
from tests.support.graphql_client import as_anonymous, as_session, as_user

pytestmark = pytest.mark.django_db

ASK = """
query($path: ID!) {
  project(fullPath: $path) {
    id fullPath name nameWithNamespace description webUrl avatarUrl
    pipelines { nodes { id } } jobs { nodes { id } } environments { nodes { id } }
  }
}
"""


def test_own_fields():
    project = ProjectFactory(full_path="group/sub/shop", name="Shop", visibility="public")
    assert as_anonymous().data(ASK, path="group/sub/shop")["project"] == {
        "id": f"gid://gitlab/Project/{project.pk}",
        "fullPath": "group/sub/shop",
        "name": "Shop",
        "nameWithNamespace": "group / sub / Shop",
        "description": None,
        "webUrl": "http://127.0.0.1:8000/group/sub/shop",
        "avatarUrl": None,
        "pipelines": {"nodes": []},
        "jobs": {"nodes": []},
        "environments": {"nodes": []},
    }


def test_unknown_project_is_null():
    assert as_anonymous().data(ASK, path="no/such") == {"project": None}


def test_text_that_no_database_holds_is_refused():
    assert as_anonymous().error(ASK, path="a\0b") == "Text must not contain the character NUL."


@pytest.mark.parametrize("visibility", ["private", "internal", "public"])
def test_who_sees_it(visibility):
    project = project_with("build: {script: make}", visibility=visibility)
    expected = {
        "anonymous": visibility == "public",
        "stranger": visibility != "private",
        "guest": True,
        "developer": True,
        "reader": True,
        "session of a stranger": visibility != "private",
    }
    guest = member(project, AccessLevel.GUEST)
    callers = {
        "anonymous": as_anonymous(),
        "stranger": as_user(UserFactory()),
        "guest": as_user(guest),
        "developer": as_user(member(project, AccessLevel.DEVELOPER)),
        "reader": as_user(guest, ["read_api"]),
        "session of a stranger": as_session(UserFactory()),
    }
    seen = {
        name: client.data(ASK, path=project.full_path)["project"] is not None
        for name, client in callers.items()
    }
    assert seen == expected


def test_aliases_with_different_arguments_do_not_mix():
    project = project_with("build: {script: make}", visibility="public")
    document = """
    query($path: ID!) { project(fullPath: $path) {
        all: pipelines { count } pushed: pipelines(source: "push") { count } web: pipelines(source: "web") { count }
    } }
    """
    from ci_core.actions.pipelines import create_pipeline
    from ci_core.statuses import PipelineSource

    create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    create_pipeline(project, "main", PipelineSource.WEB, acting_user=None)
    create_pipeline(project, "main", PipelineSource.WEB, acting_user=None)
    found = as_anonymous().data(document, path=project.full_path)["project"]
    assert found == {"all": {"count": 3}, "pushed": {"count": 1}, "web": {"count": 2}}
