"""Owns reading what jobs created, as far as the caller may see the projects at either end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ci_core import models
from graphql_api.context import Context


def links_to(context: Context, pipeline_ids: Iterable[int]) -> Mapping[int, models.DownstreamPipeline | None]:
    """The link to the job that created each pipeline."""

    def read(missing: list[int]) -> Mapping[int, models.DownstreamPipeline]:
        return {row.pk: row for row in models.DownstreamPipeline.objects.filter(pk__in=missing)}

    return context.remembered("links to pipelines", pipeline_ids, read)


def of_jobs(job_ids: Iterable[int]) -> Mapping[int, int]:
    """The id of the pipeline that each trigger job created."""
    links = models.DownstreamPipeline.objects.filter(source_job_id__in=list(job_ids))
    return dict(links.values_list("source_job_id", "pipeline_id"))


def of_pipelines(pipeline_ids: Iterable[int]) -> Mapping[int, Sequence[int]]:
    """The ids of the pipelines that the jobs of each pipeline created, oldest first."""
    links = models.DownstreamPipeline.objects.filter(source_pipeline_id__in=list(pipeline_ids)).order_by("pk")
    found: dict[int, list[int]] = {}
    for source_id, pipeline_id in links.values_list("source_pipeline_id", "pipeline_id"):
        found.setdefault(source_id, []).append(pipeline_id)
    return found


def visible(context: Context, project_ids: Iterable[int]) -> Mapping[int, bool | None]:
    """Which of the projects the caller may see."""

    def read(missing: list[int]) -> Mapping[int, bool]:
        seen = models.Project.objects.visible_to(context.principal.user).filter(pk__in=missing)
        return dict.fromkeys(seen.values_list("pk", flat=True), True)

    return context.remembered("visible projects", project_ids, read)


def messages(job_ids: Iterable[int]) -> Mapping[int, str]:
    """Why trigger jobs could not create their pipelines, in words."""
    rows = models.BridgeMessage.objects.filter(job_id__in=list(job_ids))
    return dict(rows.values_list("job_id", "content"))
