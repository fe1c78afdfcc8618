"""Which jobs start, skip or wait: one pass over a pipeline. Rules: the reference `processing.md`, section 4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from ci_core.decisions.composite import (
    Counted,
    composite,
    counted,
    settled,
    stored_pipeline_status,
    stored_stage_status,
)
from ci_core.decisions.snapshots import Advance, JobSnapshot, PipelineSnapshot, StageSnapshot
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
    # No configuration has such a job; one that came to be all the same must not keep its pipeline open.
    When.NEVER: (frozenset(), frozenset(), Status.SKIPPED),
}


def advance(pipeline: PipelineSnapshot) -> Advance:
    """One processing pass: the new statuses of jobs, stages and pipeline, where they change.

    Stages are taken in order and, within a stage, needs before those that need them; so that the result of
    one job is visible to the next, and one pass reaches the fixed point.
    """
    by_stage: dict[int, list[JobSnapshot]] = {}
    for job in pipeline.created:
        by_stage.setdefault(job.stage, []).append(job)
    values = dict(pipeline.needed)
    changed: dict[int, Status] = {}
    stages: dict[int, Status] = {}
    earlier: set[Status | Counted] = set()
    cascades = False
    for position in sorted(pipeline.stages):
        stage = pipeline.stages[position]
        tally = Counter(stage.tally)
        before = composite(earlier)
        for job in needs_first(by_stage.get(position, ())):
            status = _next_status(job, before, values)
            if status is not None:
                changed[job.id] = status
                value = values[job.name] = counted(status, job.allow_failure)
                tally[Status.CREATED] -= 1
                tally[value] += 1
                cascades = cascades or settled(value)
        in_stage = {value for value, count in tally.items() if count > 0}
        new = stored_stage_status(stage.stored, composite(in_stage))
        if in_stage and new != stage.stored:
            stages[position] = new
        earlier |= in_stage
    return Advance(changed, stages, stored_pipeline_status(pipeline.status, composite(earlier)), cascades)


def open_stages(stages: Mapping[int, StageSnapshot]) -> list[int]:
    """Positions of the stages whose `created` jobs, as far as they wait for earlier stages, need wait no longer."""
    found = []
    earlier: set[Status | Counted] = set()
    for position in sorted(stages):
        if stages[position].waiting and composite(earlier) in COMPLETED:
            found.append(position)
        earlier.update(value for value, count in stages[position].tally.items() if count > 0)
    return found


def _next_status(job: JobSnapshot, before: Status, values: Mapping[str, Status | Counted]) -> Status | None:
    """What a created job becomes, or None while it has to wait.

    before: composite of all earlier stages. values: what each latest job counts as, by name.
    """
    by_needs = job.needs is not None
    if job.needs is not None:
        # A name that is not here is an optional need that the rules left out.
        before = composite((values[name] for name in job.needs if name in values), of_needs=True)
    if before not in COMPLETED:
        return None
    by_stage_allowed, by_needs_allowed, proceeds_to = _PROCEEDS[job.when]
    if before not in (by_needs_allowed if by_needs else by_stage_allowed):
        return Status.SKIPPED
    if job.enqueue_immediately:
        proceeds_to = Status.PENDING
    return Status.WAITING_FOR_RESOURCE if proceeds_to == Status.PENDING and job.exclusive else proceeds_to


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
