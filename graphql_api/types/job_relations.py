"""Owns what jobs refer to, what is computed from it, and the small types that only jobs have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import strawberry

from ci_core import models
from ci_core.decisions.waiting import Waiting
from ci_core.models.ids import MAX_IN_PIPELINE
from ci_core.statuses import SchedulingType
from graphql_api import detailed_status, job_log, links, permissions
from graphql_api.batching import BatchFunction
from graphql_api.context import Info
from graphql_api.fields import argument, batched, leaf
from graphql_api.loaders import jobs as loader
from graphql_api.loaders import rows
from graphql_api.loaders import runners as runner_loader
from graphql_api.loaders import traces as trace_loader
from graphql_api.loaders.runner_rights import visible
from graphql_api.pagination import After, Before, First, Last, Page, PageArguments, whole, whole_of_each

#: Lines of a log that are shown by default, and at most.
DEFAULT_LINES: Final = 10
MAX_LINES: Final = 100


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the caller may do with a job they see."""

    operate: bool


@strawberry.type(name="JobPermissions", description="What the caller may do with a job.")
class JobPermissions:
    """Its parent is a Permissions."""

    read_build = leaf(bool, "See it: always true for a job that is shown.", lambda row: True)
    read_job_artifacts = leaf(bool, "See its artifacts: as the job itself.", lambda row: True)
    update_build = leaf(bool, "Start it, or run it again.", "operate")
    cancel_build = leaf(bool, "Cancel it.", "operate")


def _summaries(
    parents: list[models.Job],
    info: Info,
    last_lines: Annotated[int | None, argument(f"Lines from the end; at most {MAX_LINES}.")] = DEFAULT_LINES,
) -> list[str]:
    count = min(DEFAULT_LINES if last_lines is None else max(last_lines, 0), MAX_LINES)
    tails = trace_loader.tails(job.id for job in parents)
    found = [tails.get(job.id) for job in parents]
    return [job_log.html_of_tail(tail.data, count, whole=tail.whole) if tail else "" for tail in found]


@strawberry.type(name="CiJobTrace", description="The log of a job.")
class CiJobTrace:
    """Its parent is a row of Job."""

    html_summary = batched(
        str, _summaries, 'The end of the log as HTML: escaped, with `<span class="term-fg-red">` for colours.'
    )


def traces(parents: list[models.Job], info: Info) -> list[models.Job | None]:
    """The job itself where it has a log."""
    logged = trace_loader.with_log(job.id for job in parents)
    return [job if job.id in logged else None for job in parents]


def projects(parents: list[models.Job], info: Info) -> list[models.Project]:
    """The project of each job."""
    return rows.projects_of(info.context, parents)


def pipelines(parents: list[models.Job], info: Info) -> list[models.Pipeline]:
    """The pipeline of each job."""
    return rows.pipelines_of(info.context, parents)


def stages(parents: list[models.Job], info: Info) -> list[models.Stage | None]:
    """The stage of each job."""
    ids = rows.column(parents, "stage_id")
    return [*map(rows.stages(info.context, ids).get, ids)]


def runners(parents: list[models.Job], info: Info) -> list[models.Runner | None]:
    """The runner that took each job; None for one that the caller may not see, as in GitLab."""
    ids = rows.column(parents, "runner_id")
    return [*map(visible(info.context, ids).get, ids)]


def runner_managers(parents: list[models.Job], info: Info) -> list[models.RunnerManager | None]:
    """The machine that took each job; None for one whose runner the caller may not see."""
    runners = visible(info.context, rows.column(parents, "runner_id"))
    ids: list[Any] = [job.runner_manager_id if job.runner_id in runners else None for job in parents]
    return [*map(rows.runner_managers(info.context, ids).get, ids)]


def environments(parents: list[models.Job], info: Info) -> list[models.Environment | None]:
    """The environment that each job names."""
    return loader.environments(info.context, parents)


def artifacts(
    parents: list[models.Job],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[models.Artifact]]:
    """The artifacts of each job."""
    arguments = PageArguments(after, before, first, last)
    ids = [job.id for job in parents]
    return whole_of_each(map(loader.artifacts(info.context, ids).get, ids), arguments, by_id)


def by_id(row: Any) -> tuple[int]:
    """The key that orders rows by id."""
    return (row.id,)


def _in_order(job: models.Job) -> tuple[int, int]:
    return (job.number, job.id)


def _before(context: Any, parents: list[models.Job]) -> list[Any]:
    """The latest jobs of the stage before each job's; stage ids of a pipeline are consecutive."""
    wanted = [job.stage_id - 1 for job in parents]
    # The first stage has number 1 in its pipeline.
    found = loader.latest_by_stage(context, (id_ for id_ in wanted if id_ & MAX_IN_PIPELINE))
    return [found.get(stage_id) or () for stage_id in wanted]


def previous_stage_jobs(
    parents: list[models.Job],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[models.Job]]:
    """The jobs of the stage before each job's."""
    arguments = PageArguments(after, before, first, last)
    return [whole(found, arguments, _in_order) for found in _before(info.context, parents)]


def needs(
    parents: list[models.Job],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[models.Need]]:
    """The needs of each job."""
    arguments = PageArguments(after, before, first, last)
    found = loader.needs(info.context, (job.id for job in parents))
    return whole_of_each((found[job.id] for job in parents), arguments, by_id)


def previous_stage_jobs_or_needs(
    parents: list[models.Job],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[Any]]:
    """What each job waits for."""
    arguments = PageArguments(after, before, first, last)
    needing = [job for job in parents if job.scheduling_type == SchedulingType.DAG]
    staged = [job for job in parents if job.scheduling_type != SchedulingType.DAG]
    found = loader.needs(info.context, (job.id for job in needing))
    waits: dict[int, Page[Any]] = {job.id: whole(found[job.id] or (), arguments, by_id) for job in needing}
    for job, before_it in zip(staged, _before(info.context, staged), strict=True):
        waits[job.id] = whole(before_it, arguments, _in_order)
    return [waits[job.id] for job in parents]


def _may_operate(parents: list[models.Job], info: Info) -> list[bool]:
    permissions.load_levels(info.context, (job.project_id for job in parents))
    return [permissions.allows(info.context, job.project_id, permissions.OPERATE) for job in parents]


def detailed_statuses(parents: list[models.Job], info: Info) -> list[Any]:
    """How each job's status is shown."""
    found = zip(parents, projects(parents, info), _may_operate(parents, info), strict=True)
    return [detailed_status.of_job(job, project, may) for job, project, may in found]


def job_permissions(parents: list[models.Job], info: Info) -> list[Permissions]:
    """What the caller may do with each job."""
    return [Permissions(may) for may in _may_operate(parents, info)]


def can_play(parents: list[models.Job], info: Info) -> list[bool]:
    """Whether the caller can start each job by hand."""
    return [
        may and detailed_status.is_playable(job)
        for job, may in zip(parents, _may_operate(parents, info), strict=True)
    ]


def stuck(parents: list[models.Job], info: Info) -> list[bool]:
    """Whether each job waits in vain."""
    return runner_loader.stuck(info.context, parents)


def waiting_reasons(parents: list[models.Job], info: Info) -> list[Waiting | None]:
    """Why each job waits."""
    return runner_loader.reasons(info.context, parents)


def of_pipeline(read: Callable[[models.Pipeline], Any]) -> BatchFunction:
    """A batch function: something of each job's pipeline."""

    def values(parents: list[models.Job], info: Info) -> list[Any]:
        return [read(pipeline) for pipeline in pipelines(parents, info)]

    return values


def path(verb: str) -> BatchFunction:
    """A batch function: the path of each job's page, or of a verb below it."""

    def paths(parents: list[models.Job], info: Info) -> list[str]:
        found = zip(parents, projects(parents, info), strict=True)
        return [links.job(project, job.id, verb) for job, project in found]

    return paths


def retry_paths(parents: list[models.Job], info: Info) -> list[str | None]:
    """The path that runs each job again."""
    found = zip(parents, projects(parents, info), strict=True)
    return [
        links.job(project, job.id, "retry") if detailed_status.is_retryable(job) else None
        for job, project in found
    ]


def browse_paths(parents: list[models.Job], info: Info) -> list[str]:
    """Where each job's artifacts are shown."""
    found = zip(parents, projects(parents, info), strict=True)
    return [links.artifacts(project, job.id, "browse") for job, project in found]


def ref_paths(parents: list[models.Job], info: Info) -> list[str]:
    """The page of each job's branch or tag."""
    found = zip(pipelines(parents, info), projects(parents, info), strict=True)
    return [links.ref(project, pipeline.ref) for pipeline, project in found]


def commit_paths(parents: list[models.Job], info: Info) -> list[str]:
    """The page of each job's commit."""
    found = zip(pipelines(parents, info), projects(parents, info), strict=True)
    return [links.commit(project, pipeline.sha) for pipeline, project in found]
