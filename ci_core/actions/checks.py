"""Looks for contradictions: rows that cannot stand beside each other between transactions. Changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from ci_core.decisions import readiness
from ci_core.decisions.bridges import Strategy, inherited
from ci_core.errors import NotFound
from ci_core.locks import lock_pipeline
from ci_core.models import (
    Deployment,
    DownstreamPipeline,
    Event,
    EventKind,
    Job,
    JobKind,
    JobTimer,
    MirroredPipeline,
    PendingBridge,
    PendingJob,
    Pipeline,
    ResourceClaim,
    ResourceGroup,
    RunningJob,
    Stage,
)
from ci_core.models.ids import jobs_of
from ci_core.processing.snapshot import load_whole
from ci_core.resources import WANTING
from ci_core.statuses import ACTIVE, COMPLETED, ON_RUNNER, Status
from ci_core.tallies import key_of

#: Pipelines whose ids one statement reads.
PAGE: Final = 500
#: Rows without a pipeline that are named, of each table.
ORPHANS: Final = 100

_HELD_BY_NOBODY: Final = """
SELECT key, holder_id FROM ci_core_resourcegroup AS resource WHERE holder_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM ci_core_job WHERE pipeline_id = resource.holder_id >> 16 AND id = resource.holder_id
) ORDER BY id LIMIT %s
"""

#: Statuses that a trigger job may reach although its pipeline has another.
_ENDED_BY_ITSELF: Final = (Status.FAILED, Status.CANCELED)
_HOLDING: Final = ON_RUNNER | {Status.PENDING}


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Something that cannot be, and where. pipeline_id: 0 when there is no such pipeline."""

    pipeline_id: int
    what: str

    def __str__(self) -> str:
        return f"pipeline {self.pipeline_id}: {self.what}"


def check(*, first: int = 0, at_most: int | None = None) -> Iterator[Contradiction]:
    """Checks pipelines from the id `first` on, newest last, then looks for rows whose pipeline is gone."""
    done = 0
    while at_most is None or done < at_most:
        size = PAGE if at_most is None else min(PAGE, at_most - done)
        page = list(Pipeline.objects.filter(pk__gte=first).order_by("id").values_list("id", flat=True)[:size])
        for pipeline_id in page:
            yield from check_pipeline(pipeline_id)
        if len(page) < size:
            break
        done += len(page)
        first = page[-1] + 1
    yield from _orphans()


@transaction.atomic
def check_pipeline(pipeline_id: int) -> list[Contradiction]:
    """What contradicts itself in one pipeline, which nobody changes meanwhile; nothing for one that is gone."""
    try:
        pipeline = lock_pipeline(pipeline_id)
    except NotFound:
        return []
    jobs = list(Job.objects.in_pipeline(pipeline_id))
    found = (message for rule in _RULES for message in rule(pipeline, jobs))
    return [Contradiction(pipeline_id, message) for message in found]


def _follows(job: Job) -> bool:
    """Whether it is a trigger job at work: then its status is that of its pipeline, and says nothing else."""
    return job.kind == JobKind.BRIDGE and job.started_at is not None and job.status not in COMPLETED


def _side_tables(pipeline: Pipeline, jobs: list[Job]) -> Iterator[str]:
    """Queue rows, timers and claims stand beside exactly the jobs that have the status for it."""
    jobs = [job for job in jobs if not _follows(job)]
    pending = [job for job in jobs if job.status == Status.PENDING]
    expected: tuple[tuple[str, Any, set[int]], ...] = (
        ("queue rows", PendingJob, {job.pk for job in pending if job.kind == JobKind.BUILD}),
        (
            "queue rows of trigger jobs",
            PendingBridge,
            {job.pk for job in pending if job.kind == JobKind.BRIDGE},
        ),
        ("timers", JobTimer, {job.pk for job in jobs if job.status == Status.SCHEDULED}),
        (
            "resource claims",
            ResourceClaim,
            {job.pk for job in jobs if job.resource_group_id and job.status in WANTING},
        ),
    )
    for words, model, wanted in expected:
        rows = set(model.objects.filter(job_id__range=jobs_of(pipeline.pk)).values_list("job_id", flat=True))
        if rows - wanted:
            yield f"{words} of jobs that have another status: {sorted(rows - wanted)}"
        if wanted - rows:
            yield f"no {words} of jobs {sorted(wanted - rows)}"


def _on_runners(pipeline: Pipeline, jobs: list[Job]) -> Iterator[str]:
    """Jobs that a runner has, and only those, are listed as on a runner."""
    rows = set(RunningJob.objects.filter(job_id__range=jobs_of(pipeline.pk)).values_list("job_id", flat=True))
    for job in jobs:
        on_runner = job.status in ON_RUNNER
        if job.pk in rows and not on_runner:
            yield f"job {job.pk} is {job.status}, but listed as on a runner"
        if on_runner and job.runner_id is not None and job.pk not in rows:
            yield f"job {job.pk} is {job.status}, but not listed as on a runner"


def _statuses(pipeline: Pipeline, jobs: list[Job]) -> Iterator[str]:
    """Nothing more would move, and stages and pipeline have the status that processing computes."""
    decided = readiness.advance(load_whole(pipeline))
    if decided.jobs:
        yield f"jobs could move on: { {job_id: status.value for job_id, status in decided.jobs.items()} }"
    if decided.stages:
        yield f"stages should be { {position: status.value for position, status in decided.stages.items()} }"
    failed_early = pipeline.failure_reason and not jobs
    if decided.pipeline != pipeline.status and not failed_early:
        yield f"it is {pipeline.status}, but should be {decided.pipeline}"


def _tallies(pipeline: Pipeline, jobs: list[Job]) -> Iterator[str]:
    """What processing takes the jobs of a stage to be is what they are."""
    counted: dict[int, Counter[str]] = {}
    for job in jobs:
        if not job.retried:
            counted.setdefault(job.stage_id, Counter())[key_of(job)] += 1
    stages = Stage.objects.in_pipeline(pipeline.pk).exclude(tally="")
    for stage_id, tally in stages.values_list("id", "tally"):
        if json.loads(tally) != counted.get(stage_id, {}):
            yield f"stage {stage_id} counts its jobs as {tally} (empty its tally to have them counted anew)"


def _alive(pipeline: Pipeline, jobs: list[Job]) -> Iterator[str]:
    """No job is alive in a finished pipeline, and no copy that was retried."""
    for job in jobs:
        if job.status in ACTIVE and job.retried:
            yield f"job {job.pk} was retried, but is {job.status}"
        if job.status in ACTIVE and not job.retried and pipeline.status in COMPLETED:
            yield f"job {job.pk} is {job.status}, but the pipeline is {pipeline.status}"


def _deployments(pipeline: Pipeline, jobs: list[Job]) -> Iterator[str]:
    """Each deployment has its job, and has ended as that did."""
    by_id = {job.pk: job for job in jobs}
    for deployment in Deployment.objects.filter(job_id__range=jobs_of(pipeline.pk)):
        job = by_id.get(deployment.job_id)
        if job is None:
            yield f"deployment {deployment.pk} has no job"
        elif job.status in COMPLETED and deployment.status != job.status:
            yield f"deployment {deployment.pk} is {deployment.status}, its job {job.pk} {job.status}"


def _log(pipeline: Pipeline, jobs: list[Job]) -> Iterator[str]:
    """The newest event of each job, of each stage that has one, and of the pipeline tells its status."""
    events = Event.objects.in_pipeline(pipeline.pk).order_by("pipeline_id", "id")
    last = {
        (kind, subject): status
        for kind, subject, status in events.values_list("kind", "subject_id", "status")
    }
    states: list[tuple[EventKind, int, str]] = [(EventKind.PIPELINE, pipeline.pk, pipeline.status)]
    states += [(EventKind.JOB, job.pk, job.status) for job in jobs]
    stages = Stage.objects.in_pipeline(pipeline.pk).values_list("id", "status")
    states += [(EventKind.STAGE, pk, status) for pk, status in stages if (EventKind.STAGE, pk) in last]
    for kind, subject, status in states:
        told = last.get((kind, subject))
        if told != status:
            yield f"{kind} {subject} is {status}, but its newest event says {told}"


def _resources(pipeline: Pipeline, jobs: list[Job]) -> Iterator[str]:
    """A job of a group runs only while it has the group, and has it only while it runs or waits for a runner.

    A trigger job keeps it while its pipeline waits for anything, and does without when that is run again later.
    """
    grouped = {job.pk: job for job in jobs if job.resource_group_id is not None}
    if not grouped:
        return
    groups = ResourceGroup.objects.filter(pk__in={job.resource_group_id for job in grouped.values()})
    held = {group.holder_id: group for group in groups if group.holder_id is not None}
    for job in grouped.values():
        if _follows(job):
            continue
        if job.status in _HOLDING and job.pk not in held:
            yield f"job {job.pk} is {job.status} without its resource"
        if job.status not in _HOLDING and job.pk in held:
            yield f"job {job.pk} is {job.status}, but has the resource {held[job.pk]}"


def _bridges(pipeline: Pipeline, jobs: list[Job]) -> Iterator[str]:
    """A trigger job that is at work has its pipeline; one with a strategy has the status that it takes from that.

    One that failed or was cancelled by itself may have left its pipeline at work, and the pipeline of one that is over
    may have been deleted.
    """
    bridges = [job for job in jobs if job.kind == JobKind.BRIDGE]
    if not bridges:
        return
    links = DownstreamPipeline.objects.select_related("pipeline")
    by_job = {link.source_job_id: link for link in links.filter(source_pipeline_id=pipeline.pk)}
    mirrors = {link.pk: link for link in MirroredPipeline.objects.filter(pk__in=[job.pk for job in bridges])}
    for job in bridges:
        link = by_job.get(job.pk)
        if job.pk in mirrors:
            yield from _mirrored(job, mirrors[job.pk])
        elif link is None:
            if _follows(job):
                yield f"trigger job {job.pk} is {job.status} without a pipeline of its own"
        elif job.status == Status.PENDING and job.started_at is None:
            yield f"trigger job {job.pk} is pending, but has created pipeline {link.pk}"
        elif link.strategy and not job.retried and job.status not in _ENDED_BY_ITSELF:
            status = inherited(Strategy(link.strategy), Status(link.pipeline.status))
            if status != job.status and link.pipeline.deleting_since is None:
                yield f"trigger job {job.pk} is {job.status}, but should be {status}"


def _mirrored(job: Job, link: MirroredPipeline) -> Iterator[str]:
    """A trigger job that mirrors a pipeline has its status, unless it is noted that this is still to be looked at."""
    status = Pipeline.objects.filter(pk=link.mirrored_id).values_list("status", flat=True).first()
    if not link.following or link.moved_since is not None or status is None or job.status in COMPLETED:
        return
    wanted = inherited(Strategy.MIRROR, Status(status))
    if wanted != job.status:
        yield f"trigger job {job.pk} is {job.status}, but mirrors pipeline {link.mirrored_id}, which is {status}"


_RULES: Final[tuple[Callable[[Pipeline, list[Job]], Iterator[str]], ...]] = (
    _side_tables,
    _on_runners,
    _statuses,
    _tallies,
    _alive,
    _deployments,
    _log,
    _resources,
    _bridges,
)


def _orphans() -> Iterator[Contradiction]:
    """Rows of the small tables whose pipeline is gone."""
    gone = ~Exists(Pipeline.objects.filter(pk=OuterRef("pipeline_id")))
    models: tuple[Any, ...] = (
        PendingJob,
        PendingBridge,
        JobTimer,
        RunningJob,
        ResourceClaim,
        Deployment,
        MirroredPipeline,
    )
    for model in models:
        for job_id in model.objects.filter(gone).values_list("job_id", flat=True)[:ORPHANS]:
            yield Contradiction(0, f"{model._meta.verbose_name} of job {job_id}, whose pipeline is gone")
    yield from _kept_for_ever()


def _kept_for_ever() -> Iterator[Contradiction]:
    """Resource groups that are held by jobs that are gone: nobody would give them back."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD_BY_NOBODY, [ORPHANS])
        for key, job_id in cursor.fetchall():
            yield Contradiction(0, f"resource group {key} is held by job {job_id}, which is gone")
