"""Project.jobs: order, filters and pages."""

from __future__ import annotations

import pytest

from ci_core.actions import jobs as actions
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
