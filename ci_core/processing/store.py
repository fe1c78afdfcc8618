"""Stores the statuses of a pipeline and its stages, and logs them, in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from ci_core import clock, events
from ci_core.decisions.duration import busy_seconds
from ci_core.decisions.snapshots import Advance, StageSnapshot
from ci_core.events import log
from ci_core.events.ringing import RING_PIPELINE
from ci_core.models import EventKind, Job, Pipeline
from ci_core.models.ids import in_pipeline
from ci_core.prepared import fetch_named
from ci_core.statuses import COMPLETED, Status

_STAGES: Final = """stages AS (
    UPDATE ci_core_stage AS stage SET status = new.status
    FROM unnest(%(stages)s::bigint[], %(stage_statuses)s::text[]) AS new(id, status)
    WHERE stage.pipeline_id = %(pipeline_id)s AND stage.id = new.id
)"""

_PIPELINE: Final = """pipeline AS (
    UPDATE ci_core_pipeline
    SET status = %(status)s, updated_at = %(now)s, started_at = %(started_at)s, finished_at = %(finished_at)s,
        duration = %(duration)s
    WHERE id = %(pipeline_id)s
)"""


# Notes for trigger jobs that mirror the pipeline that it has moved.
_MIRRORED: Final = """mirrored AS (
    UPDATE ci_core_mirroredpipeline SET moved_since = coalesce(moved_since, %(now)s::timestamptz)
    WHERE mirrored_id = %(pipeline_id)s AND following RETURNING job_id
)"""


def store(pipeline: Pipeline, stages: Mapping[int, StageSnapshot], decided: Advance) -> list[int]:
    """Stores what a pass decided for the stages and the pipeline, as far as it changed; `pipeline` is kept up to date.

    stages: as they were. Returns the ids of trigger jobs that mirror the pipeline, if its status has changed.
    """
    now = clock.now()
    changes = [
        (
            EventKind.STAGE,
            events.Change(in_pipeline(pipeline.pk, position), stages[position].stored.value, status.value),
        )
        for position, status in decided.stages.items()
    ]
    parts = [_STAGES] if changes else []
    parameters: dict[str, Any] = {
        "stages": [change.subject_id for _, change in changes],
        "stage_statuses": [change.new for _, change in changes],
    }
    if decided.pipeline != pipeline.status:
        changes.append(
            (EventKind.PIPELINE, events.Change(pipeline.pk, pipeline.status, decided.pipeline.value))
        )
        _set_status(pipeline, decided.pipeline, now)
        parts += [_PIPELINE, _MIRRORED]
    if not changes:
        return []
    parameters |= {
        "status": pipeline.status,
        "started_at": pipeline.started_at,
        "finished_at": pipeline.finished_at,
        "duration": pipeline.duration,
        **log.parameters(pipeline, changes, now),
    }
    followers = "(SELECT array_agg(job_id) FROM mirrored)" if _MIRRORED in parts else "NULL"
    sql = f"WITH {', '.join(parts)}, {log.LOG_CHANGES} SELECT {RING_PIPELINE}, {followers}"
    ((_, mirroring),) = fetch_named(sql, parameters)
    return mirroring or []


def _set_status(pipeline: Pipeline, status: Status, now: datetime) -> None:
    """The new status with the times that go with it, on the object."""
    pipeline.status, pipeline.updated_at = status.value, now
    pipeline.finished_at = now if status in COMPLETED else None
    if status == Status.RUNNING and pipeline.started_at is None:
        pipeline.started_at = now
    if status in COMPLETED:
        pipeline.duration = busy_seconds(_intervals(pipeline))


def _intervals(pipeline: Pipeline) -> Iterable[tuple[datetime, datetime]]:
    ran = Job.objects.in_pipeline(pipeline.pk).filter(started_at__isnull=False, finished_at__isnull=False)
    return ran.values_list("started_at", "finished_at")
