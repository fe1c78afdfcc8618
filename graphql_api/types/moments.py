"""Owns pipelines as they were at some time, an extension: the event log read backwards."""

from __future__ import annotations

from typing import Annotated

import strawberry

from ci_core import models
from graphql_api.context import Info
from graphql_api.fields import argument, batched, leaf
from graphql_api.loaders import history
from graphql_api.loaders.history import JobThen, Moment, StageThen
from graphql_api.pagination import After, Before, First, Last, Page, PageArguments, whole
from graphql_api.scalars import Time
from graphql_api.types import references as refs
from graphql_api.types.enums_ci import CiJobStatus, PipelineStatusEnum


def of_pipelines(
    parents: list[models.Pipeline], info: Info, time: Annotated[Time, argument("The time that is meant.")]
) -> list[Moment | None]:
    """Each pipeline as it was at a time."""
    found = history.moments((row.pk for row in parents), time)
    return [found.get(row.pk) for row in parents]


def _stages(
    parents: list[Moment],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[StageThen]]:
    arguments = PageArguments(after, before, first, last)
    return [
        whole(found, arguments, lambda then: (then.stage.position,))
        for found in history.stages(info.context, parents)
    ]


def _jobs(
    parents: list[Moment],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[JobThen]]:
    arguments = PageArguments(after, before, first, last)
    found = history.jobs(info.context, parents)
    return [whole(jobs, arguments, lambda then: (then.job.number, then.job.pk)) for jobs in found]


@strawberry.type(name="CiStageAtTime", description="Extension of Pipeyard: a stage as it was at a time.")
class StageAtTime:
    """Its parent is a StageThen."""

    status = leaf(str | None, "Status that it had, such as `success`.")
    stage = leaf(refs.STAGE | None, "The stage as it is now.")


@strawberry.type(name="CiJobAtTime", description="Extension of Pipeyard: a job as it was at a time.")
class JobAtTime:
    """Its parent is a JobThen."""

    status = leaf(CiJobStatus | None, "Status that it had.")
    job = leaf(refs.JOB | None, "The job as it is now.")


@strawberry.type(name="PipelineAtTime", description="Extension of Pipeyard: a pipeline as it was at a time.")
class PipelineAtTime:
    """Its parent is a Moment."""

    time = leaf(Time, "The time that is meant.")
    status = leaf(PipelineStatusEnum, "Status that it had.")
    stages = batched(refs.STAGES_AT_TIME, _stages, "Its stages, in their order. All of them by default.")
    jobs = batched(
        refs.JOBS_AT_TIME,
        _jobs,
        "The jobs that it had, as the configuration lists them; of one that was retried by then the newest copy. "
        "All of them by default.",
    )
