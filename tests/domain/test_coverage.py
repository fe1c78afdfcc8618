"""The coverage that jobs' logs tell: what is read of them, and where it is shown."""

from __future__ import annotations

import pytest

from ci_core.actions.coverage import coverage_of
from ci_core.actions.jobs import retry_job
from ci_core.models import Job
from tests.factories import member, pipeline_with
from tests.support.graphql_client import as_user
from tests.support.jobs import fail, job_of, log, succeed, take

pytestmark = pytest.mark.django_db

PATTERN = r"/Coverage: \d+\.?\d*%/"


def covered(pattern):
    return {"test": {"script": "x", "coverage": pattern}}


@pytest.mark.parametrize(
    ("pattern", "chunks", "expected"),
    [
        (PATTERN, [b"Coverage: 81.5%\n"], 81.5),
        (PATTERN, [b"Coverage: 10%\nmore\nCoverage: 20%\r\nend\n"], 20.0),
        (PATTERN, [b"Coverage: 10% then Coverage: 30%"], 30.0),
        # A line may come in pieces, of which the last comes first.
        (PATTERN, [b"Cov", b"erage: 4", b"2%", b"\nend"], 42.0),
        (PATTERN, [b"start\nCoverage: 1%\n", b"x\n", b"y"], 1.0),
        # The last group of the match, and the first number in it.
        (r"/TOTAL\s+(\d+)\s+(\d+)%/", [b"TOTAL 120 87%\n"], 87.0),
        (r"/lines\.+: .+/", [b"lines......: 66.7% (2 of 3 lines)\n"], 66.7),
        # A match without a number does not count.
        (r"/Coverage:.*/", [b"Coverage: 55%\nCoverage: none\n"], 55.0),
        (PATTERN, [b"nothing of the kind\n"], None),
        (PATTERN, [b"\xff\xfe Coverage: 9%\n"], 9.0),
        (PATTERN, [], None),
        # No number that can be stored and told.
        (PATTERN, [b"Coverage: " + b"9" * 400 + b"%\n"], None),
    ],
)
def test_what_is_read(pattern, chunks, expected):
    pipeline_with(covered(pattern))
    job = take()
    log(job, *chunks)
    assert coverage_of(job) == expected


def test_only_the_end_of_a_log_is_searched(monkeypatch):
    pipeline_with(covered(PATTERN))
    job = take()
    log(job, b"Coverage: 50%\n", b"x" * 60 + b"\n")
    monkeypatch.setattr("ci_core.actions.coverage.SEARCHED", 50)
    assert coverage_of(job) is None


@pytest.mark.parametrize("end", [succeed, fail])
def test_is_kept_when_the_job_ends_and_read_anew_when_it_runs_again(end):
    pipeline = pipeline_with(covered(PATTERN))
    job = job_of(pipeline, "test")
    log(job, b"Coverage: 75%\n")
    end("test")
    assert Job.objects.by_ids([job.pk]).get().coverage == 75.0
    copy = retry_job(job.pk, acting_user=None)
    assert (copy.coverage, copy.coverage_pattern) == (None, PATTERN)


def test_a_job_without_coverage_has_none():
    pipeline = pipeline_with({"test": {"script": "x"}})
    log(job_of(pipeline, "test"), b"Coverage: 75%\n")
    succeed("test")
    assert job_of(pipeline, "test").coverage is None


def test_in_the_api():
    pipeline = pipeline_with(
        {
            "unit": {"script": "x", "coverage": PATTERN},
            "end": {"script": "x", "coverage": PATTERN},
            "lint": {"script": "x"},
        }
    )
    for name, share in (("unit", b"80"), ("end", b"75.55")):
        log(job_of(pipeline, name), b"Coverage: " + share + b"%\n")
        succeed(name)
    succeed("lint")
    found = as_user(member(pipeline.project)).data(
        """query($path: ID!) { project(fullPath: $path) { pipeline(iid: 1) {
             coverage jobs { nodes { name coverage } } } } }""",
        path=pipeline.project.full_path,
    )["project"]["pipeline"]
    assert found["coverage"] == 77.78
    jobs = {job["name"]: job["coverage"] for job in found["jobs"]["nodes"]}
    assert jobs == {"unit": 80.0, "end": 75.55, "lint": None}


def test_what_to_ask_before_a_job_is_started():
    pipeline = pipeline_with(
        {
            "careful": {"script": "x", "when": "manual", "manual_confirmation": "Really?"},
            "plain": {"script": "x", "when": "manual"},
            "build": {"script": "x"},
        }
    )
    found = as_user(member(pipeline.project)).data(
        """query($path: ID!) { project(fullPath: $path) { pipeline(iid: 1) { jobs { nodes {
             name detailedStatus { action { title confirmationMessage } } } } } } }""",
        path=pipeline.project.full_path,
    )["project"]["pipeline"]["jobs"]["nodes"]
    assert {job["name"]: job["detailedStatus"]["action"] for job in found} == {
        "careful": {"title": "Run", "confirmationMessage": "Really?"},
        "plain": {"title": "Run", "confirmationMessage": None},
        "build": {"title": "Cancel", "confirmationMessage": None},
    }
