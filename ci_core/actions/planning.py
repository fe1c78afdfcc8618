"""Writes a compiled pipeline's rows, all in bulk, in the transaction that creates the pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from ci_core import clock, events, resources
from ci_core.actions.deploying import plan_deployments
from ci_core.actions.resources import ensure_groups
from ci_core.actions.retrying import reserve_numbers
from ci_core.bulk import copy_rows
from ci_core.compiler import CompiledJob, CompiledPipeline
from ci_core.models import (
    EventKind,
    Job,
    JobDefinition,
    Need,
    Pipeline,
    PipelineVariable,
    Stage,
    VariableType,
)
from ci_core.models.ids import in_pipeline, on_job
from ci_core.statuses import SchedulingType, Status


@dataclass(frozen=True, slots=True)
class GivenVariable:
    """A variable that somebody gives when they create a pipeline."""

    key: str
    value: str
    variable_type: str = VariableType.ENV_VAR.value


def write_plan(
    pipeline: Pipeline,
    plan: CompiledPipeline,
    known: Mapping[str, str],
    given: Sequence[GivenVariable],
) -> None:
    """Inserts stages, definitions, jobs, needs, environments, deployments and variables of a new pipeline.

    known: the variables that rules saw; they also name environments. The caller advances.
    """
    stages = _stages(pipeline, plan)
    definitions, definition_of = _definitions(pipeline, plan)
    first = reserve_numbers(pipeline, len(plan.jobs))
    groups = ensure_groups(
        pipeline.project_id, {job.resource_group for job in plan.jobs if job.resource_group}
    )
    jobs = [
        _job(pipeline, job, first + offset, stages[job.stage], definition_of[offset])
        for offset, job in enumerate(plan.jobs)
    ]
    for row, job in zip(jobs, plan.jobs, strict=True):
        row.resource_group_id = groups.get(job.resource_group or "")
    resources.follow([(job.pk, job.resource_group_id) for job in jobs], Status.CREATED)
    copy_rows(list(stages.values()))
    copy_rows(definitions)
    copy_rows(jobs)
    copy_rows(_needs(pipeline, plan, jobs))
    copy_rows(_variables(pipeline, given))
    plan_deployments(pipeline, list(zip(plan.jobs, jobs, strict=True)), known)
    events.record(pipeline, EventKind.JOB, [events.Change(job.pk, "", job.status) for job in jobs])


def _stages(pipeline: Pipeline, plan: CompiledPipeline) -> dict[str, Stage]:
    return {
        name: Stage(
            id=in_pipeline(pipeline.pk, position),
            pipeline_id=pipeline.pk,
            name=name,
            position=position,
            status=Status.CREATED.value,
        )
        for position, name in enumerate(plan.stages, start=1)
    }


def _definitions(pipeline: Pipeline, plan: CompiledPipeline) -> tuple[list[JobDefinition], list[int]]:
    """The different definitions of a plan, and the id of each job's own; equal jobs share one."""
    seen: dict[bytes, int] = {}
    rows: list[JobDefinition] = []
    of_jobs: list[int] = []
    for job in plan.jobs:
        content = job.definition() | {
            "retry": {
                "max": job.retry_max,
                "when": list(job.retry_when),
                "exit_codes": list(job.retry_exit_codes),
            },
            "allow_failure_exit_codes": list(job.allow_failure_exit_codes),
            "manual_confirmation": job.manual_confirmation,
        }
        key = orjson.dumps(content)
        if key not in seen:
            seen[key] = in_pipeline(pipeline.pk, len(rows) + 1)
            rows.append(JobDefinition(id=seen[key], pipeline_id=pipeline.pk, content=content))
        of_jobs.append(seen[key])
    return rows, of_jobs


def _job(pipeline: Pipeline, job: CompiledJob, number: int, stage: Stage, definition_id: int) -> Job:
    now = clock.now()
    scheduling = SchedulingType.STAGE if job.needs is None else SchedulingType.DAG
    return Job(
        id=in_pipeline(pipeline.pk, number),
        pipeline_id=pipeline.pk,
        project_id=pipeline.project_id,
        stage_id=stage.pk,
        definition_id=definition_id,
        name=job.name,
        number=number,
        status=Status.CREATED.value,
        when=job.when,
        scheduling_type=scheduling.value,
        allow_failure=job.allow_failure,
        interruptible=job.interruptible,
        protected=pipeline.protected,
        tags=list(job.tags),
        timeout=job.timeout,
        start_in=job.start_in,
        environment_name=job.environment.name if job.environment else "",
        user_id=pipeline.user_id,
        created_at=now,
        updated_at=now,
    )


def _needs(pipeline: Pipeline, plan: CompiledPipeline, jobs: Sequence[Job]) -> list[Need]:
    return [
        Need(
            id=on_job(row.pk, number),
            pipeline_id=pipeline.pk,
            job_id=row.pk,
            name=need.name,
            optional=need.optional,
            artifacts=need.artifacts,
        )
        for job, row in zip(plan.jobs, jobs, strict=True)
        for number, need in enumerate(job.needs or (), start=1)
    ]


def _variables(pipeline: Pipeline, given: Sequence[GivenVariable]) -> list[PipelineVariable]:
    return [
        PipelineVariable(
            id=in_pipeline(pipeline.pk, number),
            pipeline_id=pipeline.pk,
            key=variable.key,
            value=variable.value,
            variable_type=variable.variable_type,
        )
        for number, variable in enumerate(given, start=1)
    ]
