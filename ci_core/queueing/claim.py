"""Hands a pending job to a runner: no job to two runners, no runner a job it may not take."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from ci_core import deployments
from ci_core.decisions.timeouts import job_timeout
from ci_core.decisions.transitions import Event
from ci_core.errors import NotFound
from ci_core.locks import lock_pipeline
from ci_core.models import Job, PendingJob, Runner, RunnerAccessLevel, RunnerManager, RunnerType
from ci_core.processing import advance, cancel_rest
from ci_core.queueing.sql import queries
from ci_core.transition import started_on, transition

#: Queue rows that one request looks at before it gives up; each but the last turned out not to be pending.
ATTEMPTS: Final = 20


def claim_job(runner: Runner, manager: RunnerManager | None = None) -> Job | None:
    """The next job for this runner, now `running` on it; None when there is none.

    One transaction a candidate: the job leaves the queue, starts, and its pipeline's status follows, or nothing
    happens at all, as when the runner is deleted meanwhile.
    """
    if runner.paused:
        return None
    try:
        return _claim(runner, manager)
    except IntegrityError:
        if Runner.objects.filter(pk=runner.pk).exists():
            raise
        return None


def _claim(runner: Runner, manager: RunnerManager | None) -> Job | None:
    for _ in range(ATTEMPTS):
        with transaction.atomic():
            candidate = _next(runner)
            if candidate is None:
                return None
            job = _start(candidate, runner, manager)
        if job is not None:
            return job
    return None


def _next(runner: Runner) -> PendingJob | None:
    project_ids = None
    if runner.runner_type == RunnerType.PROJECT_TYPE:
        project_ids = list(runner.projects.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            queries()["next_job"],
            {
                "tags": list(runner.tags),
                "run_untagged": runner.run_untagged,
                "protected_only": runner.access_level == RunnerAccessLevel.REF_PROTECTED,
                "project_ids": project_ids,
                "group_id": runner.group_id,
            },
        )
        row = cursor.fetchone()
    return PendingJob(job_id=row[0], pipeline_id=row[1]) if row else None


def _start(candidate: PendingJob, runner: Runner, manager: RunnerManager | None) -> Job | None:
    """Starts the job of a queue row that this transaction holds; None if it is not pending any more."""
    PendingJob.objects.filter(job_id=candidate.job_id).delete()
    try:
        pipeline = lock_pipeline(candidate.pipeline_id)
    except NotFound:
        return None
    started = transition(
        pipeline,
        [candidate.job_id],
        Event.RUN,
        runner_id=runner.pk,
        runner_manager_id=manager.pk if manager else None,
    )
    if not started:
        return None
    job: Job = Job.objects.by_ids([candidate.job_id]).get()
    refused = deployments.refusal(pipeline, job)
    if refused is not None:
        dropped = transition(pipeline, [job.pk], Event.DROP, failure_reason=refused.reason.value)
        rest = [] if job.allow_failure else cancel_rest(pipeline)
        advance(pipeline, [*started, *dropped, *rest])
        return None
    project_timeout = pipeline.project.build_timeout or settings.PIPEYARD_DEFAULT_JOB_TIMEOUT
    timeout = job_timeout(job.timeout, project_timeout, runner.maximum_timeout)
    started_on(pipeline, job.pk, runner.pk, timeout)
    advance(pipeline, started)
    return job
