"""Owns the interfaces of pipelines and jobs: what their types have under the same names in GitLab's schema."""

from __future__ import annotations

import strawberry

from graphql_api.fields import leaf
from graphql_api.node_ids import JobID
from graphql_api.scalars import Duration, Time
from graphql_api.types import references as refs
from graphql_api.types.enums_ci import CiJobKind, CiJobStatus
from graphql_api.types.job_relations import CiJobTrace, JobPermissions
from graphql_api.types.statuses import DetailedStatus


@strawberry.interface(name="PipelineInterface", description="What pipelines have.")
class PipelineInterface:
    """Fields without a reader: the type that implements them reads them."""

    id = leaf(strawberry.ID | None, "ID of the pipeline.")
    iid = leaf(str | None, "Number of the pipeline in its project.")
    path = leaf(str | None, "Path of its page.")
    project = leaf(refs.PROJECT | None, "Its project.")
    user = leaf(refs.USER | None, "Who started it.")
    commit = leaf(refs.COMMIT | None, "The commit that it ran for.")


@strawberry.interface(name="JobInterface", description="What jobs have.")
class JobInterface:
    """Fields without a reader: the type that implements them reads them."""

    id = leaf(JobID | None, "ID of the job.")
    name = leaf(str | None, "Name of the job.")
    kind = leaf(CiJobKind | None, "Whether a runner executes it, or it starts another pipeline.")
    status = leaf(CiJobStatus | None, "Status of the job.")
    detailed_status = leaf(DetailedStatus | None, "Status as it is shown to people.")
    active = leaf(bool | None, "Whether it waits for a runner or runs.")
    allow_failure = leaf(bool | None, "Whether the pipeline goes on when it fails.")
    cancelable = leaf(bool | None, "Whether it can be cancelled.")
    can_play_job = leaf(bool | None, "Whether the caller can start it by hand.")
    playable = leaf(bool | None, "Whether it can be started by hand.")
    retryable = leaf(bool | None, "Whether it can be run again.")
    retried = leaf(bool | None, "Whether it was run again.")
    manual_job = leaf(bool | None, "Whether it has `when: manual`.")
    scheduled = leaf(bool | None, "Whether it waits for its timer.")
    scheduling_type = leaf(str | None, "`dag` if it has `needs`, otherwise `stage`.")
    stuck = leaf(bool | None, "Whether it waits while no runner that is online takes it.")
    triggered = leaf(bool | None, "Whether a trigger token created its pipeline.")
    tags = leaf(list[str] | None, "Tags that a runner must have.")
    user_permissions = leaf(JobPermissions | None, "What the caller may do with it.")
    created_at = leaf(Time | None, "When it was made.")
    created_by_tag = leaf(bool | None, "Whether its ref is a tag.")
    scheduled_at = leaf(Time | None, "When its timer runs out.")
    queued_at = leaf(Time | None, "When it began to wait for a runner.")
    started_at = leaf(Time | None, "When a runner began with it.")
    finished_at = leaf(Time | None, "When it ended.")
    erased_at = leaf(Time | None, "When its log and artifacts were removed.")
    duration = leaf(int | None, "Seconds that it ran, so far.")
    queued_duration = leaf(Duration | None, "Seconds that it waited for a runner, so far.")
    exit_code = leaf(int | None, "What its script ended with.")
    failure_message = leaf(str | None, "Why it failed, in words.")
    coverage = leaf(float | None, "Share of the code that its tests run through, percent.")
    trace = leaf(CiJobTrace | None, "Its log; null while there is none.")
    project = leaf(refs.PROJECT | None, "Its project.")
    stage = leaf(refs.STAGE | None, "Its stage.")
    runner = leaf(refs.RUNNER | None, "The runner that took it.")
    ref_name = leaf(str | None, "Its branch or tag.")
    ref_path = leaf(str | None, "Path of its branch or tag.")
    short_sha = leaf(str | None, "First characters of its commit.")
    source = leaf(str | None, "What asked for its pipeline.")
    commit_path = leaf(str | None, "Path of its commit.")
    web_path = leaf(str | None, "Path of its page.")
    play_path = leaf(str | None, "Path that starts it.")
    retry_path = leaf(str | None, "Path that runs it again.")
    browse_artifacts_path = leaf(str | None, "Path where its artifacts are shown.")


@strawberry.interface(
    name="CiJobInterface", description="The same as JobInterface: GitLab calls it by both names."
)
class CiJobInterface(JobInterface):
    """Nothing of its own."""
