"""Owns the root fields that lead to jobs and stages by their ids."""

from __future__ import annotations

from typing import Annotated

import strawberry

from ci_core import models
from ci_core.access import access_job, access_stage
from ci_core.errors import NotFound
from ci_core.filters import JobFilter
from graphql_api import permissions
from graphql_api.context import Info
from graphql_api.fields import argument, rooted
from graphql_api.filters.filtering import filtered
from graphql_api.filters.jobs import listed_with
from graphql_api.node_ids import CiStageID, JobID
from graphql_api.pagination import (
    NEWEST_IN_PARTITIONS,
    After,
    Before,
    First,
    Last,
    Listing,
    Page,
    PageArguments,
)
from graphql_api.types import references as refs
from graphql_api.types.enums_ci import CiJobStatus
from graphql_api.types.enums_failures import CiJobFailureReason
from graphql_api.types.enums_things import CiRunnerType


def _job(info: Info, id: Annotated[JobID, argument("ID of the job.")]) -> models.Job | None:
    try:
        return access_job(id, info.context.principal)
    except NotFound:
        return None


def _stage(info: Info, id: Annotated[CiStageID, argument("ID of the stage.")]) -> models.Stage | None:
    try:
        return access_stage(id, info.context.principal)
    except NotFound:
        return None


def _jobs(
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    statuses: Annotated[list[CiJobStatus] | None, argument("Only jobs with one of these statuses.")] = None,
    runner_types: Annotated[
        list[CiRunnerType] | None, argument("Only jobs that a runner of one of these types took.")
    ] = None,
    failure_reason: Annotated[
        CiJobFailureReason | None, argument("Only jobs that failed for this reason.")
    ] = None,
) -> Page[models.Job]:
    everything = permissions.is_admin(info.context)
    rows = listed_with(statuses) if everything else models.Job.objects.none()
    found = filtered(
        JobFilter, rows, statuses=statuses, runner_types=runner_types, failure_reason=failure_reason
    )
    return Listing(found, PageArguments(after, before, first, last), NEWEST_IN_PARTITIONS).page()


@strawberry.type
class JobQueries:
    """Part of Query."""

    job = rooted(
        refs.JOB | None,
        _job,
        "Extension of Pipeyard: one job, of whatever project; null if there is none, or the caller may not see it.",
    )
    jobs = rooted(
        refs.JOBS, _jobs, "The jobs of all projects, newest first. Empty for all but administrators."
    )
    ci_pipeline_stage = rooted(
        refs.STAGE | None, _stage, "One stage; null if there is none, or the caller may not see it."
    )
