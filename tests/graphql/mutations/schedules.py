"""Schedules that the tests of their mutations start from, and callers who may only do some of it."""

from __future__ import annotations

from typing import Any

from ci_core.actions.schedules import create_schedule
from ci_core.models import (
    Pipeline,
    PipelineSchedule,
    PipelineScheduleVariable,
    Project,
    ScheduleRun,
    User,
)
from graphql_api.errors import UNAVAILABLE_MESSAGE
from tests.factories import member, project_with
from tests.support.graphql_client import GraphQLClient


def shop() -> Project:
    """A public project with one job."""
    return project_with("build: {script: x}", visibility="public", full_path="group/shop")


def schedule(project: Project, owner: User | None = None, **fields: Any) -> PipelineSchedule:
    """A schedule that runs every night."""
    given = {"description": "nightly", "ref": "main", "cron": "0 3 * * *", **fields}
    return create_schedule(project, acting_user=owner or member(project), **given)


def gid(made: PipelineSchedule) -> str:
    """Its global id."""
    return f"gid://gitlab/Ci::PipelineSchedule/{made.pk}"


def state() -> list[Any]:
    """Everything that the mutations could change."""
    return [
        list(rows.objects.order_by("pk").values())
        for rows in (PipelineSchedule, PipelineScheduleVariable, ScheduleRun, Pipeline)
    ]


def assert_refused(client: GraphQLClient, document: str, input_: dict[str, Any], reason: str) -> None:
    """The caller, who sees the schedule, is told why, and nothing has changed."""
    before = state()
    (error,) = client.execute(document, input=input_)["errors"]
    assert error["message"] == UNAVAILABLE_MESSAGE
    assert error["extensions"]["reason"] == reason
    assert state() == before
