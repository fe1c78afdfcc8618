"""What a report costs: statements do not depend on the pipeline's size, and rows written only on what changed."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ci_core.actions.jobs import succeed_job
from ci_core.decisions.transitions import Event as JobEvent
from ci_core.models import Event, Job, Pipeline
from ci_core.statuses import Status
from ci_core.transition import transition
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


def pages_to_move(pipeline: Pipeline, most: int) -> int:
    """Pages that the database looks at to change the status of that many jobs of the second stage, or of all."""
    jobs = Job.objects.in_pipeline(pipeline.pk)
    ids = list(jobs.filter(status=Status.CREATED.value).values_list("id", flat=True)[:most])
    savepoint = transaction.savepoint()
    with CaptureQueriesContext(connection) as captured:
        assert len(transition(pipeline, ids, JobEvent.SKIP)) == len(ids)
    transaction.savepoint_rollback(savepoint)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {captured[0]['sql']}")
        return int(cursor.fetchone()[0][0]["Plan"]["Shared Hit Blocks"])


def wide(count: int) -> Pipeline:
    jobs = {f"job{number}": {"stage": "test", "script": "x"} for number in range(count)}
    return pipeline_with({"first": {"stage": "build", "script": "x"}, **jobs})


def test_moving_many_jobs_takes_pages_in_proportion_to_them() -> None:
    wide(400)  # no plan is right for an empty partition
    assert pages_to_move(wide(400), 400) < 8 * pages_to_move(wide(100), 100)


def test_moving_one_job_takes_the_same_pages_in_a_large_pipeline() -> None:
    small, large = wide(20), wide(400)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ci_core_job")
    assert pages_to_move(large, 1) <= pages_to_move(small, 1) + 5
