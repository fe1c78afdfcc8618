"""Owns pipelines."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from ci_core import clock, models
from ci_core.statuses import ACTIVE, COMPLETED, PipelineSource
from graphql_api.context import Info
from graphql_api.fields import argument, batched, leaf, told_by
from graphql_api.node_ids import GlobalIds
from graphql_api.scalars import Duration, Time
from graphql_api.types import downstream_relations, messages, moments, schedule_relations
from graphql_api.types import pipeline_relations as relations
from graphql_api.types import references as refs
from graphql_api.types.enums_ci import PipelineConfigSourceEnum, PipelineStatusEnum, ShaFormat
from graphql_api.types.explanations import Explanation
from graphql_api.types.interfaces import PipelineInterface
from graphql_api.types.moments import PipelineAtTime
from graphql_api.types.statuses import DetailedStatus


@strawberry.type(name="PipelinePermissions", description="What the caller may do with a pipeline.")
class PipelinePermissions:
    """Its parent is a pipeline_relations.Permissions."""

    update_pipeline = leaf(bool, "Run it again.", "operate")
    cancel_pipeline = leaf(bool, "Cancel it.", "operate")
    admin_pipeline = leaf(bool, "Administer it.", "administer")
    destroy_pipeline = leaf(bool, "Remove it.", "destroy")


def _sha(
    parents: list[models.Pipeline],
    info: Info,
    format: Annotated[ShaFormat | None, argument("In full (the default) or shortened.")] = None,
) -> list[str]:
    short = format is ShaFormat.SHORT
    return [row.sha[:8] if short else row.sha for row in parents]


def _queued_duration(row: models.Pipeline) -> float | None:
    if row.started_at is None:
        return None
    return max(0.0, (row.started_at - row.created_at).total_seconds())


def _duration(row: models.Pipeline) -> int | None:
    if row.duration is not None or row.started_at is None or row.status in COMPLETED:
        return row.duration
    return int((clock.now() - row.started_at).total_seconds())


def _yaml_errors(row: models.Pipeline) -> str | None:
    return "\n".join(messages.sentence(found) for found in row.config_errors) or None


def _none(row: Any) -> None:
    return None


def _false(row: Any) -> bool:
    return False


@strawberry.type(name="Pipeline", description="One run of a project's CI configuration at a commit.")
class Pipeline(PipelineInterface):
    """Its parent is a row of Pipeline."""

    id = leaf(strawberry.ID, "ID of the pipeline.", GlobalIds("Ci::Pipeline"))
    iid = leaf(str, "Number of the pipeline in its project.", lambda row: str(row.iid))
    name = leaf(str | None, "Name, from `workflow:name`.", lambda row: row.name or None)
    status = leaf(PipelineStatusEnum, "Status of the pipeline.")
    detailed_status = batched(DetailedStatus, relations.detailed_statuses, "Status as it is shown to people.")
    source = leaf(str | None, "What asked for it, such as `push`.")
    type = leaf(str, "`branch` or `tag`.", lambda row: "tag" if row.tag else "branch")
    config_source = leaf(
        PipelineConfigSourceEnum | None,
        "Where its configuration came from: always the repository.",
        lambda row: "repository_source",
    )

    active = leaf(bool, "Whether jobs wait for runners or run.", lambda row: row.status in ACTIVE)
    complete = leaf(bool, "Whether it is over.", lambda row: row.status in COMPLETED)
    cancelable = batched(
        bool, relations.fact(lambda found: found.cancelable > 0), "Whether it can be cancelled."
    )
    retryable = batched(
        bool,
        relations.fact(lambda found: found.retryable > 0),
        "Whether it has failed or cancelled jobs to run again.",
    )
    warnings = batched(
        bool, relations.fact(lambda found: found.warnings > 0), "Whether a job failed that is allowed to."
    )
    stuck = batched(bool, relations.stuck, "Whether a job waits while no runner that is online takes it.")
    latest = batched(bool, relations.latest, "Whether it is the newest pipeline of its branch or tag.")
    has_manual_actions = batched(
        bool, relations.fact(lambda found: found.manual > 0), "Whether jobs wait for somebody to start them."
    )
    has_scheduled_actions = batched(
        bool, relations.fact(lambda found: found.scheduled > 0), "Whether jobs wait for their timers."
    )
    uses_needs = batched(
        bool | None, relations.fact(lambda found: found.with_needs > 0), "Whether jobs have `needs`."
    )
    total_jobs = batched(int, relations.fact(lambda found: found.total), "How many jobs it has.")
    failed_jobs_count = batched(
        int | None, relations.fact(lambda found: found.failed), "How many of its jobs have failed."
    )
    user_permissions = batched(
        PipelinePermissions, relations.pipeline_permissions, "What the caller may do with it."
    )

    ref = leaf(str | None, "Branch or tag.")
    ref_path = batched(str | None, relations.ref_paths, "Path of its branch or tag.")
    ref_text = batched(str, relations.ref_texts, "What it ran for, as HTML with a link.")
    sha = batched(str | None, _sha, "Commit that it ran for.")
    before_sha = leaf(str | None, "Commit before that one.")
    commit = batched(
        refs.COMMIT | None, relations.commits, "The commit; null if the repository has it no more."
    )
    commit_path = batched(str | None, relations.commit_paths, "Path of its commit.")
    committed_at = batched(Time | None, relations.committed_at, "When its commit was made.")
    path = batched(str | None, relations.paths, "Path of its page.")

    created_at = leaf(Time, "When it was made.")
    updated_at = leaf(Time, "When it last changed.")
    started_at = leaf(Time | None, "When its first job began.")
    finished_at = leaf(Time | None, "When it ended.")
    duration = leaf(int | None, "Seconds that its jobs ran; while it runs, since it began.", _duration)
    queued_duration = leaf(Duration | None, "Seconds from its making to its first job.", _queued_duration)
    coverage = batched(
        float | None, relations.coverages, "Mean of what its jobs' logs tell of test coverage, percent."
    )
    compute_minutes = leaf(float | None, "Always null: compute time is not billed here.", _none)

    yaml_errors = leaf(bool, "Whether its configuration has errors.", lambda row: bool(row.config_errors))
    yaml_error_messages = leaf(str | None, "The errors of its configuration, one a line.", _yaml_errors)
    error_messages = batched(
        refs.PIPELINE_MESSAGES, relations.diagnostics("error"), "The errors of its configuration."
    )
    warning_messages = batched(
        refs.PIPELINE_MESSAGES, relations.diagnostics("warning"), "The warnings of its configuration."
    )
    config_explanation = batched(
        Explanation | None,
        relations.explanations,
        "Extension of Pipeyard: why each job of the configuration is in it or not; null for those who may not run "
        "pipelines here.",
    )
    failure_reason = leaf(
        str | None, "Why it failed, if no job did: `config_error`.", lambda row: row.failure_reason or None
    )

    project = batched(refs.PROJECT | None, relations.projects, "Its project.")
    user = batched(refs.USER | None, relations.users, "Who started it.")
    pipeline_schedule = batched(
        refs.SCHEDULE | None,
        schedule_relations.of_pipelines,
        "The schedule that created it; null for other pipelines, and when the record of the run is gone.",
    )
    stages = batched(refs.STAGES, relations.stages, "Its stages, in their order. All of them by default.")
    jobs = batched(
        refs.JOBS, relations.jobs, "Its jobs, as the configuration lists them; retried ones included."
    )
    job = batched(refs.JOB | None, relations.job, "One of its jobs, by id or name.")
    job_artifacts = batched(list[refs.ARTIFACT] | None, relations.artifacts, "The artifacts of all its jobs.")
    at = batched(
        PipelineAtTime | None,
        moments.of_pipelines,
        "Extension of Pipeyard: as it was at a time, with its stages and jobs; null before it was made.",
    )
    manual_variables = batched(
        refs.MANUAL_VARIABLES,
        relations.manual_variables,
        "The variables it was given; null for those who may not run pipelines here.",
    )

    trigger = leaf(
        bool, "Whether a trigger token created it.", lambda row: row.source == PipelineSource.TRIGGER
    )
    triggered_by_path = batched(
        str | None,
        downstream_relations.upstream_paths,
        "Path of the page of its upstream pipeline; null where there is none that the caller may see.",
    )
    child = leaf(
        bool,
        "Whether a trigger job of the same project created it, from files that it includes.",
        downstream_relations.is_child,
    )
    upstream = batched(
        refs.PIPELINE | None,
        downstream_relations.upstreams,
        "The pipeline a job of which created it; null where there is none that the caller may see.",
    )
    downstream = batched(
        refs.PIPELINES,
        downstream_relations.downstreams,
        "The pipelines that its jobs created, as far as the caller may see them. All of them by default, those of jobs "
        "that were retried included.",
    )
    source_job = batched(
        refs.JOB | None,
        downstream_relations.source_jobs,
        "The job that created it, by `trigger` or with its job token; null where there is none that the caller may "
        "see.",
    )
    troubleshoot_job_with_ai = leaf(bool, "Always false: there is no such assistant here.", _false)

    is_type_of = told_by(models.Pipeline)  # tells it from what else its interface stands for
