"""Project.jobs: order, filters and pages."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ci_core.actions import jobs as actions
from ci_core.actions.pipelines import create_pipeline
from ci_core.statuses import PipelineSource
from tests.factories import pipeline_with
from tests.support.graphql_client import as_anonymous
from tests.support.jobs import artifact, job_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def pipeline():
    return pipeline_with(
        {"build": {"script": "x"}, "test": {"script": "x"}, "lint": {"script": "x"}}, visibility="public"
    )


def names(pipeline, arguments=""):
    document = "query($path: ID!) { project(fullPath: $path) { jobs%s { nodes { name } } } }"
    document %= f"({arguments})" if arguments else ""
    found = as_anonymous().data(document, path=pipeline.project.full_path)
    return [node["name"] for node in found["project"]["jobs"]["nodes"]]


def test_newest_first(pipeline):
    assert names(pipeline) == ["lint", "test", "build"]
    assert names(pipeline, "first: 1") == ["lint"]
    assert names(pipeline, "last: 1") == ["build"]


def test_filters(pipeline):
    actions.cancel_job(job_of(pipeline, "test").pk)
    artifact(job_of(pipeline, "lint"))
    assert names(pipeline, "statuses: CANCELED") == ["test"]
    assert names(pipeline, "statuses: PENDING") == ["lint", "build"]
    assert names(pipeline, "statuses: [CANCELED, PENDING]") == ["lint", "test", "build"]
    assert names(pipeline, 'name: "UIL"') == ["build"]
    assert names(pipeline, "withArtifacts: true") == ["lint"]
    assert names(pipeline, "withArtifacts: false") == ["test", "build"]
    assert names(pipeline, "sources: [PUSH, CHAT]") == ["lint", "test", "build"]
    assert names(pipeline, "sources: WEB") == []
    assert names(pipeline, "kind: BUILD") == ["lint", "test", "build"]
    assert names(pipeline, "kind: BRIDGE") == []


def test_unknown_status_is_refused(pipeline):
    message = as_anonymous().error('{ project(fullPath: "x") { jobs(statuses: [DONE]) { nodes { id } } } }')
    assert "'DONE' does not exist in 'CiJobStatus'" in message


def test_pages_over_pipelines(pipeline):
    create_pipeline(pipeline.project, "main", PipelineSource.PUSH, acting_user=None)
    document = """query($path: ID!, $after: String, $before: String, $first: Int, $last: Int) {
      project(fullPath: $path) { jobs(after: $after, before: $before, first: $first, last: $last) {
        nodes { name pipeline { iid } } pageInfo { startCursor endCursor hasNextPage } } } }"""

    def page(**arguments):
        found = as_anonymous().data(document, path=pipeline.project.full_path, **arguments)["project"]["jobs"]
        return [f"{node['name']} {node['pipeline']['iid']}" for node in found["nodes"]], found["pageInfo"]

    first, info = page(first=4)
    assert first == ["lint 2", "test 2", "build 2", "lint 1"]
    rest, end = page(first=4, after=info["endCursor"])
    assert (rest, end["hasNextPage"]) == (["test 1", "build 1"], False)
    assert page(last=2, before=end["startCursor"])[0] == ["build 2", "lint 1"]


def test_the_projects_pipelines_lead_to_them(pipeline):
    """No sort over all of a project's jobs: at most one over the jobs of the pipelines that are read."""
    with CaptureQueriesContext(connection) as captured:
        names(pipeline)
    (sql,) = [query["sql"] for query in captured.captured_queries if 'FROM "ci_core_job"' in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_hashjoin = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql.replace('%', '%%')}")
        assert "ci_pipeline_newest" in str(cursor.fetchone()[0])
