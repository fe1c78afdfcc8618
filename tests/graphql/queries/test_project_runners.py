"""Project.runners."""

from __future__ import annotations

import pytest

from ci_core.models import Project
from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, UserFactory, member
from tests.graphql.runners import as_admin, runner
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db

DOCUMENT = """query($path: ID!, $type: CiRunnerType, $sort: CiRunnerSort, $first: Int, $after: String) {
  project(fullPath: $path) { runners(type: $type, sort: $sort, first: $first, after: $after) {
    count pageInfo { endCursor } edges { webUrl editUrl node { description } }
} } }"""


@pytest.fixture
def project():
    return ProjectFactory(full_path="group/shop", visibility="public")


def ask(client, **variables):
    return client.data(DOCUMENT, path="group/shop", **variables)["project"]["runners"]


def names(client, **variables):
    return [edge["node"]["description"] for edge in ask(client, **variables)["edges"]]


def test_its_own_and_everybodys(project):
    runner(description="shared")
    own = runner(description="own", projects=[project])
    runner(description="another's", projects=[ProjectFactory()])
    client = as_user(member(project, AccessLevel.MAINTAINER))
    assert names(client) == ["own", "shared"]
    assert names(client, type="PROJECT_TYPE") == ["own"]
    assert names(client, sort="MOST_ACTIVE_DESC") == ["own", "shared"]
    page = ask(client, first=1)
    assert page["count"] == 2
    assert names(client, after=page["pageInfo"]["endCursor"]) == ["shared"]
    (edge,) = page["edges"]
    assert edge["webUrl"].endswith(f"/group/shop/-/runners/{own.pk}")
    assert edge["editUrl"].endswith(f"/group/shop/-/runners/{own.pk}/edit")


def test_who_may_not(project):
    runner(projects=[project])
    developer = member(project, AccessLevel.DEVELOPER)
    for client in (as_anonymous(), as_user(UserFactory()), as_user(developer)):
        assert ask(client) is None


def test_statements_do_not_depend_on_rows():
    client = as_admin()
    document = "{ projects { nodes { runners { count edges { webUrl node { id } } } } } }"

    def grow(size):
        for _ in range(Project.objects.count(), size):
            runner(projects=[ProjectFactory()])

    assert_same_count("project.runners", lambda: client.data(document), grow, (1, 10))
