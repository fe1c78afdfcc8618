"""The schema against the list of GitLab's GraphQL surface, where that list is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from graphql import build_schema

from config.env import ROOT
from graphql_api.schema import schema
from tests.support.surface import differences, read

SHARED = Path(os.environ.get("PIPEYARD_SHARED") or ROOT.parent / "shared")
LIST = SHARED / "reference" / "graphql-surface.md"

#: What the list names and the schema leaves out or has otherwise, by the beginning of the place, and why.
KNOWN = {
    # Merge requests, merge trains and test reports have no domain behind them yet.
    "Pipeline.mergeRequest": "merge requests",
    "Project.mergeRequest": "merge requests",
    "MergeRequest": "merge requests",
    "Subscription.ciPipelineCreationRequestsUpdated": "merge requests",
    "CiPipelineCreationRequest": "merge requests",
    "CiPipelineCreationStatus": "merge requests",
    "Mutation.mergeRequestAccept": "merge requests",
    "MergeStrategyEnum": "merge requests",
    "MergeTrain": "merge trains",
    "CarPermissions": "merge trains",
    "Project.mergeTrains": "merge trains",
    "Mutation.mergeTrainsDeleteCar": "merge trains",
    "Pipeline.testReportSummary": "test reports",
    "Pipeline.testSuite": "test reports",
    "TestReport": "test reports",
    "TestSuite": "test reports",
    "TestCase": "test reports",
    "RecentFailures": "test reports",
    # The list says these in words, not as types.
    "CiLintPayload.config: CiLintConfig, not a": "the list describes the type",
}


@pytest.fixture(scope="module")
def surface():
    if not LIST.exists():
        assert "PIPEYARD_SHARED" not in os.environ, f"PIPEYARD_SHARED is set, but there is no {LIST}"
        pytest.skip(f"no list at {LIST}: the schema is not compared with GitLab's surface")
    return read(LIST.read_text(encoding="utf-8"))


def test_the_list_is_read(surface):
    assert len(surface.types) > 60
    assert len(surface.mutations) > 20
    assert surface.types["Pipeline"]["jobs"].arguments["statuses"] == "[CiJobStatus!]"
    assert surface.payloads["jobPlay"] == {"job": "CiJob"}


def test_the_schema_has_what_gitlab_has(surface):
    assert [
        found for found in differences(surface, schema._schema) if not found.startswith(tuple(KNOWN))
    ] == []


def test_differences_are_seen(surface):
    other = build_schema("type Query { a: Int } type Mutation { jobPlay(a: Int): Query }")
    found = list(differences(surface, other))
    assert "Pipeline: missing" in found
    assert "JobPlayInput: missing" in found
    assert "CiJobStatus: missing" in found
