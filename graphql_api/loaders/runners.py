"""Owns what is known of runners: whether they can be reached, what they run, and which jobs wait for one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from ci_core import clock, models, waiting
from ci_core.decisions.runner_status import runner_status
from ci_core.decisions.waiting import Waiting
from ci_core.hydration import prepared_rows
from ci_core.statuses import Status
from graphql_api.context import Context

#: Hand-written: it is asked for with every list of pipelines, and mostly finds nothing.
_PENDING: Final = f"""
SELECT * FROM ci_core_job
WHERE pipeline_id = ANY(%s::bigint[]) AND NOT retried AND status = '{Status.PENDING.value}'
"""  # noqa: S608 - a constant


def status(contacted_at: datetime | None, created_at: datetime) -> str:
    """Whether a runner, or a machine of it, can be reached; a value of CiRunnerStatus."""
    return runner_status(contacted_at, created_at, clock.now()).value


def stuck(context: Context, jobs: Sequence[models.Job]) -> list[bool]:
    """Whether each job is pending while no runner that is online takes it."""
    by_id = {job.pk: job for job in jobs if job.status == Status.PENDING}

    def read(missing: list[int]) -> Mapping[int, bool]:
        return dict.fromkeys(waiting.all_stuck([by_id[id_] for id_ in missing]), True)

    found = context.remembered("stuck jobs", by_id, read)
    return [bool(found[job.pk]) if job.pk in by_id else False for job in jobs]


def reasons(context: Context, jobs: Sequence[models.Job]) -> list[Waiting | None]:
    """Why each job waits; None for one that does not."""
    by_id = {job.pk: job for job in jobs}
    found = context.remembered(
        "why jobs wait", by_id, lambda missing: waiting.why_all_wait([by_id[id_] for id_ in missing])
    )
    return [found[job.pk] for job in jobs]


def stuck_pipelines(context: Context, pipeline_ids: Iterable[int]) -> set[int]:
    """Ids of those of the pipelines that have a stuck job."""
    pending = prepared_rows(models.Job, _PENDING, [list(pipeline_ids)])
    return {
        job.pipeline_id for job, is_stuck in zip(pending, stuck(context, pending), strict=True) if is_stuck
    }


def queues(runners: Sequence[models.Runner]) -> Mapping[int, waiting.Queue]:
    """The jobs that wait for each runner."""
    return waiting.queues(runners) if runners else {}


def busy(runner_ids: Iterable[int]) -> set[int]:
    """Ids of those of the runners that run a job."""
    rows = models.RunningJob.objects.filter(runner_id__in=list(runner_ids))
    return set(rows.values_list("runner_id", flat=True).distinct())


def busy_managers(manager_ids: Iterable[int]) -> set[int]:
    """Ids of those of the machines that run a job."""
    running = models.RunningJob.objects.filter(runner__managers__in=list(manager_ids))
    jobs = models.Job.objects.by_ids(running.values_list("job_id", flat=True))
    return set(jobs.exclude(runner_manager_id=None).values_list("runner_manager_id", flat=True))


def managers(runner_ids: Iterable[int]) -> Mapping[int, list[models.RunnerManager]]:
    """The machines of each runner, oldest first."""
    found: dict[int, list[models.RunnerManager]] = {}
    for row in models.RunnerManager.objects.filter(runner_id__in=list(runner_ids)).order_by("pk"):
        found.setdefault(row.runner_id, []).append(row)
    return found
