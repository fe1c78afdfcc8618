"""Every sweep finds its rows through an index and looks at a bounded number of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ci_core import clock
from ci_core.actions import (
    deadlocks,
    deleting,
    downstream,
    mirroring,
    redundancy,
    resources,
    stopping,
    upkeep,
)
from ci_core.actions.jobs import cancel_job, fail_job
from ci_core.models import Job, PendingJob, ResourceClaim, ResourceGroup
from ci_core.statuses import FailureReason
from tests.factories import pipeline_with
from tests.support.jobs import job_of

pytestmark = pytest.mark.django_db

SWEEPS: dict[Callable[[], object], str] = {
    upkeep.start_due_jobs: "ci_core_jobtimer",
    upkeep.fail_overdue_jobs: "ci_core_runningjob",
    upkeep.fail_lost_jobs: "ci_core_runningjob",
    upkeep.fail_unacknowledged_jobs: "ci_core_runningjob",
    upkeep.fail_stuck_jobs: "ci_core_pendingjob",
    upkeep.fail_jobs_without_runner: "ci_core_pendingjob",
    upkeep.fail_archived_pipelines: "ci_core_pipeline",
    deleting.resume_deletions: "ci_core_pipeline",
    resources.hand_over_free_groups: "ci_core_resourcegroup",
    redundancy.cancel_forgotten_pipelines: "ci_core_pipeline",
    downstream.start_waiting_bridges: "ci_core_pendingbridge",
    downstream.cancel_wanted_children: "ci_core_downstreampipeline",
    mirroring.follow_moved_pipelines: "ci_core_mirroredpipeline",
    stopping.stop_due_environments: "ci_core_environment",
    stopping.settle_stopping_environments: "ci_core_environment",
}


@pytest.mark.parametrize("sweep", [resources.hand_over_free_groups, deadlocks.break_deadlocks])
def test_groups_that_nobody_waits_for_cost_a_sweep_nothing(sweep: Callable[[], object]) -> None:
    pipeline = pipeline_with("a: {script: x}")
    now = clock.now()
    made = ResourceGroup.objects.bulk_create(
        ResourceGroup(project=pipeline.project, key=f"review/{number}", created_at=now, updated_at=now)
        for number in range(3000)
    )
    ResourceClaim.objects.bulk_create(
        ResourceClaim(job_id=-number, pipeline_id=0, group=group, ready=number % 1000 == 0)
        for number, group in enumerate(made)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ci_core_resourcegroup, ci_core_resourceclaim")
    with CaptureQueriesContext(connection) as captured:
        sweep()
    sql = next(each["sql"] for each in captured.captured_queries if "ready" in each["sql"])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "ci_resource_claim_ready" in plan, plan
    assert "Seq Scan on ci_core_resource" not in plan, plan


def test_what_fails_does_not_keep_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    pipelines = [pipeline_with("a: {script: x}") for _ in range(4)]
    jobs = [job_of(pipeline, "a") for pipeline in pipelines]
    cancel_job(jobs[1].pk)
    PendingJob.objects.create(
        job_id=jobs[1].pk,
        pipeline_id=pipelines[1].pk,
        project_id=pipelines[1].project_id,
        queued_at=clock.now(),
    )

    def fail(job_id: int, reason: FailureReason) -> Job:
        if job_id == jobs[0].pk:
            raise RuntimeError("a fault of the server")
        return fail_job(job_id, reason)

    monkeypatch.setattr(upkeep, "fail_job", fail)
    later = clock.now() + timedelta(days=365)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert upkeep.fail_stuck_jobs() == 2
    assert [job_of(pipeline, "a").status for pipeline in pipelines] == [
        "pending",
        "canceled",
        "failed",
        "failed",
    ]


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.__name__)
def test_a_sweep_is_bounded_and_indexed(sweep: Callable[[], object]) -> None:
    pipeline_with("a: {script: x}\nb: {script: x, resource_group: g}\n")
    with CaptureQueriesContext(connection) as captured:
        sweep()
    table = SWEEPS[sweep]
    sql = next(each["sql"] for each in captured.captured_queries if f'FROM "{table}"' in each["sql"])
    assert "LIMIT" in sql
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index" in plan, plan
    assert f"Seq Scan on {table} " not in plan, plan
