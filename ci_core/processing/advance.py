"""One processing pass: load what the decisions need, decide, store what changed, log it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.db import connection

from ci_core import clock, events
from ci_core.decisions import readiness
from ci_core.decisions.duration import busy_seconds
from ci_core.decisions.reset import to_reset
from ci_core.decisions.snapshots import PipelineSnapshot
from ci_core.decisions.transitions import Event
from ci_core.models import EventKind, Job, Pipeline
from ci_core.models.ids import in_pipeline
from ci_core.processing.snapshot import load
from ci_core.statuses import COMPLETED, Status
from ci_core.transition import transition

#: How a decided status is reached from `created`.
_EVENT_TO: Final[Mapping[Status, Event]] = {
    Status.PENDING: Event.ENQUEUE,
    Status.MANUAL: Event.ACTIONIZE,
    Status.SCHEDULED: Event.SCHEDULE,
    Status.SKIPPED: Event.SKIP,
}

_STORE_STAGES: Final = """
UPDATE ci_core_stage AS stage SET status = new.status
FROM unnest(%(ids)s::bigint[], %(statuses)s::text[]) AS new(id, status)
WHERE stage.pipeline_id = %(pipeline_id)s AND stage.id = new.id
"""


def advance(pipeline: Pipeline, *, restarted: Collection[str] = ()) -> None:
    """Moves a locked pipeline as far as its jobs' statuses let it go, in the caller's transaction.

    restarted: names of jobs that were played or retried; skipped jobs after them get another chance first.
    `pipeline` is brought up to date.
    """
    snapshot = load(pipeline, all_needs=bool(restarted))
    if restarted:
        snapshot = _reset(pipeline, snapshot, restarted)
    decided = readiness.advance(snapshot)
    by_status: dict[Status, list[int]] = {}
    for job_id, status in decided.jobs.items():
        by_status.setdefault(status, []).append(job_id)
    for status, job_ids in by_status.items():
        transition(pipeline, job_ids, _EVENT_TO[status])
    _store_stages(pipeline, snapshot, decided.stages)
    if decided.pipeline != pipeline.status:
        _store_pipeline(pipeline, decided.pipeline)


def _reset(pipeline: Pipeline, snapshot: PipelineSnapshot, restarted: Collection[str]) -> PipelineSnapshot:
    """Puts skipped jobs behind the restarted ones back to `created`; returns the snapshot after it."""
    started = [job for job in snapshot.jobs if job.name in restarted]
    changed = {
        change.subject_id for change in transition(pipeline, to_reset(snapshot.jobs, started), Event.RESET)
    }
    jobs = (replace(job, status=Status.CREATED) if job.id in changed else job for job in snapshot.jobs)
    return replace(snapshot, jobs=tuple(jobs))


def _store_stages(pipeline: Pipeline, snapshot: PipelineSnapshot, stages: Mapping[int, Status]) -> None:
    if not stages:
        return
    ids = [in_pipeline(pipeline.pk, position) for position in stages]
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE_STAGES,
            {
                "pipeline_id": pipeline.pk,
                "ids": ids,
                "statuses": [status.value for status in stages.values()],
            },
        )
    changes = [
        events.Change(in_pipeline(pipeline.pk, position), snapshot.stages[position].value, status.value)
        for position, status in stages.items()
    ]
    events.record(pipeline, EventKind.STAGE, changes)


def _store_pipeline(pipeline: Pipeline, status: Status) -> None:
    """Stores the pipeline's new status with the times that go with it, and logs it."""
    now = clock.now()
    old, pipeline.status, pipeline.updated_at = pipeline.status, status.value, now
    fields = ["status", "updated_at", "finished_at"]
    pipeline.finished_at = now if status in COMPLETED else None
    if status == Status.RUNNING and pipeline.started_at is None:
        pipeline.started_at = now
        fields.append("started_at")
    if status in COMPLETED:
        pipeline.duration = busy_seconds(_intervals(pipeline))
        fields.append("duration")
    pipeline.save(update_fields=fields)
    events.record(pipeline, EventKind.PIPELINE, [events.Change(pipeline.pk, old, status.value)])


def _intervals(pipeline: Pipeline) -> Iterable[tuple[datetime, datetime]]:
    ran = Job.objects.in_pipeline(pipeline.pk).filter(started_at__isnull=False, finished_at__isnull=False)
    return ran.values_list("started_at", "finished_at")
