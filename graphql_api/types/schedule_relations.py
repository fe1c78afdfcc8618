"""Owns the lists of pipeline schedules, what they refer to, and what the caller may do with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import strawberry

from ci_core import access, models
from ci_core.statuses import PipelineSource
from graphql_api import links, permissions
from graphql_api.context import Info
from graphql_api.fields import argument
from graphql_api.loaders import rows
from graphql_api.loaders import schedules as loader
from graphql_api.node_ids import number, parse
from graphql_api.pagination import (
    NEWEST_FIRST,
    After,
    Before,
    First,
    Keyset,
    Last,
    Listing,
    Page,
    PageArguments,
    whole,
)
from graphql_api.types.enums_schedules import PipelineScheduleSort, PipelineScheduleStatus

MODEL = "Ci::PipelineSchedule"


def _keyset(sort: PipelineScheduleSort) -> Keyset:
    column, _, direction = str(sort.value).rpartition("_")
    return Keyset((column,) if column == "id" else (column, "id"), direction == "desc")


def of_projects(
    parents: list[models.Project],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    ids: Annotated[
        list[strawberry.ID] | None, argument("Only these; global IDs and plain numbers are taken.")
    ] = None,
    sort: Annotated[PipelineScheduleSort | None, argument("Order; newest first by default.")] = None,
    status: Annotated[PipelineScheduleStatus | None, argument("Only those with this status.")] = None,
) -> list[Page[models.PipelineSchedule]]:
    """The schedules of each project."""
    found = models.PipelineSchedule.objects.all()
    if ids is not None:
        found = found.filter(pk__in=[number(id_) or parse(id_, MODEL) for id_ in ids])
    if status is not None:
        found = found.filter(active=status is PipelineScheduleStatus.ACTIVE)
    keyset = _keyset(sort or PipelineScheduleSort.ID_DESC)
    listing = Listing(found, PageArguments(after, before, first, last), keyset, ("project_id",))
    return [listing.page(row.pk) for row in parents]


def of_pipelines(parents: list[models.Pipeline], info: Info) -> list[models.PipelineSchedule | None]:
    """The schedule that created each pipeline."""
    scheduled = [row.pk for row in parents if row.source == PipelineSource.SCHEDULE]
    by_pipeline = loader.of_pipelines(scheduled) if scheduled else {}
    found = rows.schedules(info.context, by_pipeline.values())
    return [found.get(by_pipeline[row.pk]) if row.pk in by_pipeline else None for row in parents]


def projects(parents: list[models.PipelineSchedule], info: Info) -> list[models.Project]:
    """The project of each schedule."""
    return rows.projects_of(info.context, parents)


def owners(parents: list[models.PipelineSchedule], info: Info) -> list[models.User | None]:
    """The owner of each schedule."""
    return rows.of_each(parents, rows.users(info.context, (row.owner_id for row in parents)), "owner_id")


def last_pipelines(parents: list[models.PipelineSchedule], info: Info) -> list[models.Pipeline | None]:
    """The newest pipeline of each schedule."""
    found = rows.pipelines(info.context, (row.last_pipeline_id for row in parents))
    return rows.of_each(parents, found, "last_pipeline_id")


def edit_paths(parents: list[models.PipelineSchedule], info: Info) -> list[str]:
    """The page on which each schedule is changed."""
    return [
        links.schedule(project, row.pk) for row, project in zip(parents, projects(parents, info), strict=True)
    ]


def ref_paths(parents: list[models.PipelineSchedule], info: Info) -> list[str]:
    """The page of each schedule's branch or tag."""
    found = zip(parents, projects(parents, info), strict=True)
    return [links.ref(project, row.ref_for_display) for row, project in found]


@dataclass(frozen=True, slots=True)
class Input:
    """An input's value that a schedule gives."""

    name: str
    value: Any


def inputs(
    parents: list[models.PipelineSchedule],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[Input] | None]:
    """The inputs of each schedule by name, for those who may see its variables."""
    arguments = PageArguments(after, before, first, last)
    allowed = _readers(parents, info)
    return [
        whole(
            [Input(name, value) for name, value in sorted(row.inputs.items())],
            arguments,
            lambda given: (given.name,),
        )
        if row.pk in allowed
        else None
        for row in parents
    ]


def variables(
    parents: list[models.PipelineSchedule],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[models.PipelineScheduleVariable] | None]:
    """The variables of each schedule, for those who may see them."""
    arguments = PageArguments(after, before, first, last)
    allowed = _readers(parents, info)
    found = loader.variables(allowed)
    return [
        whole(found.get(row.pk, ()), arguments, lambda variable: (variable.pk,))
        if row.pk in allowed
        else None
        for row in parents
    ]


def _readers(parents: list[models.PipelineSchedule], info: Info) -> set[int]:
    """Ids of those of the schedules whose variables the caller may see."""
    principal = info.context.principal
    permissions.load_levels(info.context, (row.project_id for row in parents))
    return {row.pk for row in parents if access.may_read_schedule_variables(row, principal)}


def abilities(parents: list[models.PipelineSchedule], info: Info) -> list[frozenset[str]]:
    """What the caller may do with each schedule."""
    permissions.load_levels(info.context, (row.project_id for row in parents))
    return [access.schedule_abilities(row, info.context.principal) for row in parents]


def runs(
    parents: list[models.PipelineSchedule],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[models.ScheduleRun]]:
    """The runs of each schedule on record."""
    arguments = PageArguments(after, before, first, last)
    listing = Listing(models.ScheduleRun.objects.all(), arguments, NEWEST_FIRST, ("schedule_id",))
    return [listing.page(row.pk) for row in parents]


def run_users(parents: list[models.ScheduleRun], info: Info) -> list[models.User | None]:
    """Whose rights each run had."""
    return rows.of_each(parents, rows.users(info.context, (row.user_id for row in parents)), "user_id")


def run_pipelines(parents: list[models.ScheduleRun], info: Info) -> list[models.Pipeline | None]:
    """The pipeline of each run."""
    found = rows.pipelines(info.context, (row.pipeline_id for row in parents))
    return rows.of_each(parents, found, "pipeline_id")
