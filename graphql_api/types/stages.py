"""Owns stages of pipelines and the groups of jobs in them."""

from __future__ import annotations

from typing import Any

import strawberry

from ci_core import models
from graphql_api import detailed_status, job_groups, permissions
from graphql_api.context import Info
from graphql_api.fields import batched, leaf
from graphql_api.job_groups import Group as GroupRow
from graphql_api.loaders import facts, jobs, rows
from graphql_api.node_ids import GlobalIds
from graphql_api.pagination import After, Before, First, Last, Page, PageArguments, whole, whole_of_each
from graphql_api.types import references as refs
from graphql_api.types.statuses import DetailedStatus


def job_order(job: models.Job) -> tuple[int, int]:
    """The key that orders jobs as the configuration does."""
    return (job.number, job.id)


def _group_order(group: GroupRow) -> tuple[int, int]:
    return job_order(group.jobs[0])


def _groups(
    parents: list[models.Stage],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[GroupRow]]:
    arguments = PageArguments(after, before, first, last)
    found = jobs.latest_by_stage(info.context, (stage.pk for stage in parents))
    return [
        whole(job_groups.groups_of(stage, found[stage.pk] or ()), arguments, _group_order)
        for stage in parents
    ]


def _jobs_of_stage(
    parents: list[models.Stage],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[models.Job]]:
    arguments = PageArguments(after, before, first, last)
    ids = [stage.id for stage in parents]
    return whole_of_each(map(jobs.latest_by_stage(info.context, ids).get, ids), arguments, job_order)


def _stage_status(parents: list[models.Stage], info: Info) -> list[Any]:
    pipelines = rows.pipelines_of(info.context, parents)
    projects = rows.projects_of(info.context, pipelines)
    warned = facts.stages_with_warnings(info.context, parents)
    return [
        detailed_status.of_stage(stage, project, stage.pk in warned)
        for stage, project in zip(parents, projects, strict=True)
    ]


@strawberry.type(name="CiStage", description="A stage of a pipeline.")
class Stage:
    """Its parent is a row of Stage."""

    id = leaf(strawberry.ID, "ID of the stage.", GlobalIds("Ci::Stage"))
    name = leaf(str | None, "Name of the stage.")
    status = leaf(str | None, "Status of its jobs together, such as `success`.")
    detailed_status = batched(DetailedStatus | None, _stage_status, "Status as it is shown to people.")
    groups = batched(
        refs.GROUPS, _groups, "Its jobs, those that `parallel` made of one together. All of them by default."
    )
    jobs = batched(refs.JOBS, _jobs_of_stage, "Its jobs without retried ones. All of them by default.")


def _jobs_of_group(
    parents: list[GroupRow],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[models.Job]]:
    arguments = PageArguments(after, before, first, last)
    return [whole(group.jobs, arguments, job_order) for group in parents]


def _group_status(parents: list[GroupRow], info: Info) -> list[Any]:
    first_jobs = [group.jobs[0] for group in parents]
    projects = rows.projects_of(info.context, first_jobs)
    permissions.load_levels(info.context, (project.pk for project in projects))
    return [
        detailed_status.of_job(
            group.jobs[0], project, permissions.allows(info.context, project.pk, permissions.OPERATE)
        )
        if len(group.jobs) == 1
        else detailed_status.of_group(
            f"{group.stage.pk}-{group.name}", group.status, group.warnings, group.stage.pipeline_id, project
        )
        for group, project in zip(parents, projects, strict=True)
    ]


@strawberry.type(
    name="CiGroup", description="Jobs of a stage that go by one name, such as the copies made by `parallel`."
)
class Group:
    """Its parent is a job_groups.Group."""

    id = leaf(str, "ID of the group.")
    name = leaf(str | None, "Name of the jobs without what tells them apart, such as ` 1/3`.")
    size = leaf(int | None, "How many jobs there are.")
    detailed_status = batched(
        DetailedStatus | None, _group_status, "Status as it is shown to people; that of the job if it is one."
    )
    jobs = batched(refs.JOBS, _jobs_of_group, "The jobs. All of them by default.")
