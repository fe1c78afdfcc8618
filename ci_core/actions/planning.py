"""Writes a compiled pipeline's rows, all in bulk, in the transaction that creates the pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from ci_core import clock, events, resources
from ci_core.actions.deploying import environment_content, plan_deployments
from ci_core.actions.resources import ensure_groups
from ci_core.actions.retrying import reserve_numbers
from ci_core.bulk import array_text, copy_rows, copy_values, copying_values
from ci_core.compiler import CompiledJob, CompiledPipeline, CompiledTrigger
from ci_core.decisions.snapshots import JobSnapshot
from ci_core.models import (
    Job,
    JobDefinition,
    JobKind,
    Need,
    Pipeline,
    PipelineVariable,
    Stage,
)
from ci_core.models.ids import in_pipeline, on_job
from ci_core.statuses import SchedulingType, Status, When
from ci_core.variables.given import GivenVariable


def write_plan(
    pipeline: Pipeline,
    plan: CompiledPipeline,
    known: Mapping[str, str],
    given: Sequence[GivenVariable],
) -> list[JobSnapshot]:
    """Inserts stages, definitions, jobs, needs, environments, deployments and variables of a new pipeline.

    known: the variables that rules saw; they also name environments. The caller starts the pipeline, with the jobs
    that come back.
    """
    stages = _stages(pipeline, plan)
    first = reserve_numbers(pipeline, len(plan.jobs))
    last = first + len(plan.jobs) - 1
    ids = range(in_pipeline(pipeline.pk, first), in_pipeline(pipeline.pk, last) + 1)
    groups = _resource_groups(pipeline, plan)
    resources.follow(zip(ids, groups, strict=True), Status.CREATED)
    copy_rows(list(stages.values()))
    definition_of: list[int] = []
    with copying_values(JobDefinition, _DEFINITION, _definitions(pipeline, plan, definition_of)):
        jobs = list(_jobs(pipeline, plan, first, stages, definition_of, groups))
    with copying_values(Job, _JOB, jobs):
        snapshots = _snapshots(plan, ids, stages, groups)
    copy_values(Need, _NEED, _needs(pipeline, plan, ids))
    copy_rows(_variables(pipeline, given))
    plan_deployments(pipeline, zip(plan.jobs, ids, strict=True), known)
    events.record_created(pipeline, in_pipeline(pipeline.pk, first), len(ids))
    return snapshots


def _snapshots(
    plan: CompiledPipeline, ids: Sequence[int], stages: Mapping[str, Stage], groups: Sequence[int | None]
) -> list[JobSnapshot]:
    """The jobs as the first pass would read them."""
    whens = {when.value: when for when in When}
    return [
        JobSnapshot(
            id=id_,
            name=job.name,
            stage=stages[job.stage].position,
            status=Status.CREATED,
            when=whens[job.when],
            allow_failure=job.allow_failure,
            needs=None if job.needs is None else tuple([need.name for need in job.needs]),
            exclusive=group is not None,
        )
        for job, id_, group in zip(plan.jobs, ids, groups, strict=True)
    ]


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


_DEFINITION: Final = ("id", "pipeline_id", "content")


def _definitions(
    pipeline: Pipeline, plan: CompiledPipeline, of_jobs: list[int]
) -> Iterator[tuple[int, int, str]]:
    """Rows of the different definitions of a plan; equal jobs share one. of_jobs: gets the id of each job's own."""
    seen: dict[bytes, int] = {}
    pipeline_id = pipeline.pk
    for job in plan.jobs:
        content = orjson.dumps(_definition_content(job))
        id_ = seen.get(content)
        if id_ is None:
            id_ = seen[content] = in_pipeline(pipeline_id, len(seen) + 1)
            yield id_, pipeline_id, content.decode()
        of_jobs.append(id_)


def _definition_content(job: CompiledJob) -> dict[str, Any]:
    """What a job's definition keeps: what runners need, and what decides about the job once it has run."""
    content = job.definition()
    content["retry"] = {"max": job.retry_max, "when": job.retry_when, "exit_codes": job.retry_exit_codes}
    content["allow_failure_exit_codes"] = job.allow_failure_exit_codes
    content["manual_confirmation"] = job.manual_confirmation
    if job.trigger is not None:
        content["trigger"] = _trigger_content(job.trigger)
    if job.mirrors is not None:
        content["mirrors"] = job.mirrors
    if job.cross_needs:
        content["cross_needs"] = [
            {"project": need.project, "ref": need.ref, "job": need.job, "pipeline": need.pipeline}
            for need in job.cross_needs
            if need.artifacts
        ]
    if job.environment is not None:
        content["environment"] = environment_content(job.environment)
    return content


def _trigger_content(trigger: CompiledTrigger) -> dict[str, Any]:
    """What a trigger job's definition keeps of `trigger`."""
    return {
        "project": trigger.project,
        "branch": trigger.branch,
        "include": list(trigger.include),
        "strategy": trigger.strategy or "",
        "forward": {
            "yaml_variables": trigger.forward_yaml_variables,
            "pipeline_variables": trigger.forward_pipeline_variables,
        },
        "inputs": trigger.inputs,
    }


def _resource_groups(pipeline: Pipeline, plan: CompiledPipeline) -> list[int | None]:
    """The id of each job's resource group, made where it is missing."""
    names = {job.resource_group for job in plan.jobs if job.resource_group}
    groups = ensure_groups(pipeline.project_id, names)
    return [groups.get(job.resource_group or "") for job in plan.jobs]


_JOB: Final = (
    "id", "pipeline_id", "project_id", "stage_id", "definition_id", "name", "number", "kind", "status", "when",
    "scheduling_type", "allow_failure", "interruptible", "protected", "tags", "timeout", "start_in",
    "environment_name", "coverage_pattern", "user_id", "created_at", "updated_at", "resource_group_id",
)  # fmt: skip


def _jobs(
    pipeline: Pipeline,
    plan: CompiledPipeline,
    first: int,
    stages: Mapping[str, Stage],
    definitions: Sequence[int],
    groups: Sequence[int | None],
) -> Iterator[tuple[Any, ...]]:
    """The values of `_JOB` for each job; no model instances, since a plan may have thousands."""
    # Of what is the same in all rows nothing is asked for in each: a model's `pk` alone would take longer than the id.
    pipeline_id, project_id, user_id = pipeline.pk, pipeline.project_id, pipeline.user_id
    protected, now = pipeline.protected, clock.now().isoformat()
    tags = {wanted: array_text(wanted) for wanted in {job.tags for job in plan.jobs}}
    build, bridge, created = JobKind.BUILD.value, JobKind.BRIDGE.value, Status.CREATED.value
    stage_ids = {name: stage.pk for name, stage in stages.items()}
    by_stage, by_needs = SchedulingType.STAGE.value, SchedulingType.DAG.value
    planned = zip(plan.jobs, definitions, groups, strict=True)
    for number, (job, definition, group) in enumerate(planned, start=first):
        yield (
            in_pipeline(pipeline_id, number),
            pipeline_id,
            project_id,
            stage_ids[job.stage],
            definition,
            job.name,
            number,
            build if job.trigger is None and job.mirrors is None else bridge,
            created,
            job.when,
            by_stage if job.needs is None else by_needs,
            job.allow_failure,
            job.interruptible,
            protected,
            tags[job.tags],
            job.timeout,
            job.start_in,
            job.environment.name if job.environment else "",
            job.coverage or "",
            user_id,
            now,
            now,
            group,
        )


_NEED: Final = ("id", "pipeline_id", "job_id", "name", "optional", "artifacts")


def _needs(pipeline: Pipeline, plan: CompiledPipeline, ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    pipeline_id = pipeline.pk
    return (
        (on_job(id_, number), pipeline_id, id_, need.name, need.optional, need.artifacts)
        for job, id_ in zip(plan.jobs, ids, strict=True)
        for number, need in enumerate(job.needs or (), start=1)
    )


def _variables(pipeline: Pipeline, given: Sequence[GivenVariable]) -> list[PipelineVariable]:
    return [
        PipelineVariable(
            id=in_pipeline(pipeline.pk, number),
            pipeline_id=pipeline.pk,
            key=variable.key,
            value=variable.value,
            variable_type=variable.variable_type,
            raw=variable.raw,
        )
        for number, variable in enumerate(given, start=1)
    ]
