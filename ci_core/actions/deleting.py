"""Deletes pipelines whole: files first, rows last, so that an interrupted deletion can go on from its mark."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.db.models.functions import Random

from ci_core import clock, partitions
from ci_core.actions.artifacts import remove_artifacts
from ci_core.actions.sweeping import one_by_one
from ci_core.errors import NotFound
from ci_core.events.ringing import RING_PIPELINE
from ci_core.locks import lock_pipeline
from ci_core.models import (
    Artifact,
    BridgeMessage,
    Deployment,
    DownstreamPipeline,
    Job,
    JobTimer,
    MirroredPipeline,
    PendingBridge,
    Pipeline,
    ResourceClaim,
    RunningJob,
)
from ci_core.models.ids import jobs_of
from ci_core.processing import advance
from ci_core.processing.cancelling import cancel_jobs
from ci_core.statuses import CANCELABLE, Status

log = structlog.get_logger("pipeyard.deleting")

#: Artifacts that are removed at a time.
PAGE: Final = 500
#: Seconds after which a deletion that has not ended counts as interrupted.
INTERRUPTED_AFTER: Final = 300
#: Interrupted deletions that one sweep ends.
BATCH: Final = 20

#: Tables with rows of jobs that are not partitioned.
_OF_JOBS: Final[tuple[Any, ...]] = (
    RunningJob,
    JobTimer,
    ResourceClaim,
    Deployment,
    PendingBridge,
    BridgeMessage,
    MirroredPipeline,
)

# A claim that holds such a row waits for the pipeline, finds it gone and removes the row itself.
_UNQUEUE: Final = """
DELETE FROM ci_core_pendingjob WHERE job_id IN (
    SELECT job_id FROM ci_core_pendingjob WHERE job_id BETWEEN %s AND %s FOR UPDATE SKIP LOCKED
)
"""


def delete_pipeline(pipeline_id: int) -> None:
    """Deletes a pipeline with its jobs, logs, artifacts, deployments, events and child pipelines. What runs is
    cancelled first.

    From the first commit on nobody reaches it any more. Raises NotFound.
    """
    _mark(pipeline_id)
    for child_id in _children(pipeline_id):
        try:
            delete_pipeline(child_id)
        except NotFound:
            log.info("deleted meanwhile", pipeline_id=child_id)
    while True:
        page = list(Artifact.objects.in_pipeline(pipeline_id).order_by("id")[:PAGE])
        if not page:
            break
        remove_artifacts(page)
    _remove_rows(pipeline_id)


def _children(pipeline_id: int) -> list[int]:
    """A pipeline's child pipelines; it has been marked, so that there will be no more."""
    links = DownstreamPipeline.objects.filter(source_pipeline_id=pipeline_id, child=True)
    return list(links.values_list("pk", flat=True))


@transaction.atomic
def _mark(pipeline_id: int) -> None:
    """Cancels what is not finished, and notes that the pipeline is being deleted."""
    pipeline = lock_pipeline(pipeline_id, deleting=True)
    if pipeline.deleting_since is not None:
        return
    unfinished = [status.value for status in (*CANCELABLE, Status.CANCELING, Status.MANUAL)]
    ids = Job.objects.in_pipeline(pipeline.pk).filter(status__in=unfinished).values_list("id", flat=True)
    advance(pipeline, cancel_jobs(pipeline, list(ids), force=True))
    Pipeline.objects.filter(pk=pipeline.pk).update(deleting_since=clock.now())


@transaction.atomic
def _remove_rows(pipeline_id: int) -> None:
    try:
        pipeline = lock_pipeline(pipeline_id, deleting=True)
    except NotFound:
        return
    first, last = jobs_of(pipeline_id)
    for model in _OF_JOBS:
        model.objects.filter(job_id__range=(first, last)).delete()
    with connection.cursor() as cursor:
        cursor.execute(_UNQUEUE, [first, last])
        for table in partitions.TABLES:
            cursor.execute(f"DELETE FROM {table} WHERE pipeline_id = %s", [pipeline_id])  # noqa: S608 - constants
        cursor.execute(
            f"SELECT {RING_PIPELINE}", {"pipeline_id": pipeline_id, "project_id": pipeline.project_id}
        )
    pipeline.delete()


def resume_deletions() -> int:
    """Ends deletions that were interrupted; returns how many."""
    since = clock.now() - timedelta(seconds=INTERRUPTED_AFTER)
    # At random: so many that fail each time would otherwise keep the others from ever being looked at.
    interrupted = Pipeline.objects.filter(deleting_since__lte=since).order_by(Random())
    return len(one_by_one(list(interrupted.values_list("id", flat=True)[:BATCH]), _resume))


def _resume(pipeline_id: int) -> bool:
    delete_pipeline(pipeline_id)
    return True
