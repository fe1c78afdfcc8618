"""Moves jobs along for tests, through the actions that runners' reports go through."""

from __future__ import annotations

from ci_core import clock
from ci_core.actions import jobs as actions
from ci_core.actions import traces
from ci_core.models import Artifact, Job, Pipeline, Runner, RunnerManager
from ci_core.models.ids import on_job
from ci_core.queueing.claim import claim_job
from ci_core.statuses import FailureReason
from tests.factories import runner_with_token


def job_of(pipeline: Pipeline, name: str) -> Job:
    """The newest job with this name, as it is now."""
    job: Job = Job.objects.in_pipeline(pipeline.pk).get(name=name, retried=False)
    return job


def take(runner: Runner | None = None, manager: RunnerManager | None = None) -> Job:
    """Lets a runner (a new one by default) take the next job."""
    job = claim_job(runner or runner_with_token()[0], manager)
    assert job is not None
    return job


def succeed(*names: str, runner: Runner | None = None) -> None:
    """Lets a runner take the next jobs, which must have these names, and succeed with them."""
    for name in names:
        job = take(runner)
        assert job.name == name
        actions.succeed_job(job.pk)


def fail(
    name: str, runner: Runner | None = None, reason: FailureReason = FailureReason.SCRIPT_FAILURE
) -> None:
    """Lets a runner take the next job, which must have this name, and fail with it."""
    job = take(runner)
    assert job.name == name
    actions.fail_job(job.pk, reason, exit_code=1)


def log(job: Job, *chunks: bytes) -> None:
    """Appends to a job's log."""
    start = 0
    for chunk in chunks:
        start = traces.append_trace(job, start, chunk)


def artifact(job: Job, number: int = 1, file_type: str = "archive", size: int = 10) -> Artifact:
    """A row of an artifact, without its file."""
    made: Artifact = Artifact.objects.create(
        id=on_job(job.pk, number),
        pipeline_id=job.pipeline_id,
        job_id=job.pk,
        project_id=job.project_id,
        file_type=file_type,
        file_format="zip",
        filename=f"{file_type}.zip",
        size=size,
        sha256="0" * 64,
        blob=f"none/{job.pk}-{number}",
        created_at=clock.now(),
    )
    return made
