"""Query.runners: filters, orders and pages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ci_core import clock
from ci_core.actions.runners import touch_runner
from ci_core.models import Runner
from graphql_api.errors import UNAVAILABLE_MESSAGE
from graphql_api.loaders.runners import status as status_of
from tests.factories import ProjectFactory, UserFactory, pipeline_with
from tests.graphql.runners import as_admin, runner
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.jobs import take
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db


def names(arguments=""):
    found = as_admin().data(f"{{ runners{arguments} {{ nodes {{ description }} }} }}")
    return [node["description"] for node in found["runners"]["nodes"]]


def test_takes_an_administrator():
    runner()
    for client in (as_anonymous(), as_user(UserFactory())):
        answer = client.execute("{ runners { nodes { id } } }")
        assert answer["data"] == {"runners": None}
        assert [error["message"] for error in answer["errors"]] == [UNAVAILABLE_MESSAGE]


def test_filters():
    maker = UserFactory(username="ada")
    docker = runner(description="docker", tags=["docker", "linux"])
    runner(description="shell", projects=[ProjectFactory()], paused=True, tags=["linux"])
    Runner.objects.filter(pk=docker.pk).update(creator=maker)
    touch_runner(docker, "s", {"version": "18.1.0"}, None)
    assert names() == ["shell", "docker"]
    assert names("(type: PROJECT_TYPE)") == ["shell"]
    assert names("(paused: true)") == names("(active: false)") == ["shell"]
    assert names("(tagList: [linux, docker])".replace("linux, docker", '"linux", "docker"')) == ["docker"]
    assert names('(tagList: "linux")') == ["shell", "docker"]
    assert names('(search: "DOCK")') == ["docker"]
    assert names(f'(search: "{docker.token_prefix}")') == ["docker"]
    assert names('(creatorUsername: "ada")') == ["docker"]
    assert names('(versionPrefix: "18.")') == ["docker"]
    assert names('(versionPrefix: "17.")') == []
    assert names("(status: ONLINE)") == ["docker"]


def test_the_status_filter_says_what_each_runner_says():
    now = clock.now()
    moments = [None, *(now - timedelta(days=days) for days in (0, 1, 6, 8, 30))]
    for contacted in moments:
        for made in moments[1:]:
            Runner.objects.filter(pk=runner().pk).update(contacted_at=contacted, created_at=made)
    rows = list(Runner.objects.all())
    for status in ("ONLINE", "OFFLINE", "STALE", "NEVER_CONTACTED"):
        found = as_admin().data(f"{{ runners(status: {status}) {{ count nodes {{ status }} }} }}")["runners"]
        expected = [row for row in rows if status_of(row.contacted_at, row.created_at) == status.lower()]
        assert found["count"] == len(expected) > 0
        assert {node["status"] for node in found["nodes"]} == {status}


def test_orders_and_pages():
    now = clock.now()
    for number, (name, hours) in enumerate((("b", 1), ("c", None), ("a", 2))):
        contacted = None if hours is None else now - timedelta(hours=hours)
        Runner.objects.filter(pk=runner(description=name).pk).update(
            contacted_at=contacted, created_at=now - timedelta(days=number)
        )
    pipeline_with({"job": {"script": "x"}})
    take(Runner.objects.get(description="c"))
    assert names() == names("(sort: CREATED_DESC)") == ["b", "c", "a"]
    assert names("(sort: CREATED_ASC)") == ["a", "c", "b"]
    assert names("(sort: CONTACTED_ASC)") == ["a", "b", "c"]
    assert names("(sort: CONTACTED_DESC)") == ["c", "b", "a"]
    assert names("(sort: TOKEN_EXPIRES_AT_ASC)") == ["b", "c", "a"]
    assert names("(sort: MOST_ACTIVE_DESC)") == ["c", "a", "b"]
    for sort in ("MOST_ACTIVE_DESC", "CONTACTED_DESC"):
        document = (
            "query($sort: CiRunnerSort, $after: String) { runners(sort: $sort, first: 1, after: $after) {"
            "nodes { description } pageInfo { endCursor } } }"
        )
        seen, after = [], None
        for _ in range(3):
            page = as_admin().data(document, sort=sort, after=after)["runners"]
            seen += [node["description"] for node in page["nodes"]]
            after = page["pageInfo"]["endCursor"]
        assert seen == names(f"(sort: {sort})")


def test_edges_tell_no_url_of_a_project():
    runner()
    (edge,) = as_admin().data("{ runners { edges { webUrl editUrl } } }")["runners"]["edges"]
    assert edge == {"webUrl": None, "editUrl": None}


def test_statements_do_not_depend_on_rows():
    client = as_admin()
    document = "{ runners(sort: MOST_ACTIVE_DESC) { count nodes { id status } } }"

    def grow(size):
        for _ in range(Runner.objects.count(), size):
            runner()

    assert_same_count("runners", lambda: client.data(document), grow)
