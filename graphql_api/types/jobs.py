"""Owns jobs."""

from __future__ import annotations

import strawberry

from ci_core import clock, models
from ci_core.statuses import ACTIVE, PipelineSource, Status
from graphql_api.detailed_status import is_cancelable, is_playable, is_retryable
from graphql_api.fields import batched, leaf, told_by
from graphql_api.node_ids import JobID, job_id
from graphql_api.scalars import Duration, Time
from graphql_api.types import downstream_relations, job_inputs, job_variables
from graphql_api.types import job_relations as relations
from graphql_api.types import references as refs
from graphql_api.types.enums_ci import CiJobKind, CiJobStatus
from graphql_api.types.interfaces import CiJobInterface
from graphql_api.types.job_relations import CiJobTrace, JobPermissions
from graphql_api.types.statuses import DetailedStatus
from graphql_api.types.waiting import WaitingReason


def _duration(row: models.Job) -> int | None:
    if row.started_at is None:
        return None
    return int(((row.finished_at or clock.now()) - row.started_at).total_seconds())


def _queued_duration(row: models.Job) -> float | None:
    if row.queued_at is None:
        return None
    return ((row.started_at or row.finished_at or clock.now()) - row.queued_at).total_seconds()


@strawberry.type(name="CiJob", description="A job of a pipeline. A retry is a job of its own.")
class Job(CiJobInterface):
    """Its parent is a row of Job."""

    id = leaf(JobID | None, "ID of the job.", job_id)
    name = leaf(str | None, "Name of the job.")
    kind = leaf(CiJobKind, "Whether a runner executes it, or it starts another pipeline.")
    status = leaf(CiJobStatus | None, "Status of the job.")
    detailed_status = batched(
        DetailedStatus | None, relations.detailed_statuses, "Status as it is shown to people."
    )

    active = leaf(bool, "Whether it waits for a runner or runs.", lambda row: row.status in ACTIVE)
    allow_failure = leaf(bool, "Whether the pipeline goes on when it fails.")
    cancelable = leaf(bool, "Whether it can be cancelled.", is_cancelable)
    playable = leaf(bool, "Whether it can be started by hand.", is_playable)
    retryable = leaf(bool, "Whether it can be run again.", is_retryable)
    retried = leaf(bool | None, "Whether it was run again; the newer job counts then.")
    manual_job = leaf(bool | None, "Whether it has `when: manual`.", lambda row: row.when == "manual")
    scheduled = leaf(bool, "Whether it waits for its timer.", lambda row: row.status == Status.SCHEDULED)
    scheduling_type = leaf(str | None, "`dag` if it has `needs`, otherwise `stage`.")
    stuck = batched(bool, relations.stuck, "Whether it waits while no runner that is online takes it.")
    waiting_reason = batched(
        WaitingReason | None,
        relations.waiting_reasons,
        "Extension of Pipeyard: why it waits; null if it does not.",
    )
    triggered = batched(
        bool | None,
        relations.of_pipeline(lambda row: row.source == PipelineSource.TRIGGER),
        "Whether a trigger token created its pipeline.",
    )
    tags = leaf(list[str] | None, "Tags that a runner must have.")
    can_play_job = batched(bool, relations.can_play, "Whether the caller can start it by hand.")
    user_permissions = batched(JobPermissions, relations.job_permissions, "What the caller may do with it.")

    created_at = leaf(Time, "When it was made.")
    scheduled_at = leaf(Time | None, "When its timer runs out.")
    queued_at = leaf(Time | None, "When it began to wait for a runner.")
    started_at = leaf(Time | None, "When a runner began with it.")
    finished_at = leaf(Time | None, "When it ended.")
    erased_at = leaf(Time | None, "When its log and artifacts were removed; null if they were not.")
    duration = leaf(int | None, "Seconds that it ran, so far.", _duration)
    queued_duration = leaf(Duration | None, "Seconds that it waited for a runner, so far.", _queued_duration)

    exit_code = leaf(int | None, "What its script ended with.")
    failure_message = batched(str | None, downstream_relations.failure_messages, "Why it failed, in words.")
    coverage = leaf(
        float | None,
        "Test coverage as its log told it, percent; null without `coverage`, or if it was not found.",
    )
    trace = batched(CiJobTrace | None, relations.traces, "Its log; null while there is none.")
    artifacts = batched(refs.ARTIFACTS, relations.artifacts, "Files it left. All of them by default.")
    manual_variables = batched(
        refs.JOB_VARIABLES,
        job_variables.of_jobs,
        "The variables that whoever started or retried it gave; null for those who may not run pipelines here.",
    )
    inputs = leaf(
        list[refs.INPUT] | None,
        "The values that whoever started or retried it gave for its inputs; the others have their defaults.",
        job_inputs.given,
    )
    inputs_spec = batched(
        list[refs.INPUT_SPEC] | None,
        job_inputs.declared,
        "The inputs that it declares; values for them can be given when it is started or retried.",
    )
    environment = batched(
        refs.ENVIRONMENT | None,
        relations.environments,
        "Extension of Pipeyard: the environment that it deploys to or acts on.",
    )

    project = batched(refs.PROJECT | None, relations.projects, "Its project.")
    pipeline = batched(refs.PIPELINE | None, relations.pipelines, "Its pipeline.")
    stage = batched(refs.STAGE | None, relations.stages, "Its stage.")
    needs = batched(refs.NEEDS, relations.needs, "What its `needs` name. All of them by default.")
    previous_stage_jobs = batched(
        refs.JOBS, relations.previous_stage_jobs, "The jobs of the stage before. All of them by default."
    )
    previous_stage_jobs_or_needs = batched(
        refs.JOB_NEEDS,
        relations.previous_stage_jobs_or_needs,
        "What it waits for: its needs if it has `needs`, otherwise the jobs of the stage before.",
        deprecated="Use previousStageJobs and needs.",
    )
    downstream_pipeline = batched(
        refs.PIPELINE | None,
        downstream_relations.of_jobs,
        "The pipeline that it created, of a trigger job; null until then, and where the caller may not see it.",
    )
    runner = batched(
        refs.RUNNER | None,
        relations.runners,
        "The runner that took it; null where the caller may not see it.",
    )
    runner_manager = batched(
        refs.RUNNER_MANAGER | None,
        relations.runner_managers,
        "The machine that took it; null where the caller may not see its runner.",
    )

    ref_name = batched(str | None, relations.of_pipeline(lambda row: row.ref), "Its branch or tag.")
    short_sha = batched(
        str, relations.of_pipeline(lambda row: row.sha[:8]), "First characters of its commit."
    )
    created_by_tag = batched(bool, relations.of_pipeline(lambda row: row.tag), "Whether its ref is a tag.")
    source = batched(
        str | None, relations.of_pipeline(lambda row: row.source), "What asked for its pipeline."
    )
    ref_path = batched(str | None, relations.ref_paths, "Path of its branch or tag.")
    commit_path = batched(str | None, relations.commit_paths, "Path of its commit.")
    web_path = batched(str | None, relations.path(""), "Path of its page.")
    play_path = batched(str | None, relations.path("play"), "Path that starts it.")
    retry_path = batched(
        str | None, relations.retry_paths, "Path that runs it again; null if it cannot be run again."
    )
    browse_artifacts_path = batched(str | None, relations.browse_paths, "Path where its artifacts are shown.")

    is_type_of = told_by(models.Job)  # tells them apart in JobNeedUnion
