"""Owns reading what jobs created, as far as the caller may see the projects at either end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ci_core import models
from ci_core.hydration import prepared_rows
from ci_core.prepared import fetch_prepared
from graphql_api.context import Context

# Hand-written: every graph asks for them, and most pipelines have none.
_LINKS_TO: Final = "SELECT * FROM ci_core_downstreampipeline WHERE pipeline_id = ANY(%s::bigint[])"
_OF_JOBS: Final = """
SELECT source_job_id, pipeline_id FROM ci_core_downstreampipeline WHERE source_job_id = ANY(%s::bigint[])
"""
_OF_PIPELINES: Final = """
SELECT source_pipeline_id, pipeline_id FROM ci_core_downstreampipeline
WHERE source_pipeline_id = ANY(%s::bigint[]) ORDER BY pipeline_id
"""


def links_to(context: Context, pipeline_ids: Iterable[int]) -> Mapping[int, models.DownstreamPipeline | None]:
    """The link to the job that created each pipeline."""

    def read(missing: list[int]) -> Mapping[int, models.DownstreamPipeline]:
        return {row.pk: row for row in prepared_rows(models.DownstreamPipeline, _LINKS_TO, [missing])}

    return context.remembered("links to pipelines", pipeline_ids, read)


def of_jobs(job_ids: Iterable[int]) -> Mapping[int, int]:
    """The id of the pipeline that each trigger job created."""
    _, links = fetch_prepared(_OF_JOBS, [list(job_ids)])
    return dict(links)


def of_pipelines(pipeline_ids: Iterable[int]) -> Mapping[int, Sequence[int]]:
    """The ids of the pipelines that the jobs of each pipeline created, oldest first."""
    _, links = fetch_prepared(_OF_PIPELINES, [list(pipeline_ids)])
    found: dict[int, list[int]] = {}
    for source_id, pipeline_id in links:
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
