"""Owns what jobs and the pipelines that they create are to one another; what the caller may not see is null."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ci_core import models
from ci_core.statuses import DOWNSTREAM_SOURCES, FailureReason, PipelineSource, Status
from graphql_api import links
from graphql_api.context import Context, Info
from graphql_api.detailed_status import FAILURE_MESSAGES
from graphql_api.loaders import downstream as loader
from graphql_api.loaders import rows
from graphql_api.pagination import After, Before, First, Last, Page, PageArguments, whole


def is_child(row: models.Pipeline) -> bool:
    """Whether a pipeline runs a part of its parent's configuration."""
    return row.source == PipelineSource.PARENT_PIPELINE


def _links(context: Context, parents: list[models.Pipeline]) -> Mapping[int, models.DownstreamPipeline]:
    """The links to the jobs that created the pipelines, where the caller may see those."""
    created = [row.pk for row in parents if row.source in DOWNSTREAM_SOURCES]
    if not created:
        return {}
    known = loader.links_to(context, created)
    found = {id_: link for id_ in created if (link := known[id_]) is not None}
    seen = loader.visible(context, (link.source_project_id for link in found.values()))
    return {id_: link for id_, link in found.items() if seen[link.source_project_id]}


def upstreams(parents: list[models.Pipeline], info: Info) -> list[models.Pipeline | None]:
    """The pipeline a job of which created each pipeline."""
    by_pipeline = _links(info.context, parents)
    found = rows.pipelines(info.context, (link.source_pipeline_id for link in by_pipeline.values()))
    wanted = (by_pipeline.get(row.pk) for row in parents)
    return [found.get(link.source_pipeline_id) if link is not None else None for link in wanted]


def source_jobs(parents: list[models.Pipeline], info: Info) -> list[models.Job | None]:
    """The job that created each pipeline."""
    by_pipeline = _links(info.context, parents)
    found = (
        rows.jobs(info.context, [link.source_job_id for link in by_pipeline.values()]) if by_pipeline else {}
    )
    wanted = (by_pipeline.get(row.pk) for row in parents)
    return [found.get(link.source_job_id) if link is not None else None for link in wanted]


def upstream_paths(parents: list[models.Pipeline], info: Info) -> list[str | None]:
    """The page of the pipeline a job of which created each pipeline."""
    found = upstreams(parents, info)
    there = [row for row in found if row is not None]
    projects = {project.pk: project for project in rows.projects_of(info.context, there)} if there else {}
    return [links.pipeline(projects[row.project_id], row.pk) if row is not None else None for row in found]


def downstreams(
    parents: list[models.Pipeline],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[models.Pipeline]]:
    """The pipelines that the jobs of each pipeline created, those of retried ones included."""
    arguments = PageArguments(after, before, first, last)
    by_parent = loader.of_pipelines(row.pk for row in parents)
    found = _seen(info.context, (id_ for ids in by_parent.values() for id_ in ids))
    pages = ([found[id_] for id_ in by_parent.get(row.pk, ()) if id_ in found] for row in parents)
    return [whole(page, arguments, lambda pipeline: (pipeline.pk,)) for page in pages]


def of_jobs(parents: list[models.Job], info: Info) -> list[models.Pipeline | None]:
    """The pipeline that each trigger job created."""
    bridges = [job.pk for job in parents if job.kind == models.JobKind.BRIDGE]
    by_job = loader.of_jobs(bridges) if bridges else {}
    found = _seen(info.context, by_job.values())
    return [found.get(by_job[job.pk]) if job.pk in by_job else None for job in parents]


def _seen(context: Context, pipeline_ids: Iterable[int]) -> Mapping[int, models.Pipeline]:
    """Those of the pipelines that the caller may see."""
    ids = list(pipeline_ids)
    if not ids:
        return {}
    known = rows.pipelines(context, ids)
    found = {id_: row for id_ in ids if (row := known[id_]) is not None}
    seen = loader.visible(context, (row.project_id for row in found.values()))
    return {id_: row for id_, row in found.items() if seen[row.project_id]}


def failure_messages(parents: list[models.Job], info: Info) -> list[str | None]:
    """Why each job failed, in words; of a trigger job, what was wrong with its pipeline."""
    failed = [job.pk for job in parents if job.kind == models.JobKind.BRIDGE and job.status == Status.FAILED]
    words = loader.messages(failed) if failed else {}
    followed = loader.of_jobs(failed) if failed else {}
    return [_failure(job, words.get(job.pk), followed.get(job.pk)) for job in parents]


def _failure(job: models.Job, words: str | None, downstream_id: int | None) -> str | None:
    if job.status != Status.FAILED:
        return None
    message = FAILURE_MESSAGES.get(job.failure_reason)
    if job.kind == models.JobKind.BRIDGE and words is not None:
        return words if job.failure_reason == FailureReason.UNKNOWN_FAILURE else f"{message}: {words}"
    if downstream_id is not None and job.failure_reason == FailureReason.UNKNOWN_FAILURE:
        return f"The downstream pipeline #{downstream_id} did not succeed"
    return message
