"""Query.jobs."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ci_core.models import Pipeline
from ci_core.statuses import AccessLevel
from tests.factories import UserFactory, member, pipeline_with
from tests.graphql.runners import as_admin, runner
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.jobs import fail, take
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db


def names(client, arguments=""):
    found = client.data(f"{{ jobs{arguments} {{ nodes {{ name }} }} }}")["jobs"]["nodes"]
    return [node["name"] for node in found]


def test_of_all_projects_newest_first():
    pipeline_with({"a": {"script": "x"}, "b": {"script": "x"}})
    pipeline_with({"c": {"script": "x"}})
    client = as_admin()
    assert names(client) == ["c", "b", "a"]
    document = (
        "query($after: String) { jobs(first: 2, after: $after) { nodes { name } pageInfo { endCursor } } }"
    )
    page = client.data(document)["jobs"]
    assert [node["name"] for node in page["nodes"]] == ["c", "b"]
    rest = client.data(document, after=page["pageInfo"]["endCursor"])["jobs"]
    assert [node["name"] for node in rest["nodes"]] == ["a"]


def test_filters():
    pipeline = pipeline_with({name: {"script": "x"} for name in "abc"})
    fail("a", runner=runner(projects=[pipeline.project]))
    take(runner())
    client = as_admin()
    assert names(client, "(statuses: FAILED)") == ["a"]
    assert names(client, "(statuses: RUNNING)") == ["b"]
    assert names(client, "(statuses: [PENDING, RUNNING])") == ["c", "b"]
    assert names(client, "(statuses: [PENDING, FAILED])") == ["c", "a"]
    assert names(client, "(runnerTypes: PROJECT_TYPE)") == ["a"]
    assert names(client, "(runnerTypes: [INSTANCE_TYPE, GROUP_TYPE])") == ["b"]
    assert names(client, "(failureReason: SCRIPT_FAILURE)") == ["a"]
    assert names(client, "(failureReason: IP_RESTRICTION_FAILURE)") == []


def test_empty_for_others():
    pipeline = pipeline_with({"a": {"script": "x"}}, visibility="public")
    owner = member(pipeline.project, AccessLevel.OWNER)
    for client in (as_anonymous(), as_user(UserFactory()), as_user(owner)):
        assert names(client) == []


def test_the_newest_are_found_without_a_sort():
    pipeline_with({"a": {"script": "x"}})
    with CaptureQueriesContext(connection) as captured:
        names(as_admin())
    (sql,) = [query["sql"] for query in captured.captured_queries if 'ORDER BY "ci_core_job"' in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql.replace('%', '%%')}")
        assert "'Sort'" not in str(cursor.fetchone()[0])


def test_statements_do_not_depend_on_rows():
    client = as_admin()
    document = "{ jobs { count nodes { id project { fullPath } pipeline { id } runner { id } } } }"

    def grow(size):
        for _ in range(Pipeline.objects.count(), size):
            pipeline_with({"a": {"script": "x"}})

    assert_same_count("jobs", lambda: client.data(document), grow, (1, 10))
