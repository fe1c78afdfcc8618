"""Project.ciVariables."""

from __future__ import annotations

import pytest

from ci_core.models import ProjectVariable
from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, UserFactory, member
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db

ALL = """
query($path: ID!, $first: Int, $after: String, $sort: CiVariableSort) {
  project(fullPath: $path) { ciVariables(first: $first, after: $after, sort: $sort) {
    limit pageInfo { endCursor hasNextPage } nodes {
      __typename id environmentScope protected masked hidden description
      ... on CiVariable { key value variableType raw }
  } } }
}
"""


@pytest.fixture
def project():
    return ProjectFactory(full_path="group/shop", visibility="public")


def variable(project, key, **fields):
    return ProjectVariable.objects.create(project=project, key=key, value=f"value of {key}", **fields)


def ask(client, **variables):
    return client.data(ALL, path="group/shop", **variables)["project"]["ciVariables"]


@pytest.fixture
def maintainer(project):
    return as_user(member(project, AccessLevel.MAINTAINER))


def test_all_fields(project, maintainer):
    stored = variable(
        project,
        "KEY",
        variable_type="file",
        environment_scope="review/*",
        protected=True,
        masked=True,
        raw=True,
        description="For reviews",
    )
    variable(ProjectFactory(), "OTHER")
    assert ask(maintainer)["nodes"] == [
        {
            "__typename": "CiProjectVariable",
            "id": f"gid://gitlab/Ci::Variable/{stored.pk}",
            "key": "KEY",
            "value": "value of KEY",
            "variableType": "FILE",
            "environmentScope": "review/*",
            "protected": True,
            "masked": True,
            "hidden": False,
            "raw": True,
            "description": "For reviews",
        }
    ]
    assert ask(maintainer)["limit"] == 2**31 - 1


def test_the_value_of_a_hidden_one_is_told_nobody(project):
    variable(project, "KEY", masked=True, hidden=True)
    for user in (member(project, AccessLevel.OWNER), UserFactory(is_superuser=True)):
        (found,) = ask(as_user(user))["nodes"]
        assert (found["key"], found["value"], found["hidden"]) == ("KEY", None, True)


def test_order_and_pages(project, maintainer):
    for key in "BCA":
        variable(project, key)
    variable(project, "B", environment_scope="x")
    assert [row["key"] for row in ask(maintainer)["nodes"]] == ["A", "B", "B", "C"]
    down, after = [], None
    for _ in range(4):
        page = ask(maintainer, sort="KEY_DESC", first=1, after=after)
        down += [row["key"] for row in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert down == ["C", "B", "B", "A"]
    assert not page["pageInfo"]["hasNextPage"]


def test_who_may_not(project):
    variable(project, "KEY")
    members = (member(project, level) for level in (AccessLevel.GUEST, AccessLevel.DEVELOPER))
    for client in (as_anonymous(), as_user(UserFactory()), *(as_user(user) for user in members)):
        assert ask(client) is None


def test_statements_do_not_depend_on_rows():
    client = as_user(UserFactory(is_superuser=True))
    document = "{ projects { nodes { ciVariables { nodes { id key value } } } } }"

    def grow(size):
        for _ in range(ProjectVariable.objects.count(), size):
            variable(ProjectFactory(), "KEY")

    assert_same_count("project.ciVariables", lambda: client.data(document), grow, (1, 10))
