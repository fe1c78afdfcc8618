"""What a document will ask for is read before it comes to it; what it will not ask for is not read."""

from __future__ import annotations

import pytest

from ci_core.actions import jobs
from tests.factories import member, pipeline_with
from tests.support.graphql_client import as_user
from tests.support.jobs import fail, job_of
from tests.support.query_counts import statements_of

pytestmark = pytest.mark.django_db

DOCUMENT = "query($path: ID!) { project(fullPath: $path) { pipelines { nodes { iid %s } } } }"
CONFIG = {
    "stages": ["build", "test", "deploy"],
    "compile": {"stage": "build", "script": "x"},
    "check": {"stage": "test", "script": "x", "needs": ["compile"], "parallel": 2},
    "ship": {"stage": "deploy", "script": "x", "needs": ["check 1/2", "compile"]},
}


@pytest.fixture
def pipeline():
    made = pipeline_with(CONFIG)
    fail("compile")
    jobs.retry_job(job_of(made, "compile").pk, acting_user=member(made.project))
    return made


def asked(pipeline, fields):
    """What comes, and the tables that the statements read."""
    client, found = as_user(member(pipeline.project)), []
    sent = statements_of(
        lambda: found.append(client.data(DOCUMENT % fields, path=pipeline.project.full_path))
    )
    (shown,) = found[0]["project"]["pipelines"]["nodes"]
    read = [
        table
        for statement in sent
        for table in ("stage", "job", "need")
        if f"FROM ci_core_{table}\n" in statement or f"FROM ci_core_{table} " in statement
    ]
    return shown, read


def names(stages):
    return [[job["name"] for job in stage["jobs"]["nodes"]] for stage in stages["nodes"]]


def test_stages_jobs_and_needs_come_together(pipeline):
    shown, read = asked(
        pipeline, "stages { nodes { name jobs { nodes { name retried needs { nodes { name } } } } } }"
    )
    assert read == ["stage", "job", "need"]
    assert names(shown["stages"]) == [["compile"], ["check 1/2", "check 2/2"], ["ship"]]
    assert [
        [need["name"] for need in job["needs"]["nodes"]]
        for stage in shown["stages"]["nodes"]
        for job in stage["jobs"]["nodes"]
    ] == [[], ["compile"], ["compile"], ["check 1/2", "compile"]]
    assert not any(job["retried"] for stage in shown["stages"]["nodes"] for job in stage["jobs"]["nodes"])


def test_groups_show_the_same_jobs(pipeline):
    shown, read = asked(
        pipeline,
        "stages { nodes { groups { nodes { size jobs { nodes { name needs { nodes { name } } } } } } } }",
    )
    assert read == ["stage", "job", "need"]
    assert [
        [
            (group["size"], [job["name"] for job in group["jobs"]["nodes"]])
            for group in stage["groups"]["nodes"]
        ]
        for stage in shown["stages"]["nodes"]
    ] == [[(1, ["compile"])], [(2, ["check 1/2", "check 2/2"])], [(1, ["ship"])]]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("stages { nodes { name } }", ["stage"]),
        ("stages { nodes { jobs { nodes { name } } } }", ["stage", "job"]),
        (
            "stages { edges { node { jobs { edges { node { needs { nodes { name } } } } } } } }",
            ["stage", "job", "need"],
        ),
        # Others ask for jobs and needs, these do not.
        (
            'stages { nodes { name } } job(name: "ship") { stage { jobs { nodes { needs { nodes { name } } } } } }',
            ["stage", "job", "stage", "job", "need"],
        ),
        # Of a part of the stages, only their jobs are read.
        (
            "stages(first: 1) { nodes { jobs { nodes { name needs { nodes { name } } } } } }",
            ["stage", "job", "need"],
        ),
        ("stages { nodes { jobs { nodes { name } } } } again: stages { nodes { name } }", ["stage", "job"]),
    ],
)
def test_nothing_is_read_that_is_not_asked_for(pipeline, fields, expected):
    _, read = asked(pipeline, fields)
    assert read == expected


def test_of_a_part_of_the_stages_only_their_jobs_are_shown(pipeline):
    shown, _ = asked(pipeline, "stages(last: 1) { nodes { jobs { nodes { name } } } }")
    assert names(shown["stages"]) == [["ship"]]


def test_a_pipeline_without_stages_has_no_jobs():
    empty = pipeline_with({"build": {"script": "x", "stage": "nowhere"}})
    shown, _ = asked(empty, "stages { nodes { jobs { nodes { needs { nodes { name } } } } } }")
    assert shown["stages"]["nodes"] == []
