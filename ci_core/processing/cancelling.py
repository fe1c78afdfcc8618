"""Cancelling jobs of a locked pipeline: gracefully where the runner can, at once elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from ci_core.decisions.transitions import Event
from ci_core.models import Job, Pipeline, RunnerManager
from ci_core.statuses import Status
from ci_core.transition import JobChange, transition


def cancel_jobs(pipeline: Pipeline, job_ids: Sequence[int], *, force: bool = False) -> list[JobChange]:
    """Cancels those of the jobs that can be; returns what changed.

    A running job whose runner can stop gracefully becomes `canceling`, and `canceled` when the runner has stopped
    (https://docs.gitlab.com/ci/jobs/#cancel-jobs). force: all become `canceled` at once. The caller advances.
    """
    graceful = [] if force else _gracefully(pipeline, job_ids)
    changed = transition(pipeline, graceful, Event.BEGIN_CANCEL)
    at_once = [job_id for job_id in job_ids if job_id not in set(graceful)]
    return changed + transition(pipeline, at_once, Event.CANCEL)


def _gracefully(pipeline: Pipeline, job_ids: Sequence[int]) -> list[int]:
    """Those of the jobs that run on a runner which understands a graceful cancel."""
    running = list(
        Job.objects.in_pipeline(pipeline.pk)
        .filter(id__in=job_ids, status=Status.RUNNING.value, runner_manager__isnull=False)
        .values_list("id", "runner_manager_id")
    )
    able = set(
        RunnerManager.objects.filter(
            pk__in={manager_id for _, manager_id in running}, features__cancel_gracefully=True
        ).values_list("pk", flat=True)
    )
    return [job_id for job_id, manager_id in running if manager_id in able]
