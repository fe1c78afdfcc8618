"""New copies of jobs that are to run again; the old ones stay as history and count no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ci_core import clock, events, resources
from ci_core.actions.deploying import copy_deployments
from ci_core.bulk import copy_rows
from ci_core.errors import CiError, JobLimitReached
from ci_core.models import EventKind, Job, JobDefinition, Need, Pipeline, Stage, User, archived_before
from ci_core.models.ids import MAX_IN_PIPELINE, in_pipeline, on_job
from ci_core.statuses import Status, When


def copy_jobs(
    pipeline: Pipeline,
    job_ids: Sequence[int],
    *,
    acting_user: User | None,
    enqueue_immediately: bool,
    variables: Sequence[Mapping[str, str]] | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> list[Job]:
    """Copies jobs of a locked pipeline as `created` and marks the old ones as retried.

    enqueue_immediately: manual and delayed copies start without being played again. variables, inputs: instead of
    those that the old copies were given. The caller advances. Raises JobLimitReached.
    """
    old = list(Job.objects.in_pipeline(pipeline.pk).filter(id__in=job_ids, retried=False).in_order())
    first = reserve_numbers(pipeline, len(old))
    now = clock.now()
    by_exit_code = _allowed_by_exit_code(old)
    copies = [
        Job(
            id=in_pipeline(pipeline.pk, first + offset),
            pipeline_id=job.pipeline_id,
            project_id=job.project_id,
            stage_id=job.stage_id,
            definition_id=job.definition_id,
            name=job.name,
            number=job.number,
            kind=job.kind,
            status=Status.CREATED.value,
            when=job.when,
            scheduling_type=job.scheduling_type,
            allow_failure=job.allow_failure and job.pk not in by_exit_code,
            enqueue_immediately=enqueue_immediately and job.when in (When.MANUAL, When.DELAYED),
            interruptible=job.interruptible,
            protected=job.protected,
            tags=job.tags,
            timeout=job.timeout,
            start_in=job.start_in,
            environment_name=job.environment_name,
            coverage_pattern=job.coverage_pattern,
            resource_group_id=job.resource_group_id,
            given_variables=list(variables) if variables else job.given_variables,
            given_inputs=job.given_inputs if inputs is None else inputs,
            user_id=acting_user.pk if acting_user else job.user_id,
            created_at=now,
            updated_at=now,
        )
        for offset, job in enumerate(old)
    ]
    Job.objects.in_pipeline(pipeline.pk).filter(id__in=[job.pk for job in old]).update(
        retried=True, updated_at=now
    )
    copy_rows(copies)
    # Processing counts anew what the copies changed.
    Stage.objects.by_ids({job.stage_id for job in old}).update(tally="")
    resources.follow([(copy.pk, copy.resource_group_id) for copy in copies], Status.CREATED)
    _copy_needs(pipeline, {job.pk: copy.pk for job, copy in zip(old, copies, strict=True)})
    copy_deployments(
        pipeline, {job.pk: copy.pk for job, copy in zip(old, copies, strict=True) if job.environment_name}
    )
    events.record(pipeline, EventKind.JOB, [events.Change(copy.pk, "", copy.status) for copy in copies])
    return copies


def _allowed_by_exit_code(jobs: Sequence[Job]) -> set[int]:
    """Those of the jobs that were allowed to fail for their exit code alone, which a new copy has yet to earn."""
    allowed = {job.pk: job.definition_id for job in jobs if job.allow_failure and job.exit_code is not None}
    if not allowed:
        return set()
    with_codes = set(
        JobDefinition.objects.by_ids(set(allowed.values()))
        .exclude(content__allow_failure_exit_codes=[])
        .filter(content__has_key="allow_failure_exit_codes")
        .values_list("id", flat=True)
    )
    return {job_id for job_id, definition_id in allowed.items() if definition_id in with_codes}


def refuse_archived(pipeline: Pipeline, error: type[CiError]) -> None:
    """Raises the error for a pipeline that is older than PIPEYARD_PIPELINE_AGE_LIMIT_SECONDS: nothing starts in it."""
    if pipeline.created_at < archived_before():
        raise error("The pipeline is archived: it is too old for jobs to start in it.")


def may_grow(pipeline: Pipeline) -> bool:
    """Whether a locked pipeline may get one more job."""
    return pipeline.last_job_number < MAX_IN_PIPELINE


def reserve_numbers(pipeline: Pipeline, count: int) -> int:
    """The first of `count` new job numbers of a locked pipeline. Raises JobLimitReached."""
    first = pipeline.last_job_number + 1
    if first + count - 1 > MAX_IN_PIPELINE:
        raise JobLimitReached(f"A pipeline holds up to {MAX_IN_PIPELINE} jobs, retries included.")
    pipeline.last_job_number += count
    pipeline.save(update_fields=["last_job_number"])
    return first


def _copy_needs(pipeline: Pipeline, copies: dict[int, int]) -> None:
    """Gives each copy the needs of its original. copies: new job id by old."""
    needs = Need.objects.in_pipeline(pipeline.pk).filter(job_id__in=copies).order_by("id")
    copy_rows(
        [
            Need(
                id=on_job(copies[need.job_id], need.pk - (need.job_id << 10)),
                pipeline_id=pipeline.pk,
                job_id=copies[need.job_id],
                name=need.name,
                optional=need.optional,
                artifacts=need.artifacts,
            )
            for need in needs
        ]
    )
