"""Query.projects."""

from __future__ import annotations

import pytest

from ci_core.models import ProjectMembership
from tests.factories import ProjectFactory, UserFactory, member
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db

LIST = """
query($search: String, $membership: Boolean, $sort: String, $first: Int, $after: String) {
  projects(search: $search, membership: $membership, sort: $sort, first: $first, after: $after) {
    count
    nodes { fullPath }
    edges { cursor node { name } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


def paths(client, **variables):
    return [node["fullPath"] for node in client.data(LIST, **variables)["projects"]["nodes"]]


@pytest.fixture
def projects():
    made = {
        visibility: ProjectFactory(visibility=visibility) for visibility in ("public", "internal", "private")
    }
    return {visibility: project.full_path for visibility, project in made.items()} | {"row": made["private"]}


def test_each_caller_sees_their_own(projects):
    stranger, admin = UserFactory(), UserFactory(is_superuser=True)
    guest = member(projects["row"], 10)
    open_to_all = [projects["internal"], projects["public"]]
    assert paths(as_anonymous()) == [projects["public"]]
    assert paths(as_user(stranger)) == open_to_all
    assert paths(as_user(guest)) == [projects["private"], *open_to_all]
    assert paths(as_user(guest, ["read_api"])) == [projects["private"], *open_to_all]
    assert paths(as_user(admin)) == [projects["private"], *open_to_all]


def test_count_is_of_what_the_caller_sees(projects):
    assert as_anonymous().data(LIST)["projects"]["count"] == 1


def test_membership(projects):
    assert paths(as_user(member(projects["row"], 10)), membership=True) == [projects["private"]]
    assert paths(as_anonymous(), membership=True) == []


def test_search():
    ProjectFactory(full_path="group/shop", name="Web shop", visibility="public")
    ProjectFactory(full_path="group/docs", name="Docs", description="All about the SHOP", visibility="public")
    ProjectFactory(full_path="group/other", visibility="public")
    assert paths(as_anonymous(), search="shop") == ["group/docs", "group/shop"]
    assert paths(as_anonymous(), search="100%") == []


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("id_asc", ["g/b", "g/a", "g/c"]),
        ("id_desc", ["g/c", "g/a", "g/b"]),
        ("name_asc", ["g/b", "g/c", "g/a"]),
        ("path_desc", ["g/c", "g/b", "g/a"]),
        ("created_asc", ["g/b", "g/a", "g/c"]),
    ],
)
def test_sort_and_page_by_every_order(sort, expected):
    for path, name in (("g/b", "Alpha"), ("g/a", "Beta"), ("g/c", "Alpha")):
        ProjectFactory(full_path=path, name=name, visibility="public")
    client, seen, after = as_anonymous(), [], None
    while True:
        page = client.data(LIST, sort=sort, first=1, after=after)["projects"]
        seen += [node["fullPath"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == expected


def test_unknown_sort_is_refused():
    assert "is no order of projects" in as_anonymous().error(LIST, sort="stars_desc")


def test_statements_do_not_depend_on_rows():
    user = UserFactory()
    client = as_user(user)
    document = """
    { projects { count nodes { id fullPath pipelines(first: 2) { count nodes { iid status detailedStatus { label } } }
        pipelineCounts { all running } environments { nodes { name } } } } }
    """

    def grow(size):
        while ProjectMembership.objects.filter(user=user).count() < size:
            ProjectMembership.objects.create(user=user, project=ProjectFactory(), access_level=30)

    assert_same_count("projects", lambda: client.data(document), grow)
