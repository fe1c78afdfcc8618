"""Which skipped jobs get another chance after a job was played or retried (processing.md, section 6, RESET)."""

from __future__ import annotations

from collections.abc import Iterable

from ci_core.decisions.snapshots import JobSnapshot
from ci_core.statuses import Status


def to_reset(jobs: Iterable[JobSnapshot], started: Iterable[JobSnapshot]) -> list[int]:
    """Ids of the skipped jobs which go back to `created` because the `started` ones run again.

    These are the transitive needs-dependents of a started job, and every job of a later stage.
    """
    jobs = list(jobs)
    started = list(started)
    if not started:
        return []
    reached = _dependents(jobs, {job.name for job in started})
    first_stage = min(job.stage for job in started)
    return [
        job.id
        for job in jobs
        if job.status == Status.SKIPPED and (job.name in reached or job.stage > first_stage)
    ]


def _dependents(jobs: list[JobSnapshot], roots: set[str]) -> set[str]:
    """Names of all jobs that need one of `roots`, directly or through others."""
    dependents: dict[str, list[str]] = {}
    for job in jobs:
        for need in job.needs or ():
            dependents.setdefault(need, []).append(job.name)
    reached: set[str] = set()
    frontier = list(roots)
    while frontier:
        for name in dependents.get(frontier.pop(), ()):
            if name not in reached:
                reached.add(name)
                frontier.append(name)
    return reached
