"""Owns the lists and lookups of projects."""

from __future__ import annotations

from typing import Annotated, Any, Final

import strawberry
from django.db.models import F, Q, QuerySet

from ci_core import models
from ci_core.errors import InvalidInput
from ci_core.filters import JobFilter, PipelineFilter
from graphql_api.context import Info
from graphql_api.fields import argument, leaf
from graphql_api.filters.filtering import filtered, unless_narrowed
from graphql_api.filters.jobs import listed_with
from graphql_api.lateral import rows_per_parent
from graphql_api.loaders import pipelines as loader
from graphql_api.loaders import rows
from graphql_api.loaders.deployments import ENVIRONMENTS
from graphql_api.loaders.jobs import JOBS
from graphql_api.loaders.pipelines import Counts
from graphql_api.node_ids import CiPipelineID, JobID, number, parse
from graphql_api.pagination import (
    NEWEST_IN_PARTITIONS,
    After,
    Before,
    First,
    Keyset,
    Last,
    Listing,
    Page,
    PageArguments,
)
from graphql_api.scalars import Time
from graphql_api.types.enums_ci import (
    CiJobKind,
    CiJobSource,
    CiJobStatus,
    PipelineScopeEnum,
    PipelineStatusEnum,
)


def _in_its_project(jobs: QuerySet[models.Job]) -> QuerySet[models.Job]:
    """By way of the project's pipelines: those an index gives newest first, and each has its jobs in one partition."""
    return jobs.filter(pipeline__project_id=F("project_id"))


#: Where lists begin that nothing narrows: to build them takes Django as long as a small statement.
_WITHOUT_CHILDREN: Final = models.Pipeline.objects.without_children()
_ALL_JOBS: Final = _in_its_project(models.Job.objects.all())
_ALL_ENVIRONMENTS: Final = models.Environment.objects.all()
#: No two environments of a project have the same name.
_BY_NAME: Final = Keyset(("name",))


@strawberry.type(name="PipelineCounts", description="How many pipelines a project has.")
class PipelineCounts:
    """Its parent is a loaders.pipelines.Counts."""

    all = leaf(int | None, "All of them.")
    finished = leaf(int | None, "Those that are over.")
    pending = leaf(int | None, "Those that wait for a runner.")
    running = leaf(int | None, "Those that run.")


def pipelines(
    parents: list[models.Project],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    ref: Annotated[str | None, argument("Only those of this branch or tag.")] = None,
    scope: Annotated[PipelineScopeEnum | None, argument("Only those of this selection.")] = None,
    sha: Annotated[
        str | None, argument("Only those of this commit; the beginning of its id will do.")
    ] = None,
    source: Annotated[
        str | None, argument("Only those that were asked for like this: `push`, `web`, ...")
    ] = None,
    status: Annotated[PipelineStatusEnum | None, argument("Only those with this status.")] = None,
    updated_after: Annotated[Time | None, argument("Only those that changed after this.")] = None,
    updated_before: Annotated[Time | None, argument("Only those that changed before this.")] = None,
    username: Annotated[str | None, argument("Only those that this user started.")] = None,
    ids: Annotated[list[strawberry.ID] | None, argument("Only these.")] = None,
) -> list[Page[models.Pipeline]]:
    """The pipelines of each project; child pipelines if they are asked for by source or by id."""
    given = {
        "ref": ref,
        "scope": scope,
        "sha": sha,
        "source": source,
        "status": status,
        "updated_after": updated_after,
        "updated_before": updated_before,
        "username": username,
        "ids": None if ids is None else [parse(id_, "Ci::Pipeline") for id_ in ids],
    }
    with_children = source is not None or ids is not None
    rows_asked = models.Pipeline.objects.all() if with_children else _WITHOUT_CHILDREN
    listing = Listing(
        filtered(PipelineFilter, rows_asked, **given),
        PageArguments(after, before, first, last),
        columns=("project_id",),
        read=loader.PIPELINES.asked,
        kept_as=unless_narrowed("pipelines of project", given),
    )
    return [listing.page(row.pk) for row in parents]


def pipeline(
    parents: list[models.Project],
    info: Info,
    id: Annotated[CiPipelineID | None, argument("ID of the pipeline.")] = None,
    iid: Annotated[strawberry.ID | None, argument("Number of the pipeline in its project.")] = None,
    sha: Annotated[str | None, argument("Commit; its newest pipeline is meant.")] = None,
) -> list[models.Pipeline | None]:
    """One pipeline of each project."""
    if sum(value is not None for value in (id, iid, sha)) != 1:
        raise InvalidInput("Name the pipeline by exactly one of id, iid and sha.")
    project_ids = [row.pk for row in parents]
    if id is not None:
        found = rows.pipelines(info.context, [id])[id]
        return [found if found and found.project_id == row.pk else None for row in parents]
    if sha is not None:
        by_project = loader.newest_of_sha(project_ids, sha)
    else:
        named = number(iid)
        by_project = loader.by_iid(info.context, project_ids, named) if named is not None else {}
    info.context.know(by_project.values())
    return [by_project.get(row.pk) for row in parents]


def pipeline_counts(
    parents: list[models.Project],
    info: Info,
    ref: Annotated[str | None, argument("Only those of this branch or tag.")] = None,
    sha: Annotated[str | None, argument("Only those of this commit.")] = None,
    source: Annotated[str | None, argument("Only those that were asked for like this.")] = None,
) -> list[Counts]:
    """How many pipelines each project has."""
    found = loader.counts([row.pk for row in parents], ref, sha, source)
    return [found.get(row.pk, Counts()) for row in parents]


def job(
    parents: list[models.Project], info: Info, id: Annotated[JobID, argument("ID of the job.")]
) -> list[models.Job | None]:
    """One job of each project."""
    found = rows.jobs(info.context, [id])[id]
    return [found if found and found.project_id == row.pk else None for row in parents]


def jobs(
    parents: list[models.Project],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    name: Annotated[str | None, argument("Only jobs whose name holds this.")] = None,
    sources: Annotated[
        list[CiJobSource] | None, argument("Only jobs whose pipeline was asked for in one of these ways.")
    ] = None,
    statuses: Annotated[list[CiJobStatus] | None, argument("Only jobs with one of these statuses.")] = None,
    with_artifacts: Annotated[bool | None, argument("Only jobs that left artifacts, or left none.")] = None,
    kind: Annotated[CiJobKind | None, argument("Only jobs of this kind.")] = None,
) -> list[Page[models.Job]]:
    """The jobs of each project."""
    given = {
        "name": name,
        "sources": sources,
        "statuses": statuses,
        "with_artifacts": with_artifacts,
        "kind": kind,
    }
    found = filtered(JobFilter, _in_its_project(listed_with(statuses)) if statuses else _ALL_JOBS, **given)
    arguments = PageArguments(after, before, first, last)
    kept_as = unless_narrowed("jobs of project", given)
    listing = Listing(found, arguments, NEWEST_IN_PARTITIONS, ("project_id",), JOBS.asked, kept_as)
    return [listing.page(row.pk) for row in parents]


def environments_with(name: str | None, search: str | None, states: list[str] | None) -> Any:
    """The environments that fit the arguments."""
    if name is None and not search and not states:
        return _ALL_ENVIRONMENTS
    wanted = Q()
    if name is not None:
        wanted &= Q(name=name)
    if search:
        wanted &= Q(name__icontains=search)
    if states:
        wanted &= Q(state__in=states)
    return models.Environment.objects.filter(wanted)


EnvironmentName = Annotated[str | None, argument("Only the one with this name.")]
EnvironmentSearch = Annotated[str | None, argument("Only those whose name holds this.")]
EnvironmentStates = Annotated[
    list[str] | None, argument("Only these states: `available`, `stopping`, `stopped`.")
]


def environments(
    parents: list[models.Project],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    name: EnvironmentName = None,
    search: EnvironmentSearch = None,
    states: EnvironmentStates = None,
) -> list[Page[models.Environment]]:
    """The environments of each project."""
    listing = Listing(
        environments_with(name, search, states),
        PageArguments(after, before, first, last),
        _BY_NAME,
        ("project_id",),
        read=ENVIRONMENTS.asked,
        kept_as=unless_narrowed(
            "environments of project", {"name": name, "search": search, "states": states}
        ),
    )
    return [listing.page(row.pk) for row in parents]


def environment(
    parents: list[models.Project],
    info: Info,
    name: EnvironmentName = None,
    search: EnvironmentSearch = None,
    states: EnvironmentStates = None,
) -> list[models.Environment | None]:
    """The first environment of each project that fits."""
    fitting = environments_with(name, search, states)
    found = rows_per_parent(fitting, ("project_id",), [(row.pk,) for row in parents], ["name", "id"], 1)
    return [next(iter(found.get((row.pk,), [])), None) for row in parents]


def deployment(
    parents: list[models.Project],
    info: Info,
    iid: Annotated[strawberry.ID, argument("Number of the deployment in its project.")],
) -> list[models.Deployment | None]:
    """One deployment of each project."""
    named = number(iid)
    if named is None:
        return [None] * len(parents)
    deployments = models.Deployment.objects.filter(project_id__in=[row.pk for row in parents], iid=named)
    found = {row.project_id: row for row in deployments}
    return [found.get(row.pk) for row in parents]
