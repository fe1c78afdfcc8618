"""Owns what runners and their machines refer to, and what is computed from it."""

from __future__ import annotations

from typing import Annotated, Any, Final

from django.db.models import F, QuerySet
from django.utils.html import escape, linebreaks

from ci_core import models
from ci_core.filters import JobFilter, ProjectFilter
from ci_core.models import RunnerType
from ci_core.runner_access import RunnerRights, assigned_projects
from ci_core.waiting import Queue
from graphql_api import links, permissions
from graphql_api.batching import BatchFunction
from graphql_api.context import Context, Info
from graphql_api.fields import argument
from graphql_api.filters.filtering import filtered
from graphql_api.lateral import count_per_parent
from graphql_api.loaders import rows, runners
from graphql_api.loaders.runner_rights import rights
from graphql_api.pagination import After, Before, First, Last, Listing, Page, PageArguments, whole
from graphql_api.types.enums_ci import CiJobStatus
from graphql_api.types.enums_things import CiRunnerStatus
from graphql_api.types.project_orders import keyset_of

#: How far jobs of a runner are counted. Source: GitLab, CiRunner.jobCount.
JOB_COUNT_LIMIT: Final = 1000

Statuses = Annotated[list[CiJobStatus] | None, argument("Only jobs with one of these statuses.")]


def execution_status(parents: list[models.Runner], info: Info) -> list[str]:
    """Whether each runner runs a job."""
    busy = runners.busy(row.pk for row in parents)
    return ["active" if row.pk in busy else "idle" for row in parents]


def managers(
    parents: list[models.Runner],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    status: Annotated[CiRunnerStatus | None, argument("Only machines with this status.")] = None,
    system_id: Annotated[str | None, argument("Only the machine with this system id.")] = None,
) -> list[Page[models.RunnerManager]]:
    """The machines of each runner."""
    arguments = PageArguments(after, before, first, last)
    found = runners.managers(row.pk for row in parents)
    return [
        whole(
            [
                manager
                for manager in found.get(row.pk, [])
                if (status is None or manager_status(manager) == str(status.value))
                and (system_id is None or manager.system_id == system_id)
            ],
            arguments,
            lambda manager: (manager.pk,),
        )
        for row in parents
    ]


def manager_status(row: models.RunnerManager) -> str:
    """Whether a machine can be reached."""
    return runners.status(row.contacted_at, row.created_at)


def _visible(context: Context, found: QuerySet[Any]) -> QuerySet[Any]:
    """Those rows whose project the caller may see."""
    if permissions.is_admin(context):
        return found
    return found.filter(project_id__in=models.Project.objects.visible_to(context.principal.user).values("pk"))


def jobs(
    parents: list[models.Runner],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    statuses: Statuses = None,
) -> list[Page[models.Job] | None]:
    """The jobs that each runner took, of projects that the caller may see, for those who may change it."""
    found = _visible(info.context, filtered(JobFilter, models.Job.objects.all(), statuses=statuses))
    listing = Listing(found, PageArguments(after, before, first, last), columns=("runner_id",))
    allowed = rights(info.context, parents)
    return [
        listing.page(row.pk) if may.administer else None for row, may in zip(parents, allowed, strict=True)
    ]


def job_counts(parents: list[models.Runner], info: Info, statuses: Statuses = None) -> list[int | None]:
    """How many jobs each runner took, no further than one beyond JOB_COUNT_LIMIT."""
    allowed = rights(info.context, parents)
    wanted = [row.pk for row, may in zip(parents, allowed, strict=True) if may.read]
    found = filtered(JobFilter, models.Job.objects.all(), statuses=statuses)
    counts = count_per_parent(found, ("runner_id",), ((pk,) for pk in wanted), JOB_COUNT_LIMIT)
    among = set(wanted)
    return [counts.get((row.pk,), 0) if row.pk in among else None for row in parents]


def projects(
    parents: list[models.Runner],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    search: Annotated[str | None, argument("Only those whose name, path or description holds this.")] = None,
    sort: Annotated[
        str | None, argument("Order: `id`, `name`, `path`, `created` or `updated`, with `_asc` or `_desc`.")
    ] = "id_asc",
) -> list[Page[models.Project] | None]:
    """The projects that each runner is assigned to, as far as the caller may see them."""
    visible = models.Project.objects.visible_to(info.context.principal.user)
    found = filtered(ProjectFilter, visible, search=search).annotate(of_runner=F("runners__id"))
    arguments = PageArguments(after, before, first, last)
    listing = Listing(found, arguments, keyset_of(sort or "id_asc"), ("of_runner",))
    return [listing.page(row.pk) if row.runner_type == RunnerType.PROJECT_TYPE else None for row in parents]


def owners(parents: list[models.Runner], info: Info) -> list[models.Project | None]:
    """The first project that each runner was assigned to, if the caller may see it."""
    assigned = assigned_projects(row.pk for row in parents)
    first_ids = {id_: found[0] for id_, found in assigned.items()}
    seen = models.Project.objects.visible_to(info.context.principal.user).filter(pk__in=first_ids.values())
    visible = {project.pk: project for project in seen}
    return [visible.get(first_ids.get(row.pk, 0)) for row in parents]


def project_counts(parents: list[models.Runner], info: Info) -> list[int | None]:
    """How many projects each runner is assigned to, those included that the caller may not see."""
    assigned = assigned_projects(row.pk for row in parents)
    return [
        len(assigned.get(row.pk, ())) if row.runner_type == RunnerType.PROJECT_TYPE else None
        for row in parents
    ]


def creators(parents: list[models.Runner], info: Info) -> list[models.User | None]:
    """Who made each runner."""
    return rows.of_each(parents, rows.users(info.context, (row.creator_id for row in parents)), "creator_id")


def queues(parents: list[models.Runner], info: Info) -> list[Queue | None]:
    """The jobs that wait for each runner, for those who may change it."""
    allowed = [row for row, may in zip(parents, rights(info.context, parents), strict=True) if may.administer]
    found = runners.queues(allowed)
    return [found.get(row.pk) for row in parents]


def admin_paths(verb: str) -> BatchFunction:
    """A batch function: a page of each runner in the admin area, for administrators."""

    def path(parents: list[models.Runner], info: Info) -> list[str | None]:
        admin = permissions.is_admin(info.context)
        return [links.absolute(links.runner_admin(row.pk, verb)) if admin else None for row in parents]

    return path


def runner_permissions(parents: list[models.Runner], info: Info) -> list[RunnerRights]:
    """What the caller may do with each runner."""
    return rights(info.context, parents)


def notes(parents: list[models.Runner], info: Info) -> list[str | None]:
    """What is noted about each runner, for those who may change it."""
    allowed = rights(info.context, parents)
    return [
        row.maintenance_note or None if may.administer else None
        for row, may in zip(parents, allowed, strict=True)
    ]


def notes_html(parents: list[models.Runner], info: Info) -> list[str | None]:
    """The same as HTML."""
    return [note if note is None else linebreaks(escape(note)) for note in notes(parents, info)]


def addresses(parents: list[models.RunnerManager], info: Info) -> list[str | None]:
    """The address of each machine, for administrators."""
    admin = permissions.is_admin(info.context)
    return [row.ip_address if admin else None for row in parents]


def runners_of(parents: list[models.RunnerManager], info: Info) -> list[models.Runner | None]:
    """The runner of each machine."""
    return rows.of_each(parents, rows.runners(info.context, (row.runner_id for row in parents)), "runner_id")


def manager_execution(parents: list[models.RunnerManager], info: Info) -> list[str]:
    """Whether each machine runs a job."""
    busy = runners.busy_managers(row.pk for row in parents)
    return ["active" if row.pk in busy else "idle" for row in parents]
