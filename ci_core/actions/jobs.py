"""What can be done with a job: play, retry, cancel, unschedule; and what a runner or a sweep reports of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import transaction
from psycopg.types.json import Jsonb

from ci_core.actions.coverage import coverage_of
from ci_core.actions.deploying import refuse_outdated, refuse_protected
from ci_core.actions.retrying import copy_jobs, may_grow, refuse_archived
from ci_core.compiler.inputs.jobs import JobInputError, check_given, from_json
from ci_core.decisions.retries import failure_is_allowed, retries_itself
from ci_core.decisions.transitions import Event, final_event
from ci_core.errors import InvalidInput, JobNotRunning, NotCancelable, NotPlayable, NotRetryable
from ci_core.locks import lock_job, lock_pipeline
from ci_core.models import Job, JobDefinition, JobKind, Pipeline, User
from ci_core.processing import advance, cancel_children, cancel_rest
from ci_core.processing.cancelling import cancel_jobs
from ci_core.processing.deployed import note_success
from ci_core.statuses import CANCELABLE, COMPLETED, NOT_RETRYABLE, PLAYABLE, RETRYABLE, FailureReason, Status
from ci_core.transition import JobChange, transition
from ci_core.variables.given import GivenVariable, check_variables


@transaction.atomic
def play_job(
    job_id: int,
    *,
    acting_user: User | None,
    variables: Sequence[GivenVariable] = (),
    inputs: Mapping[str, Any] | None = None,
) -> Job:
    """Starts a manual, delayed or skipped job; one that has run already is retried instead.

    variables: for this job alone, stronger than all others. inputs: values by name for those that the job declares,
    instead of their defaults (https://docs.gitlab.com/ci/jobs/job_inputs/). Raises NotPlayable, InvalidInput, and
    Forbidden for a job of a protected environment. Source: processing.md, section 6.
    """
    pipeline, job = lock_job(job_id)
    refuse_protected(pipeline, job, acting_user)
    refuse_archived(pipeline, NotPlayable)
    if not job.retried and job.status in RETRYABLE and job.when in ("manual", "delayed"):
        return _retry(pipeline, job, acting_user, variables, inputs)
    if job.kind == JobKind.BRIDGE and job.started_at is not None:
        raise NotPlayable(f"{job.name} has started its pipeline: somebody has to start a job there.")
    if job.retried or job.status not in PLAYABLE or not _is_action(job):
        raise NotPlayable(f"{job.name} is {job.status}: only manual and delayed jobs can be started by hand.")
    refuse_outdated(pipeline, job)
    columns: dict[str, Any] = {"user_id": acting_user.pk} if acting_user else {}
    if variables:
        columns["given_variables"] = Jsonb(_stored(variables))
    if inputs:
        columns["given_inputs"] = Jsonb(_checked(job, inputs))
    changes = transition(pipeline, [job.pk], start_event(job), **columns)
    advance(pipeline, changes, restarted={job.name})
    return _now(job)


def _stored(variables: Sequence[GivenVariable]) -> list[dict[str, str]]:
    """Variables as `Job.given_variables` keeps them. Raises InvalidInput."""
    check_variables(variables)
    return [{"key": each.key, "value": each.value, "variable_type": each.variable_type} for each in variables]


def _checked(job: Job, inputs: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Values as `Job.given_inputs` keeps them; None if there are none. Raises InvalidInput."""
    if not inputs:
        return None
    try:
        return check_given(from_json(_definition(job).get("inputs")), inputs)
    except JobInputError as error:
        raise InvalidInput(f"inputs of {job.name}: {error}.", field="inputs") from None


def _definition(job: Job) -> dict[str, Any]:
    content: dict[str, Any] = JobDefinition.objects.by_ids([job.definition_id]).get().content
    return content


def _is_action(job: Job) -> bool:
    return job.when in ("manual", "delayed")


@transaction.atomic
def retry_job(
    job_id: int,
    *,
    acting_user: User | None,
    variables: Sequence[GivenVariable] = (),
    inputs: Mapping[str, Any] | None = None,
) -> Job:
    """Runs a finished job again as a new copy, which is returned. Raises NotRetryable, InvalidInput, and
    Forbidden as `play_job`.

    variables, inputs: for the new copy, instead of those that the old one was played or retried with. Inputs that are
    not among those given have their defaults again.
    """
    pipeline, job = lock_job(job_id)
    refuse_protected(pipeline, job, acting_user)
    return _retry(pipeline, job, acting_user, variables, inputs)


def _retry(
    pipeline: Pipeline,
    job: Job,
    acting_user: User | None,
    variables: Sequence[GivenVariable],
    inputs: Mapping[str, Any] | None,
) -> Job:
    refuse_archived(pipeline, NotRetryable)
    if job.retried:
        raise NotRetryable(f"{job.name} was retried already; retry its newest run.")
    if job.status not in RETRYABLE:
        raise NotRetryable(f"{job.name} is {job.status}: only a job that has run can be retried.")
    if job.failure_reason in NOT_RETRYABLE:
        raise NotRetryable(f"{job.name} would fail again: {job.get_failure_reason_display()}.")
    (copy,) = copy_jobs(
        pipeline,
        [job.pk],
        acting_user=acting_user,
        enqueue_immediately=True,
        variables=_stored(variables),
        inputs=_checked(job, inputs),
    )
    advance(pipeline, restarted={job.name}, copied=True)
    return _now(copy)


@transaction.atomic
def cancel_job(job_id: int, *, force: bool = False) -> Job:
    """Cancels a job; a trigger job with the child pipeline that it created. Raises NotCancelable.

    force: also one that is `canceling` becomes `canceled` at once.
    """
    pipeline, job = lock_job(job_id)
    allowed = CANCELABLE | {Status.MANUAL} | ({Status.CANCELING} if force else set())
    changes = cancel_jobs(pipeline, [job.pk], force=force) if job.status in allowed else []
    if not changes:
        raise NotCancelable(f"{job.name} is {job.status}: only a waiting or running job can be cancelled.")
    if job.kind == JobKind.BRIDGE:
        cancel_children(pipeline, [job.pk])
    advance(pipeline, changes)
    return _now(job)


@transaction.atomic
def unschedule_job(job_id: int) -> Job:
    """Stops a delayed job's timer; the job is then to be started by hand. Raises NotPlayable."""
    pipeline, job = lock_job(job_id)
    if job.kind == JobKind.BRIDGE and job.started_at is not None:
        raise NotPlayable(f"{job.name} has started its pipeline: the timer is of a job there.")
    changes = transition(pipeline, [job.pk], Event.UNSCHEDULE)
    if not changes:
        raise NotPlayable(f"{job.name} is {job.status}: only a scheduled job can be unscheduled.")
    advance(pipeline, changes)
    return _now(job)


@transaction.atomic
def start_delayed_jobs(pipeline_id: int, job_ids: Collection[int]) -> int:
    """Queues jobs of one pipeline whose timers ran out; returns how many. Those that wait for no timer any more are
    left alone, like trigger jobs that only show the timer of their pipeline. Raises NotFound.
    """
    pipeline = lock_pipeline(pipeline_id)
    scheduled = Job.objects.in_pipeline(pipeline.pk).filter(
        id__in=job_ids, status=Status.SCHEDULED.value, started_at=None
    )
    by_event: dict[Event, list[int]] = {}
    for job in scheduled:
        by_event.setdefault(start_event(job), []).append(job.pk)
    changes = [change for event, ids in by_event.items() for change in transition(pipeline, ids, event)]
    advance(pipeline, changes)
    return len(changes)


@transaction.atomic
def succeed_job(job_id: int) -> Job:
    """Stores that a job succeeded (or, if it was being cancelled, that it has stopped). Raises JobNotRunning."""
    pipeline, job = lock_job(job_id)
    event = final_event(Event.SUCCESS, Status(job.status))
    columns: dict[str, Any] = {"exit_code": 0, **_coverage(job)}
    changes = transition(pipeline, [job.pk], event, **columns)
    if not changes:
        raise JobNotRunning(f"{job.name} is {job.status}.")
    if job.environment_name and event == Event.SUCCESS:
        note_success(pipeline, job)
    advance(pipeline, changes)
    return _ended(job, changes[0], **columns)


@transaction.atomic
def fail_job(job_id: int, reason: FailureReason, *, exit_code: int | None = None) -> Job:
    """Stores that a job failed, runs it again if its `retry` says so, and cancels the rest if the workflow does.

    A job that was being cancelled ends `canceled`. Raises JobNotRunning for a job that has finished.
    """
    pipeline, job = lock_job(job_id)
    if job.status in COMPLETED:
        raise JobNotRunning(f"{job.name} is {job.status}.")
    if job.status == Status.CANCELING:
        changes = transition(pipeline, [job.pk], Event.CANCEL, exit_code=exit_code)
        advance(pipeline, changes)
        return _ended(job, changes[0], exit_code=exit_code)
    definition = _definition(job)
    allowed = failure_is_allowed(
        job.allow_failure, definition.get("allow_failure_exit_codes") or [], exit_code
    )
    columns = {
        "failure_reason": reason.value,
        "exit_code": exit_code,
        "allow_failure": allowed,
        **_coverage(job),
    }
    changes = transition(pipeline, [job.pk], Event.DROP, **columns)
    again = retries_itself(definition.get("retry") or {}, _retries(job), reason.value, exit_code)
    if again and may_grow(pipeline):
        copy_jobs(pipeline, [job.pk], acting_user=None, enqueue_immediately=True)
        # With the change: the copy may have to wait, and another job gets the resource meanwhile.
        advance(pipeline, changes, restarted={job.name}, copied=True)
        return _now(job)
    if not allowed:
        changes += cancel_rest(pipeline)
    advance(pipeline, changes)
    return _ended(job, changes[0], **columns)


def _coverage(job: Job) -> dict[str, float | None]:
    """The column of the coverage, for a job that wants it read."""
    return {"coverage": coverage_of(job)} if job.coverage_pattern else {}


def _retries(job: Job) -> int:
    """How many copies of this job were retried already."""
    return Job.objects.in_pipeline(job.pipeline_id).filter(name=job.name, retried=True).count()


def _now(job: Job) -> Job:
    """The job as the transaction leaves it."""
    found: Job = Job.objects.by_ids([job.pk]).get()
    return found


def _ended(job: Job, change: JobChange, **columns: Any) -> Job:
    """The job as the transaction leaves it, without reading it again: nothing else happens to one that has ended."""
    columns |= {"status": change.new, "updated_at": change.at, "finished_at": change.at}
    for name, value in columns.items():
        setattr(job, name, value)
    return job


def start_event(job: Job) -> Event:
    """What starts a job that waits for nothing else: one of a resource group waits for that."""
    return Event.ENQUEUE if job.resource_group_id is None else Event.WAIT_FOR_RESOURCE
