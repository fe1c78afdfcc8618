"""What can be done with a job: play, retry, cancel, unschedule; and what a runner or a sweep reports of it."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from ci_core.actions.cancelling import cancel_jobs
from ci_core.actions.deployed import note_success
from ci_core.actions.deploying import refuse_outdated, refuse_protected
from ci_core.actions.retrying import copy_jobs
from ci_core.decisions.retries import failure_is_allowed, retries_itself
from ci_core.decisions.transitions import Event, final_event
from ci_core.errors import JobNotRunning, NotCancelable, NotFound, NotPlayable, NotRetryable
from ci_core.locks import lock_pipeline
from ci_core.models import Job, JobDefinition, Pipeline, User
from ci_core.models.ids import pipeline_of
from ci_core.processing import advance
from ci_core.statuses import CANCELABLE, COMPLETED, PLAYABLE, RETRYABLE, FailureReason, Status
from ci_core.transition import transition


def lock_job(job_id: int) -> tuple[Pipeline, Job]:
    """The job as it is now, under its pipeline's lock. Raises NotFound."""
    pipeline = lock_pipeline(pipeline_of(job_id))
    job = Job.objects.by_ids([job_id]).first()
    if job is None:
        raise NotFound("The job does not exist.")
    return pipeline, job


@transaction.atomic
def play_job(job_id: int, *, acting_user: User | None) -> Job:
    """Starts a manual, delayed or skipped job; one that has run already is retried instead.

    Raises NotPlayable, and Forbidden for a job of a protected environment. Source: processing.md, section 6.
    """
    pipeline, job = lock_job(job_id)
    refuse_protected(pipeline, job, acting_user)
    if not job.retried and job.status in RETRYABLE and job.when in ("manual", "delayed"):
        return _retry(pipeline, job, acting_user)
    if job.retried or job.status not in PLAYABLE or not _is_action(job):
        raise NotPlayable(f"{job.name} is {job.status}: only manual and delayed jobs can be started by hand.")
    refuse_outdated(pipeline, job)
    columns = {"user_id": acting_user.pk} if acting_user else {}
    transition(pipeline, [job.pk], Event.ENQUEUE, **columns)
    advance(pipeline, restarted={job.name})
    return _now(job)


def _is_action(job: Job) -> bool:
    return job.when in ("manual", "delayed")


@transaction.atomic
def retry_job(job_id: int, *, acting_user: User | None) -> Job:
    """Runs a finished job again as a new copy, which is returned. Raises NotRetryable, and Forbidden as `play_job`."""
    pipeline, job = lock_job(job_id)
    refuse_protected(pipeline, job, acting_user)
    return _retry(pipeline, job, acting_user)


def _retry(pipeline: Pipeline, job: Job, acting_user: User | None) -> Job:
    if job.retried:
        raise NotRetryable(f"{job.name} was retried already; retry its newest run.")
    if job.status not in RETRYABLE:
        raise NotRetryable(f"{job.name} is {job.status}: only a job that has run can be retried.")
    (copy,) = copy_jobs(pipeline, [job.pk], acting_user=acting_user, enqueue_immediately=True)
    advance(pipeline, restarted={job.name})
    return _now(copy)


@transaction.atomic
def cancel_job(job_id: int, *, force: bool = False) -> Job:
    """Cancels a job. force: also one that is `canceling` becomes `canceled` at once. Raises NotCancelable."""
    pipeline, job = lock_job(job_id)
    allowed = CANCELABLE | {Status.MANUAL} | ({Status.CANCELING} if force else set())
    if job.status not in allowed or not cancel_jobs(pipeline, [job.pk], force=force):
        raise NotCancelable(f"{job.name} is {job.status}: only a waiting or running job can be cancelled.")
    advance(pipeline)
    return _now(job)


@transaction.atomic
def unschedule_job(job_id: int) -> Job:
    """Stops a delayed job's timer; the job is then to be started by hand. Raises NotPlayable."""
    pipeline, job = lock_job(job_id)
    if not transition(pipeline, [job.pk], Event.UNSCHEDULE):
        raise NotPlayable(f"{job.name} is {job.status}: only a scheduled job can be unscheduled.")
    advance(pipeline)
    return _now(job)


@transaction.atomic
def start_delayed_job(job_id: int) -> bool:
    """Queues a delayed job whose timer ran out; False if it is not waiting for a timer any more."""
    pipeline, job = lock_job(job_id)
    if job.status != Status.SCHEDULED or not transition(pipeline, [job.pk], Event.ENQUEUE):
        return False
    advance(pipeline)
    return True


@transaction.atomic
def succeed_job(job_id: int) -> Job:
    """Stores that a job succeeded (or, if it was being cancelled, that it has stopped). Raises JobNotRunning."""
    pipeline, job = lock_job(job_id)
    event = final_event(Event.SUCCESS, Status(job.status))
    if not transition(pipeline, [job.pk], event, exit_code=0):
        raise JobNotRunning(f"{job.name} is {job.status}.")
    if job.environment_name and event == Event.SUCCESS:
        note_success(pipeline, job)
    advance(pipeline)
    return _now(job)


@transaction.atomic
def fail_job(job_id: int, reason: FailureReason, *, exit_code: int | None = None) -> Job:
    """Stores that a job failed, runs it again if its `retry` says so, and cancels the rest if the workflow does.

    A job that was being cancelled ends `canceled`. Raises JobNotRunning for a job that has finished.
    """
    pipeline, job = lock_job(job_id)
    if job.status in COMPLETED:
        raise JobNotRunning(f"{job.name} is {job.status}.")
    if job.status == Status.CANCELING:
        transition(pipeline, [job.pk], Event.CANCEL, exit_code=exit_code)
        advance(pipeline)
        return _now(job)
    definition = JobDefinition.objects.by_ids([job.definition_id]).get().content
    allowed = failure_is_allowed(
        job.allow_failure, definition.get("allow_failure_exit_codes") or [], exit_code
    )
    transition(
        pipeline,
        [job.pk],
        Event.DROP,
        failure_reason=reason.value,
        exit_code=exit_code,
        allow_failure=allowed,
    )
    if retries_itself(definition.get("retry") or {}, _retries(job), reason.value, exit_code):
        copy_jobs(pipeline, [job.pk], acting_user=None, enqueue_immediately=True)
        advance(pipeline, restarted={job.name})
        return _now(job)
    if pipeline.cancel_on_job_failure and not allowed:
        cancel_jobs(pipeline, _cancelable(pipeline))
    advance(pipeline)
    return _now(job)


def _retries(job: Job) -> int:
    """How many copies of this job were retried already."""
    return Job.objects.in_pipeline(job.pipeline_id).filter(name=job.name, retried=True).count()


def _cancelable(pipeline: Pipeline) -> Sequence[int]:
    statuses = [status.value for status in CANCELABLE]
    return list(
        Job.objects.in_pipeline(pipeline.pk)
        .latest_copies()
        .filter(status__in=statuses)
        .values_list("id", flat=True)
    )


def _now(job: Job) -> Job:
    """The job as the transaction leaves it."""
    found: Job = Job.objects.by_ids([job.pk]).get()
    return found
