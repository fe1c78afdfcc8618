"""The queue of trigger jobs: a row for each one that is pending, and a background task that creates its pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db import connection
from procrastinate.contrib.django import app

from ci_core import clock
from ci_core.events import Change
from ci_core.statuses import Status

#: Name of the task that creates the pipelines of a pipeline's pending trigger jobs (`ci_core.tasks.bridges`).
START_TASK: Final = "ci:start_bridges"

_QUEUE: Final = """
INSERT INTO ci_core_pendingbridge (job_id, pipeline_id, queued_at)
SELECT job_id, job_id >> 16, %s FROM unnest(%s::bigint[]) AS t(job_id)
ON CONFLICT (job_id) DO NOTHING
"""
_UNQUEUE: Final = "DELETE FROM ci_core_pendingbridge WHERE job_id = ANY(%s)"


def follow(pipeline_id: int, changes: Sequence[Change], to: Status) -> None:
    """Keeps the queue in step with trigger jobs of a pipeline that moved to a status.

    The task is deferred in the same transaction: so it runs if and only if that is committed.
    """
    if not changes:
        return
    if to == Status.PENDING:
        with connection.cursor() as cursor:
            cursor.execute(_QUEUE, [clock.now(), [change.subject_id for change in changes]])
        app.configure_task(START_TASK).defer(pipeline_id=pipeline_id)
        return
    left = [change.subject_id for change in changes if change.old == Status.PENDING]
    if left:
        with connection.cursor() as cursor:
            cursor.execute(_UNQUEUE, [left])
