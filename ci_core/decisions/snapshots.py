"""Frozen inputs of the decisions, as read from the database or made by a test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ci_core.decisions.composite import Counted, counted
from ci_core.statuses import Status, When


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """The latest copy of one job, as far as processing cares.

    stage: position of its stage. needs: names of the jobs it needs; None when it has no `needs` key.
    enqueue_immediately: a retried manual or delayed job, which starts without being played again.
    exclusive: it waits for a resource group before it is pending.
    """

    id: int
    name: str
    stage: int
    status: Status
    when: When = When.ON_SUCCESS
    allow_failure: bool = False
    needs: tuple[str, ...] | None = None
    enqueue_immediately: bool = False
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class StageSnapshot:
    """A stage: its stored status, and how many of its latest jobs count as what.

    waiting: how many of its `created` jobs wait for earlier stages rather than for their needs.
    """

    stored: Status
    tally: Mapping[Status | Counted, int] = field(default_factory=dict)
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class PipelineSnapshot:
    """What decides how a pipeline moves on, which is less than all its jobs.

    status: as stored. stages: by position, all that have jobs. created: `created` jobs that may move. needed: what
    latest jobs count as, by name; at least those that a job of `created` needs and that exist.
    """

    status: Status
    stages: Mapping[int, StageSnapshot]
    created: tuple[JobSnapshot, ...]
    needed: Mapping[str, Status | Counted]


def whole(status: Status, stages: Mapping[int, Status], jobs: Iterable[JobSnapshot]) -> PipelineSnapshot:
    """The snapshot of a pipeline all of whose latest jobs are at hand. stages: stored statuses by position."""
    tallies: dict[int, Counter[Status | Counted]] = {}
    waiting: Counter[int] = Counter()
    created = []
    needed = {}
    for job in jobs:
        value = counted(job.status, job.allow_failure)
        needed[job.name] = value
        tallies.setdefault(job.stage, Counter())[value] += 1
        if job.status == Status.CREATED:
            created.append(job)
            waiting[job.stage] += job.needs is None
    return PipelineSnapshot(
        status=status,
        stages={
            position: StageSnapshot(stages.get(position, Status.CREATED), tally, waiting[position])
            for position, tally in tallies.items()
        },
        created=tuple(created),
        needed=needed,
    )


@dataclass(frozen=True, slots=True)
class Advance:
    """What one pass decided: new statuses by job id and by stage position (changes only), and the pipeline's.

    cascades: some job reached a status that may let further jobs move.
    """

    jobs: Mapping[int, Status]
    stages: Mapping[int, Status]
    pipeline: Status
    cascades: bool = False
