"""Owns the subscriptions to one pipeline and to one job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import strawberry

from ci_core import models
from ci_core.access import access_job, access_pipeline
from ci_core.models import EventKind
from ci_core.models.ids import pipeline_of
from graphql_api.context import Info
from graphql_api.fields import argument
from graphql_api.node_ids import CiBuildID, CiPipelineID
from graphql_api.subscriptions.source import updates
from graphql_api.types import references as refs


async def _pipeline(
    info: Info, pipeline_id: Annotated[CiPipelineID, argument("ID of the pipeline.")]
) -> AsyncIterator[models.Pipeline]:
    context = info.context
    return await updates(
        context,
        pipeline_id,
        lambda: access_pipeline(pipeline_id, context.principal),
        lambda events: True,
    )


async def _job(
    info: Info, job_id: Annotated[CiBuildID, argument("ID of the job.")]
) -> AsyncIterator[models.Job]:
    context = info.context
    return await updates(
        context,
        pipeline_of(job_id),
        lambda: access_job(job_id, context.principal),
        lambda events: any(event.kind == EventKind.JOB and event.subject_id == job_id for event in events),
    )


def _subscription(type_: Any, function: Any, description: str) -> Any:
    return strawberry.subscription(resolver=function, graphql_type=type_ | None, description=description)


@strawberry.type(description="What can be followed, over the WebSocket protocol graphql-transport-ws.")
class Subscription:
    """The root of subscriptions."""

    ci_pipeline_status_updated = _subscription(
        refs.PIPELINE,
        _pipeline,
        "The pipeline, each time that its status, or the status of a stage or job of it, has changed.",
    )
    ci_job_status_updated = _subscription(refs.JOB, _job, "The job, each time that its status has changed.")
