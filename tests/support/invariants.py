"""What must hold of every pipeline once its transactions have ended."""

from __future__ import annotations

from ci_core.decisions import readiness
from ci_core.models import Event, Job, JobTimer, PendingJob, Pipeline, RunningJob
from ci_core.processing.snapshot import load_whole
from ci_core.statuses import COMPLETED, ON_RUNNER, Status


def assert_consistent(pipeline_id: int) -> None:
    """No pending job without its queue row or the other way round; statuses as processing computes them."""
    pipeline = Pipeline.objects.get(pk=pipeline_id)
    jobs = list(Job.objects.in_pipeline(pipeline_id))
    by_status: dict[str, set[int]] = {}
    for job in jobs:
        by_status.setdefault(job.status, set()).add(job.pk)
    of_pipeline = {"pipeline_id": pipeline_id}
    queued = set(PendingJob.objects.filter(**of_pipeline).values_list("job_id", flat=True))
    assert queued == by_status.get(Status.PENDING, set()), "queue rows and pending jobs differ"
    timed = set(JobTimer.objects.filter(**of_pipeline).values_list("job_id", flat=True))
    assert timed == by_status.get(Status.SCHEDULED, set()), "timers and scheduled jobs differ"
    on_runner = {job.pk for job in jobs if job.status in ON_RUNNER}
    running = set(RunningJob.objects.filter(**of_pipeline).values_list("job_id", flat=True))
    assert running <= on_runner, "a finished job is listed as on a runner"
    decided = readiness.advance(load_whole(pipeline))
    assert not decided.jobs, "jobs could move on"
    assert not decided.stages, "stage statuses are not what processing computes"
    assert decided.pipeline == pipeline.status, "the pipeline's status is not what processing computes"
    if pipeline.status in COMPLETED:
        alive = [job.name for job in jobs if not job.retried and job.status in (Status.PENDING, Status.RUNNING)]
        assert not alive, f"jobs alive in a finished pipeline: {alive}"
    _assert_log_equals_state(pipeline, jobs)


def _assert_log_equals_state(pipeline: Pipeline, jobs: list[Job]) -> None:
    """The newest event of each job, and of the pipeline, tells its status."""
    last = {
        (event.kind, event.subject_id): event.status
        for event in Event.objects.in_pipeline(pipeline.pk).order_by("pipeline_id", "id")
    }
    assert last["pipeline", pipeline.pk] == pipeline.status
    assert {job.pk: last["job", job.pk] for job in jobs} == {job.pk: job.status for job in jobs}
