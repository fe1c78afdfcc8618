"""What a report costs: statements do not depend on the pipeline's size, and rows written only on what changed."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ci_core.actions.jobs import succeed_job
from ci_core.models import Event, Job, Pipeline
from tests.factories import pipeline_with
from tests.support.invariants import assert_consistent

pytestmark = pytest.mark.django_db


def pairs(count: int) -> Pipeline:
    """A pipeline in which each of the second half needs one of the first."""
    first = {f"first{number}": {"stage": "build", "script": "x"} for number in range(count)}
    second = {
        f"second{number}": {"stage": "test", "script": "x", "needs": [f"first{number}"]}
        for number in range(count)
    }
    return pipeline_with({**first, **second})


def report(pipeline: Pipeline, name: str) -> tuple[int, int]:
    """Statements, and events written, of the success of a job."""
    job = Job.objects.in_pipeline(pipeline.pk).get(name=name)
    before = Event.objects.in_pipeline(pipeline.pk).count()
    with CaptureQueriesContext(connection) as captured:
        succeed_job(job.pk)
    return len(captured), Event.objects.in_pipeline(pipeline.pk).count() - before


def test_a_report_costs_the_same_in_a_large_pipeline() -> None:
    small, large = pairs(3), pairs(60)
    for pipeline in (small, large):
        report(pipeline, "first0")
    assert report(small, "first1") == report(large, "first1") == (7, 2)
    assert Job.objects.in_pipeline(large.pk).get(name="second1").status == "pending"
    assert_consistent(large.pk)


def test_a_cascade_costs_no_more_statements_the_longer_it_is() -> None:
    def chain(length: int) -> Pipeline:
        jobs = {"job0": {"script": "x"}}
        jobs |= {
            f"job{number}": {"script": "x", "needs": [f"job{number - 1}"], "when": "on_failure"}
            for number in range(1, length)
        }
        return pipeline_with(jobs)

    short, long = chain(3), chain(40)
    assert report(short, "job0")[0] == report(long, "job0")[0]
    assert set(Job.objects.in_pipeline(long.pk).values_list("status", flat=True)) == {"success", "skipped"}
    assert_consistent(long.pk)
