"""Owns what pipelines refer to, and what is computed from it and from their jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from django.utils.html import format_html

from ci_core import models
from ci_core.errors import InvalidInput
from ci_core.filters import JobFilter
from ci_core.models.ids import pipeline_of
from graphql_api import detailed_status, links, permissions
from graphql_api.batching import BatchFunction
from graphql_api.context import Info
from graphql_api.fields import argument
from graphql_api.filters.filtering import filtered, unless_narrowed
from graphql_api.foresight import will_ask
from graphql_api.loaders import facts, rows, runners
from graphql_api.loaders import jobs as job_loader
from graphql_api.loaders import pipelines as loader
from graphql_api.loaders.facts import JobFacts
from graphql_api.node_ids import JobID
from graphql_api.pagination import (
    After,
    Before,
    First,
    Keyset,
    Last,
    Listing,
    Page,
    PageArguments,
    whole,
    whole_of_each,
)
from graphql_api.types import messages
from graphql_api.types.enums_ci import CiJobKind, CiJobStatus
from graphql_api.types.enums_reports import SecurityReportTypeEnum


def projects(parents: list[models.Pipeline], info: Info) -> list[models.Project]:
    """The project of each pipeline."""
    return rows.projects_of(info.context, parents)


def users(parents: list[models.Pipeline], info: Info) -> list[models.User | None]:
    """Who started each pipeline."""
    return rows.of_each(parents, rows.users(info.context, (row.user_id for row in parents)), "user_id")


def _stage_order(stage: models.Stage) -> tuple[int]:
    return (stage.position,)


def stages(
    parents: list[models.Pipeline],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[models.Stage]]:
    """The stages of each pipeline."""
    arguments = PageArguments(after, before, first, last)
    ids = [row.id for row in parents]
    if arguments.everything and will_ask(info, ("jobs",), ("groups",)):
        needs = will_ask(info, ("jobs", "needs"), ("groups", "jobs", "needs"))
        found = job_loader.stages_with_jobs(info.context, ids, needs=needs)
    else:
        found = job_loader.stages(info.context, ids)
    return whole_of_each(map(found.get, ids), arguments, _stage_order)


def coverages(parents: list[models.Pipeline], info: Info) -> list[float | None]:
    """The mean coverage of each pipeline's latest jobs, percent, to two places."""
    found = facts.of_pipelines(info.context, (row.pk for row in parents))
    return [None if known.coverage is None else round(known.coverage, 2) for known in found]


def jobs(
    parents: list[models.Pipeline],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
    job_kind: Annotated[CiJobKind | None, argument("Only jobs of this kind.")] = None,
    security_report_types: Annotated[
        list[SecurityReportTypeEnum] | None, argument("Only jobs that left a report of one of these types.")
    ] = None,
    retried: Annotated[bool | None, argument("Only jobs that were retried, or that were not.")] = None,
    statuses: Annotated[list[CiJobStatus] | None, argument("Only jobs with one of these statuses.")] = None,
    when_executed: Annotated[
        list[str] | None, argument("Only jobs whose `when` is one of these, such as `manual`.")
    ] = None,
) -> list[Page[models.Job]]:
    """The jobs of each pipeline."""
    given = {
        "kind": job_kind,
        "report_types": security_report_types,
        "retried": retried,
        "statuses": statuses,
        "when": when_executed,
    }
    listing = Listing(
        filtered(JobFilter, models.Job.objects.all(), **given),
        PageArguments(after, before, first, last),
        Keyset(("number", "id")),
        ("pipeline_id",),
        job_loader.JOBS.asked,
        unless_narrowed("jobs of pipeline", given),
    )
    return [listing.page(row.pk) for row in parents]


def job(
    parents: list[models.Pipeline],
    info: Info,
    id: Annotated[JobID | None, argument("ID of the job.")] = None,
    name: Annotated[str | None, argument("Name of the job; its newest run is meant.")] = None,
) -> list[models.Job | None]:
    """One job of each pipeline."""
    if id is None and name is None:
        raise InvalidInput("Name the job: give its id or its name.")
    if id is None:
        return job_loader.by_name(info.context, (row.pk for row in parents), name or "")
    inside = [id] if any(row.pk == pipeline_of(id) for row in parents) else []
    found = rows.jobs(info.context, inside).get(id)
    return [found if found is not None and found.pipeline_id == row.pk else None for row in parents]


def artifacts(parents: list[models.Pipeline], info: Info) -> list[Any]:
    """The artifacts of all jobs of each pipeline."""
    found = job_loader.artifacts_of_pipelines(row.pk for row in parents)
    return [found.get(row.pk, []) for row in parents]


def manual_variables(
    parents: list[models.Pipeline],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[models.PipelineVariable] | None]:
    """The variables that each pipeline was given, for those who may run pipelines."""
    arguments = PageArguments(after, before, first, last)
    permissions.load_levels(info.context, (row.project_id for row in parents))
    allowed = {
        row.pk for row in parents if permissions.has_level(info.context, row.project_id, permissions.OPERATE)
    }
    found = job_loader.variables(allowed)
    return [
        whole(found.get(row.pk, ()), arguments, lambda variable: (variable.pk,))
        if row.pk in allowed
        else None
        for row in parents
    ]


def diagnostics(severity: str) -> BatchFunction:
    """A batch function: the errors or the warnings of each pipeline's configuration."""

    def pages(
        parents: list[models.Pipeline],
        info: Info,
        after: After = None,
        before: Before = None,
        first: First = None,
        last: Last = None,
    ) -> list[Page[messages.Message]]:
        arguments = PageArguments(after, before, first, last)
        return [
            whole(
                messages.messages(row.pk, severity, getattr(row, f"config_{severity}s")),
                arguments,
                lambda message: (message.number,),
            )
            for row in parents
        ]

    return pages


def fact(read: Callable[[JobFacts], Any]) -> BatchFunction:
    """A batch function: what the jobs of each pipeline amount to."""

    def values(parents: list[models.Pipeline], info: Info) -> list[Any]:
        return [read(found) for found in facts.of_pipelines(info.context, (row.pk for row in parents))]

    return values


def stuck(parents: list[models.Pipeline], info: Info) -> list[bool]:
    """Whether a job of each pipeline waits in vain."""
    found = runners.stuck_pipelines(info.context, (row.pk for row in parents))
    return [row.pk in found for row in parents]


def explanations(parents: list[models.Pipeline], info: Info) -> list[Any]:
    """Why each job is in each pipeline or not, for those who may run pipelines: it tells values of variables."""
    permissions.load_levels(info.context, (row.project_id for row in parents))
    allowed = {
        row.pk for row in parents if permissions.has_level(info.context, row.project_id, permissions.OPERATE)
    }
    found = loader.explanations(allowed) if allowed else {}
    return [found.get(row.pk) for row in parents]


def latest(parents: list[models.Pipeline], info: Info) -> list[bool]:
    """Whether each pipeline is the newest of its ref."""
    superseded = loader.superseded(parents)
    return [row.pk not in superseded for row in parents]


def commits(parents: list[models.Pipeline], info: Info) -> list[Any]:
    """The commit of each pipeline."""
    found = zip(parents, projects(parents, info), strict=True)
    return loader.commits(info.context, ((project, row.sha) for row, project in found))


def committed_at(parents: list[models.Pipeline], info: Info) -> list[Any]:
    """When each pipeline's commit was made."""
    return [found.commit.committed_at if found else None for found in commits(parents, info)]


def detailed_statuses(parents: list[models.Pipeline], info: Info) -> list[Any]:
    """How each pipeline's status is shown."""
    warned = [found.warnings > 0 for found in facts.of_pipelines(info.context, (row.pk for row in parents))]
    found = zip(parents, projects(parents, info), warned, strict=True)
    return [detailed_status.of_pipeline(row, project, warnings) for row, project, warnings in found]


def paths(parents: list[models.Pipeline], info: Info) -> list[str]:
    """The page of each pipeline."""
    found = zip(parents, projects(parents, info), strict=True)
    return [links.pipeline(project, row.pk) for row, project in found]


def commit_paths(parents: list[models.Pipeline], info: Info) -> list[str]:
    """The page of each pipeline's commit."""
    found = zip(parents, projects(parents, info), strict=True)
    return [links.commit(project, row.sha) for row, project in found]


def ref_paths(parents: list[models.Pipeline], info: Info) -> list[str]:
    """The page of each pipeline's branch or tag."""
    found = zip(parents, projects(parents, info), strict=True)
    return [links.ref(project, row.ref) for row, project in found]


def ref_texts(parents: list[models.Pipeline], info: Info) -> list[str]:
    """What each pipeline ran for, as HTML."""
    found = zip(parents, projects(parents, info), strict=True)
    return [
        format_html('For <a class="ref-name" href="{}">{}</a>', links.ref(project, row.ref), row.ref)
        for row, project in found
    ]


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the caller may do with a pipeline they see."""

    operate: bool
    administer: bool
    destroy: bool


def pipeline_permissions(parents: list[models.Pipeline], info: Info) -> list[Permissions]:
    """What the caller may do with each pipeline."""
    permissions.load_levels(info.context, (row.project_id for row in parents))
    levels = (permissions.OPERATE, permissions.ADMINISTER, permissions.DESTROY)
    return [
        Permissions(*(permissions.allows(info.context, row.project_id, level) for level in levels))
        for row in parents
    ]
