"""Owns the root fields that lead to jobs and stages by their ids."""

from __future__ import annotations

from typing import Annotated

import strawberry

from ci_core import models
from ci_core.access import access_job, access_stage
from ci_core.errors import NotFound
from graphql_api.context import Info
from graphql_api.fields import argument, rooted
from graphql_api.node_ids import CiStageID, JobID
from graphql_api.types import references as refs


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


@strawberry.type
class JobQueries:
    """Part of Query."""

    job = rooted(
        refs.JOB | None,
        _job,
        "Extension of Pipeyard: one job, of whatever project; null if there is none, or the caller may not see it.",
    )
    ci_pipeline_stage = rooted(
        refs.STAGE | None, _stage, "One stage; null if there is none, or the caller may not see it."
    )
