"""Cancels pipelines that a newer one of the same ref makes redundant."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction

from ci_core import clock
from ci_core.actions.sweeping import one_by_one
from ci_core.decisions.redundancy import InterruptibleJob, redundant_jobs
from ci_core.errors import NotFound
from ci_core.locks import lock_pipeline
from ci_core.models import Job, JobKind, Pipeline, Project
from ci_core.processing import advance
from ci_core.processing.cancelling import cancel_jobs
from ci_core.statuses import UNFINISHED, PipelineSource, Status

_MAKES_NONE_REDUNDANT: Final = (PipelineSource.SCHEDULE, PipelineSource.PARENT_PIPELINE)
#: Older pipelines that one new pipeline looks at.
BATCH: Final = 100
#: Older pipelines than this are left alone.
LOOKS_BACK: Final = timedelta(days=7)
#: After this time, whoever created a pipeline has looked at the older ones, or never will.
HOOK_TAKES: Final = timedelta(seconds=60)
#: New pipelines that one sweep looks at.
FORGOTTEN_BATCH: Final = 50


def makes_redundant(project: Project, source: PipelineSource) -> bool:
    """Whether a new pipeline may make older ones redundant: not a scheduled one or a child, nor where it is off."""
    return project.auto_cancel_pending_pipelines and source not in _MAKES_NONE_REDUNDANT


def cancel_redundant_pipelines(newer: Pipeline) -> list[int]:
    """Cancels older pipelines of the ref as their `auto_cancel` says; returns the ids of those it touched.

    Runs after the commit of the new pipeline, one transaction an older one, and takes the mark
    `redundancy_unchecked` away; without the mark it does nothing. Children are looked at like other pipelines.
    """
    if not newer.redundancy_unchecked:
        return []
    older = (
        Pipeline.objects.filter(
            project_id=newer.project_id,
            ref=newer.ref,
            tag=newer.tag,
            pk__lt=newer.pk,
            status__in=[status.value for status in UNFINISHED],
            created_at__gte=clock.now() - LOOKS_BACK,
        )
        .exclude(sha=newer.sha)
        .order_by("-id")
        .values_list("id", flat=True)
    )
    touched = [pipeline_id for pipeline_id in list(older[:BATCH]) if _cancel(pipeline_id, newer.pk)]
    Pipeline.objects.filter(pk=newer.pk).update(redundancy_unchecked=False)
    return touched


def cancel_forgotten_pipelines() -> int:
    """Does the same for pipelines whose process died between their commit and that; returns how many it looked at."""
    now = clock.now()
    unchecked = Pipeline.objects.filter(
        redundancy_unchecked=True, created_at__gte=now - LOOKS_BACK, created_at__lte=now - HOOK_TAKES
    )
    newer = list(unchecked.order_by("id")[:FORGOTTEN_BATCH])
    one_by_one(newer, cancel_redundant_pipelines)
    return len(newer)


def _cancel(pipeline_id: int, newer_id: int) -> bool:
    with transaction.atomic():
        try:
            pipeline = lock_pipeline(pipeline_id)
        except NotFound:
            return False
        latest = Job.objects.in_pipeline(pipeline.pk).latest_copies()
        jobs = [
            InterruptibleJob(
                job_id, Status(status), interruptible, kind == JobKind.BRIDGE and started is not None
            )
            for job_id, status, interruptible, kind, started in latest.values_list(
                "id", "status", "interruptible", "kind", "started_at"
            )
        ]
        ids = redundant_jobs(pipeline.auto_cancel_on_new_commit, jobs)
        changes = cancel_jobs(pipeline, ids)
        if not changes:
            return False
        Pipeline.objects.filter(pk=pipeline.pk).update(auto_canceled_by_id=newer_id)
        advance(pipeline, changes)
    return True
