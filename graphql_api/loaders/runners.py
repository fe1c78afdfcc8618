"""Owns what is known of runners: whether they can be reached, what they run, and whether one fits a job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ci_core import clock, models
from ci_core.models import RunnerAccessLevel, RunnerType
from ci_core.statuses import Status
from graphql_api.context import Context

#: A runner that called within this time is online. Source: GitLab, Ci::Runner.
ONLINE_FOR: Final = timedelta(hours=2)
#: A runner that has not called for this time is stale. Source: GitLab, Ci::Runner.
STALE_AFTER: Final = timedelta(days=7)


def status(contacted_at: datetime | None, created_at: datetime) -> str:
    """Whether a runner, or a machine of it, can be reached; a value of CiRunnerStatus."""
    now = clock.now()
    if contacted_at is not None and contacted_at > now - ONLINE_FOR:
        return "online"
    if max(contacted_at or created_at, created_at) < now - STALE_AFTER:
        return "stale"
    return "never_contacted" if contacted_at is None else "offline"


@dataclass(frozen=True, slots=True)
class _Online:
    """A runner that takes jobs now. project_ids: None for those of all projects."""

    tags: frozenset[str]
    run_untagged: bool
    protected_only: bool
    project_ids: frozenset[int] | None

    def takes(self, job: models.Job) -> bool:
        """Whether the runner may take the job; the same rule as the claim's (ci_core/queueing/queries.sql)."""
        return (
            self.tags.issuperset(job.tags)
            and (self.run_untagged or bool(job.tags))
            and (not self.protected_only or job.protected)
            and (self.project_ids is None or job.project_id in self.project_ids)
        )


def stuck(context: Context, jobs: Sequence[models.Job]) -> list[bool]:
    """Whether each job is pending while no runner that is online takes it."""
    if not any(job.status == Status.PENDING for job in jobs):
        return [False] * len(jobs)
    online = context.remembered("online runners", [0], lambda _: {0: _online()})[0] or []
    return [job.status == Status.PENDING and not any(runner.takes(job) for runner in online) for job in jobs]


def _online() -> list[_Online]:
    rows = models.Runner.objects.filter(paused=False, contacted_at__gt=clock.now() - ONLINE_FOR)
    return [
        _Online(
            frozenset(row.tags),
            row.run_untagged,
            row.access_level == RunnerAccessLevel.REF_PROTECTED,
            frozenset(project.pk for project in row.projects.all())
            if row.runner_type == RunnerType.PROJECT_TYPE
            else None,
        )
        for row in rows.prefetch_related("projects")
    ]


def stuck_pipelines(context: Context, pipeline_ids: Iterable[int]) -> set[int]:
    """Ids of those of the pipelines that have a stuck job."""
    pending = list(
        models.Job.objects.in_pipelines(pipeline_ids).latest_copies().filter(status=Status.PENDING.value)
    )
    return {
        job.pipeline_id for job, is_stuck in zip(pending, stuck(context, pending), strict=True) if is_stuck
    }


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


def project_ids(runner_ids: Iterable[int]) -> Mapping[int, list[int]]:
    """The projects that each runner is assigned to, in the order of assignment."""
    assignments = models.Runner.projects.through.objects.filter(runner_id__in=list(runner_ids))
    found: dict[int, list[int]] = {}
    for runner_id, project_id in assignments.order_by("pk").values_list("runner_id", "project_id"):
        found.setdefault(runner_id, []).append(project_id)
    return found
