"""What a job's page shows besides its columns: needs, log, artifacts, the pipelines it led to, its other runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from ci_core.admin import display
from ci_core.admin.display import Section, Table, Text
from ci_core.admin.logs import LINES, tail_of
from ci_core.models import (
    Artifact,
    BridgeMessage,
    DownstreamPipeline,
    Job,
    JobKind,
    MirroredPipeline,
    Need,
    Pipeline,
)

#: Pipelines that a job created, newest first, that its page shows.
MOST_CREATED: Final = 100
_CREATED: Final = ("Pipeline", "Project", "Status", "Strategy")
#: Copies of a job that its page shows, newest first.
MOST_RUNS: Final = 50


def sections_of(job: Job) -> Iterator[Section]:
    """The sections, in their order."""
    yield _needs(job)
    if job.kind == JobKind.BRIDGE:
        yield _downstream(job)
    else:
        yield _log(job)
        yield _artifacts(job)
        created = _created(job)
        if created:
            yield display.table("Pipelines that its job token created", _CREATED, created)
    yield _runs(job)


def _downstream(job: Job) -> Table:
    """The pipelines that a job created or mirrors, or why it could not."""
    message = BridgeMessage.objects.filter(job_id=job.pk).first()
    return display.table(
        "Pipeline that it follows",
        _CREATED,
        [*_created(job), *_mirrored(job)],
        note=message.content if message else "",
        empty="It has created or found none.",
    )


def _created(job: Job) -> list[Sequence[Any]]:
    """The newest pipelines that a job created."""
    links = DownstreamPipeline.objects.select_related("pipeline__project").filter(source_job_id=job.pk)
    return [
        (
            display.link("pipeline", link.pk, f"#{link.pk}"),
            link.pipeline.project.full_path,
            display.badge(link.pipeline.status),
            link.strategy or display.NOTHING,
        )
        for link in links.order_by("-pk")[:MOST_CREATED]
    ]


def _mirrored(job: Job) -> list[Sequence[Any]]:
    """The pipeline that a job mirrors."""
    mirrored = MirroredPipeline.objects.filter(job_id=job.pk).values_list("mirrored_id", flat=True)
    pipelines = Pipeline.objects.select_related("project").filter(pk__in=list(mirrored))
    return [
        (
            display.link("pipeline", pipeline.pk, f"#{pipeline.pk}"),
            pipeline.project.full_path,
            display.badge(pipeline.status),
            "mirrored (needs:pipeline)",
        )
        for pipeline in pipelines
    ]


def _needs(job: Job) -> Table:
    needs = list(Need.objects.of_jobs([job.pk]).order_by("id"))
    latest = (
        Job.objects.in_pipeline(job.pipeline_id)
        .latest_copies()
        .filter(name__in=[need.name for need in needs])
    )
    needed = {found.name: found for found in latest} if needs else {}
    rows = []
    for need in needs:
        found = needed.get(need.name)
        rows.append(
            (
                display.link("job", found.pk, need.name) if found else need.name,
                display.badge(found.status) if found else "is not in the pipeline",
                "yes" if need.optional else "no",
                "yes" if need.artifacts else "no",
            )
        )
    by_stage = job.scheduling_type == "stage"
    empty = "None: it waits for all earlier stages." if by_stage else "None: it starts at once."
    return display.table("Needs", ("Job", "Status", "Optional", "Gets its artifacts"), rows, empty=empty)


def _log(job: Job) -> Text:
    text, size = tail_of(job)
    note = f"The whole log has {display.size(size)}." if size else ""
    return Text(f"Log, the last {LINES} lines", text, note, empty="The job has written nothing.")


def _artifacts(job: Job) -> Table:
    rows = [
        (
            artifact.filename,
            artifact.file_type,
            artifact.file_format,
            display.size(artifact.size),
            display.moment(artifact.created_at),
            display.moment(artifact.expire_at) if artifact.expire_at else "never",
        )
        for artifact in Artifact.objects.of_jobs([job.pk]).order_by("id")
    ]
    headers = ("File", "Type", "Format", "Size", "Created (UTC)", "Expires (UTC)")
    return display.table("Artifacts", headers, rows, empty="The job has left no artifacts.")


def _runs(job: Job) -> Table:
    """Every copy of the job in its pipeline, newest first."""
    copies = Job.objects.in_pipeline(job.pipeline_id).filter(name=job.name)
    rows = [
        (
            display.link("job", copy.pk, f"#{copy.pk}") if copy.pk != job.pk else f"#{copy.pk} (this one)",
            display.badge(copy.status),
            copy.get_failure_reason_display() if copy.failure_reason else display.NOTHING,
            copy.runner or display.NOTHING,
            display.moment(copy.created_at),
            display.between(copy.started_at, copy.finished_at),
        )
        for copy in copies.select_related("runner").order_by("-pipeline_id", "-id")[:MOST_RUNS]
    ]
    others = display.list_link("job", urlencode({"pipeline": job.pipeline_id}), "All jobs of the pipeline")
    headers = ("Run", "Status", "Failure", "Runner", "Created (UTC)", "Ran")
    return display.table("Runs of this job", headers, rows, note=others)
