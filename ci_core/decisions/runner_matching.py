"""Whether a runner may take a job, and if not, why; `queueing/queries.sql` says the same, and a test compares both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Obstacle(StrEnum):
    """Why a runner does not take a job."""

    OTHER_PROJECTS = "other_projects"
    TAGS = "tags"
    UNTAGGED = "untagged"
    PROTECTED_REFS_ONLY = "protected_refs_only"
    PAUSED = "paused"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class RunnerSnapshot:
    """A runner. project_ids: None for one that takes jobs of all projects. running: jobs that it has now."""

    id: int
    name: str
    tags: frozenset[str] = frozenset()
    run_untagged: bool = True
    protected_only: bool = False
    project_ids: frozenset[int] | None = None
    paused: bool = False
    online: bool = True
    running: int = 0


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """What matching looks at in a pending job."""

    project_id: int
    tags: frozenset[str] = frozenset()
    protected: bool = False


def obstacles(runner: RunnerSnapshot, job: QueuedJob) -> frozenset[Obstacle]:
    """Everything that keeps a runner from taking a job; empty when it may."""
    found = set()
    if runner.project_ids is not None and job.project_id not in runner.project_ids:
        found.add(Obstacle.OTHER_PROJECTS)
    if not job.tags <= runner.tags:
        found.add(Obstacle.TAGS)
    if not job.tags and not runner.run_untagged:
        found.add(Obstacle.UNTAGGED)
    if runner.protected_only and not job.protected:
        found.add(Obstacle.PROTECTED_REFS_ONLY)
    if runner.paused:
        found.add(Obstacle.PAUSED)
    if not runner.online:
        found.add(Obstacle.OFFLINE)
    return frozenset(found)


def may_take(runner: RunnerSnapshot, job: QueuedJob) -> bool:
    """Whether a runner that is online takes this job."""
    return not obstacles(runner, job)
