"""Which jobs start, skip or wait: one pass over a pipeline. Rules: the reference `processing.md`, section 4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ci_core.decisions.composite import (
    Counted,
    composite,
    counted,
    stored_pipeline_status,
    stored_stage_status,
)
from ci_core.decisions.snapshots import Advance, JobSnapshot, PipelineSnapshot
from ci_core.statuses import COMPLETED, Status, When

_PASSED: Final = frozenset({Status.SUCCESS, Status.SKIPPED})
_ANY_END: Final = frozenset({Status.SUCCESS, Status.FAILED, Status.SKIPPED})

#: when -> (what lets it proceed without needs, with needs, and what it proceeds to)
_PROCEEDS: Final[Mapping[When, tuple[frozenset[Status], frozenset[Status], Status]]] = {
    When.ON_SUCCESS: (_PASSED, frozenset({Status.SUCCESS}), Status.PENDING),
    When.MANUAL: (_PASSED, frozenset({Status.SUCCESS}), Status.MANUAL),
    When.DELAYED: (_PASSED, frozenset({Status.SUCCESS}), Status.SCHEDULED),
    When.ON_FAILURE: (frozenset({Status.FAILED}), frozenset({Status.FAILED}), Status.PENDING),
    When.ALWAYS: (_ANY_END, _ANY_END, Status.PENDING),
}


def advance(pipeline: PipelineSnapshot) -> Advance:
    """One processing pass: the new statuses of jobs, stages and pipeline, where they change.

    Stages are taken in order and, within a stage, needs before those that need them; so that the result of
    one job is visible to the next, and one pass reaches the fixed point.
    """
    by_stage: dict[int, list[JobSnapshot]] = {}
    for job in pipeline.jobs:
        by_stage.setdefault(job.stage, []).append(job)
    values: dict[str, Status | Counted] = {
        job.name: counted(job.status, job.allow_failure) for job in pipeline.jobs
    }
    changed: dict[int, Status] = {}
    stages: dict[int, Status] = {}
    earlier: set[Status | Counted] = set()
    for position in sorted(by_stage):
        jobs = by_stage[position]
        before = composite(earlier)
        for job in needs_first(job for job in jobs if job.status == Status.CREATED):
            status = _next_status(job, before, values)
            if status is not None:
                changed[job.id] = status
                values[job.name] = counted(status, job.allow_failure)
        in_stage = {values[job.name] for job in jobs}
        old = pipeline.stages.get(position, Status.CREATED)
        new = stored_stage_status(old, composite(in_stage))
        if new != old:
            stages[position] = new
        earlier |= in_stage
    return Advance(changed, stages, stored_pipeline_status(pipeline.status, composite(earlier)))


def _next_status(job: JobSnapshot, before: Status, values: Mapping[str, Status | Counted]) -> Status | None:
    """What a created job becomes, or None while it has to wait.

    before: composite of all earlier stages. values: what each latest job counts as, by name.
    """
    by_needs = job.needs is not None
    if job.needs is not None:
        # A name that is not here is an optional need that the rules left out.
        before = composite((values[name] for name in job.needs if name in values), of_needs=True)
    if before not in COMPLETED or job.when not in _PROCEEDS:
        return None
    by_stage_allowed, by_needs_allowed, proceeds_to = _PROCEEDS[job.when]
    if before not in (by_needs_allowed if by_needs else by_stage_allowed):
        return Status.SKIPPED
    return Status.PENDING if job.enqueue_immediately else proceeds_to


def needs_first(jobs: Iterable[JobSnapshot]) -> list[JobSnapshot]:
    """The jobs of one stage, ordered so that a job comes after those of them that it needs."""
    waiting = {job.name: job for job in jobs}
    if not any(job.needs and waiting.keys() & set(job.needs) for job in waiting.values()):
        return list(waiting.values())
    ordered: dict[str, JobSnapshot] = {}
    opened: set[str] = set()
    stack: list[tuple[JobSnapshot, bool]] = [(job, False) for job in reversed(waiting.values())]
    while stack:
        job, needs_done = stack.pop()
        if job.name in ordered:
            continue
        if needs_done or not job.needs:
            ordered[job.name] = job
            continue
        if job.name in opened:  # only in a cycle, which the compiler refuses
            continue
        opened.add(job.name)
        stack.append((job, True))
        stack.extend((waiting[name], False) for name in job.needs if name in waiting and name not in ordered)
    return list(ordered.values())
