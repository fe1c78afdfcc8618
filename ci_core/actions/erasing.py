"""Erases what a finished job left behind, its log and its artifacts; the job itself stays."""

from __future__ import annotations

from django.db import transaction

from ci_core import clock
from ci_core.actions.artifacts import remove_artifacts
from ci_core.errors import NotErasable
from ci_core.locks import lock_job
from ci_core.models import Artifact, Job, Trace, TraceChunk, User
from ci_core.statuses import COMPLETED


def erase_job(job_id: int, *, acting_user: User | None) -> Job:
    """Removes the log and the artifacts of a job that has finished. Raises NotFound, NotErasable.

    From the first commit on the artifacts have expired: should this be interrupted, the sweep removes their files.
    """
    with transaction.atomic():
        _, job = lock_job(job_id)
        if job.status not in COMPLETED:
            raise NotErasable(f"{job.name} is {job.status}: only a finished job can be erased.")
        if job.erased_at is not None:
            raise NotErasable(f"{job.name} was erased already.")
        now = clock.now()
        Job.objects.by_ids([job_id]).update(erased_at=now, erased_by=acting_user, updated_at=now)
        job.erased_at, job.erased_by, job.updated_at = now, acting_user, now
        Trace.objects.by_ids([job_id]).delete()
        TraceChunk.objects.of_jobs([job_id]).delete()
        Artifact.objects.of_jobs([job_id]).update(expire_at=now)
    remove_artifacts(list(Artifact.objects.of_jobs([job_id])))
    return job
