"""Owns the fields of Subscription."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import strawberry

from ci_core import models
from ci_core.access import access_job, access_pipeline, access_project_by_id, access_stage
from graphql_api.context import Info
from graphql_api.fields import argument, refuse_nul
from graphql_api.node_ids import CiBuildID, CiPipelineID, CiStageID, ProjectID
from graphql_api.subscriptions.source import follow
from graphql_api.subscriptions.topics import (
    JobsTopic,
    JobTopic,
    PipelinesTopic,
    PipelineTopic,
    SchedulesTopic,
    StageTopic,
)
from graphql_api.types import references as refs


async def _pipeline(
    info: Info, pipeline_id: Annotated[CiPipelineID, argument("ID of the pipeline.")]
) -> AsyncIterator[models.Pipeline]:
    principal = info.context.principal
    return await follow(
        info.context, PipelineTopic(pipeline_id), lambda: access_pipeline(pipeline_id, principal)
    )


async def _job(
    info: Info, job_id: Annotated[CiBuildID, argument("ID of the job.")]
) -> AsyncIterator[models.Job]:
    principal = info.context.principal
    return await follow(info.context, JobTopic.of(job_id), lambda: access_job(job_id, principal))


async def _stage(
    info: Info, stage_id: Annotated[CiStageID, argument("ID of the stage.")]
) -> AsyncIterator[models.Job]:
    principal = info.context.principal
    return await follow(info.context, StageTopic.of(stage_id), lambda: access_stage(stage_id, principal))


async def _pipelines(
    info: Info,
    project_id: Annotated[ProjectID, argument("ID of the project.")],
    sha: Annotated[str | None, argument("Only pipelines of this commit, by its full id.")] = None,
) -> AsyncIterator[models.Pipeline]:
    refuse_nul(sha)
    return await _in_project(info, PipelinesTopic(project_id, sha))


async def _jobs(
    info: Info,
    project_id: Annotated[ProjectID, argument("ID of the project.")],
    with_artifacts: Annotated[bool | None, argument("Only jobs that have artifacts.")] = False,
) -> AsyncIterator[models.Job]:
    return await _in_project(info, JobsTopic(project_id, bool(with_artifacts)))


async def _schedules(
    info: Info, project_id: Annotated[ProjectID, argument("ID of the project.")]
) -> AsyncIterator[models.PipelineSchedule]:
    return await _in_project(info, SchedulesTopic(project_id))


async def _in_project(info: Info, topic: PipelinesTopic | JobsTopic | SchedulesTopic) -> AsyncIterator[Any]:
    principal = info.context.principal
    return await follow(info.context, topic, lambda: access_project_by_id(topic.project_id, principal))


def _subscription(type_: Any, function: Any, description: str) -> Any:
    return strawberry.subscription(resolver=function, graphql_type=type_ | None, description=description)


@strawberry.type(
    description="What can be followed, over the WebSocket protocol graphql-transport-ws. Each result is the object as "
    "it is then; changes within a few milliseconds are told as one."
)
class Subscription:
    """The root of subscriptions."""

    ci_pipeline_status_updated = _subscription(
        refs.PIPELINE,
        _pipeline,
        "The pipeline, each time that its status, or the status of a stage or job of it, has changed.",
    )
    ci_pipeline_statuses_updated = _subscription(
        refs.PIPELINE,
        _pipelines,
        "A pipeline of the project, each time that one was created, or its status, or the status of a stage or job of "
        "it, has changed.",
    )
    ci_job_status_updated = _subscription(refs.JOB, _job, "The job, each time that its status has changed.")
    ci_job_processed = _subscription(
        refs.JOB, _jobs, "A job of the project, each time that one was created or its status has changed."
    )
    ci_stage_updated = _subscription(
        refs.JOB,
        _stage,
        "A job of the stage, each time that one was added (by a retry) or its status has changed.",
    )
    ci_pipeline_schedule_status_updated = _subscription(
        refs.SCHEDULE,
        _schedules,
        "A schedule of the project, each time that the status of its newest pipeline has changed, or that it was made, "
        "changed, run or switched off.",
    )
