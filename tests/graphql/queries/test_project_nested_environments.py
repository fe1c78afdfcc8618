"""Project.nestedEnvironments."""

from __future__ import annotations

import pytest

from ci_core.actions.environments import create_environment
from ci_core.models import Environment
from tests.factories import ProjectFactory, UserFactory, member
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    made = ProjectFactory(full_path="group/shop", visibility="public")
    for name in ("production", "review/a", "review/b/c", "review", "staging"):
        create_environment(made, name=name)
    create_environment(ProjectFactory(), name="review/other")
    return made


def ask(arguments="", fields="nodes { name size environment { name } }"):
    arguments = f"({arguments})" if arguments else ""
    document = '{ project(fullPath: "group/shop") { nestedEnvironments' + arguments + " {" + fields + "} } }"
    return as_anonymous().data(document)["project"]["nestedEnvironments"]


def rows(arguments=""):
    return [
        (row["name"], row["size"], row["environment"]["name"] if row["environment"] else None)
        for row in ask(arguments)["nodes"]
    ]


def test_folders_and_those_in_none(project):
    assert rows() == [
        ("production", 1, "production"),
        ("review", 1, "review"),
        ("review", 2, "review/b/c"),
        ("staging", 1, "staging"),
    ]


def test_choice(project):
    Environment.objects.filter(name="review/b/c").update(state="stopped")
    assert rows('type: "review"') == [("review", 2, "review/b/c")]
    assert rows('type: "review", states: ["available"]') == [("review", 1, "review/a")]
    assert rows('search: "PROD"') == [("production", 1, "production")]
    assert rows('name: "staging"') == [("staging", 1, "staging")]


def test_pages(project, settings):
    found, after = [], ""
    for _ in range(4):
        page = ask(f"first: 1{after}", "nodes { name size } pageInfo { endCursor hasNextPage }")
        found += [(row["name"], row["size"]) for row in page["nodes"]]
        after = f', after: "{page["pageInfo"]["endCursor"]}"'
    assert found == [("production", 1), ("review", 1), ("review", 2), ("staging", 1)]
    assert not page["pageInfo"]["hasNextPage"]
    assert [row[0] for row in rows("last: 1")] == ["staging"]
    settings.PIPEYARD_PAGE_LIMIT = 2
    assert len(rows()) == len(rows("first: 3")) == 2


def test_hidden_with_the_project(project):
    type(project).objects.update(visibility="private")
    document = '{ project(fullPath: "group/shop") { nestedEnvironments { nodes { name } } } }'
    for client in (as_anonymous(), as_user(UserFactory())):
        assert client.data(document) == {"project": None}


def test_statements_do_not_depend_on_rows(project):
    client = as_user(member(project))
    document = """{ project(fullPath: "group/shop") { nestedEnvironments { nodes {
      name size environment { name path lastDeployment(status: SUCCESS) { iid } }
    } } } }"""

    def grow(size):
        for number in range(size):
            if not Environment.objects.filter(name=f"f{number}/x").exists():
                create_environment(project, name=f"f{number}/x")

    assert_same_count("project.nestedEnvironments", lambda: client.data(document), grow, (1, 10))
