"""Which jobs start, skip or wait: laws that hold for every pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from ci_core.decisions.composite import counted, settled
from ci_core.decisions.readiness import advance, needs_first, open_stages
from ci_core.decisions.reset import to_reset
from ci_core.decisions.snapshots import Advance, JobSnapshot, PipelineSnapshot, whole
from ci_core.statuses import Status, When


@dataclass(frozen=True)
class Case:
    """A pipeline with all its latest jobs."""

    status: Status
    stages: Mapping[int, Status]
    jobs: tuple[JobSnapshot, ...]

    def snapshot(self) -> PipelineSnapshot:
        return whole(self.status, self.stages, self.jobs)


@st.composite
def pipelines(draw: st.DrawFn) -> Case:
    """Random pipelines whose needs point to earlier jobs, of the same or an earlier stage."""
    count = draw(st.integers(1, 12))
    stages = sorted(draw(st.lists(st.integers(1, 4), min_size=count, max_size=count)))
    jobs = []
    for number, stage in enumerate(stages):
        names = [f"job{other}" for other in range(number)]
        needs = draw(st.none() | st.lists(st.sampled_from(names), unique=True, max_size=3)) if names else None
        jobs.append(
            JobSnapshot(
                id=number + 1,
                name=f"job{number}",
                stage=stage,
                status=draw(st.sampled_from(list(Status))),
                when=draw(st.sampled_from(list(When))),
                allow_failure=draw(st.booleans()),
                needs=tuple(needs) if needs is not None else None,
                enqueue_immediately=draw(st.booleans()),
            )
        )
    shuffled = tuple(draw(st.permutations(jobs)))
    return Case(
        status=draw(st.sampled_from(list(Status))),
        stages=dict.fromkeys(set(stages), Status.CREATED),
        jobs=shuffled,
    )


def applied(case: Case, decided: Advance | None = None) -> Case:
    decided = decided or advance(case.snapshot())
    jobs = tuple(replace(job, status=decided.jobs.get(job.id, job.status)) for job in case.jobs)
    return Case(decided.pipeline, {**case.stages, **decided.stages}, jobs)


@given(pipelines())
def test_one_pass_reaches_the_fixed_point(case: Case) -> None:
    once = applied(case)
    again = advance(once.snapshot())
    assert (again.jobs, again.stages, again.pipeline) == ({}, {}, once.status)


@given(pipelines(), st.data())
def test_after_one_change_it_is_enough_to_look_at_what_it_touches(case: Case, data: st.DataObject) -> None:
    """What `processing` relies on: dependents, and stages that opened; all jobs only when those settle something."""
    settled_case = applied(case)
    moved = data.draw(st.sampled_from(settled_case.jobs))
    status = data.draw(st.sampled_from([each for each in Status if each != Status.CREATED]))
    jobs = tuple(replace(job, status=status) if job is moved else job for job in settled_case.jobs)
    everything = replace(settled_case, jobs=jobs).snapshot()
    if moved.status == Status.CREATED or not settled(counted(moved.status, moved.allow_failure)):
        opened = set(open_stages(everything.stages))
        touched = tuple(
            job
            for job in everything.created
            if moved.name in (job.needs or ()) or (job.needs is None and job.stage in opened)
        )
        decided = advance(replace(everything, created=touched))
        assert decided.cascades or decided == advance(everything)


@given(pipelines())
def test_only_created_jobs_move(case: Case) -> None:
    before = {job.id: job.status for job in case.jobs}
    allowed = {Status.PENDING, Status.MANUAL, Status.SCHEDULED, Status.SKIPPED}
    for job_id, status in advance(case.snapshot()).jobs.items():
        assert before[job_id] == Status.CREATED
        assert status in allowed


@given(pipelines())
def test_the_order_of_rows_does_not_matter(case: Case) -> None:
    turned = replace(case, jobs=tuple(reversed(case.jobs)))
    assert advance(turned.snapshot()) == advance(case.snapshot())


@given(pipelines())
def test_a_job_that_needs_a_resource_waits_for_it_instead_of_being_pending(case: Case) -> None:
    exclusive = replace(case, jobs=tuple(replace(job, exclusive=True) for job in case.jobs))
    waiting = advance(exclusive.snapshot()).jobs
    for job_id, status in advance(case.snapshot()).jobs.items():
        expected = Status.WAITING_FOR_RESOURCE if status == Status.PENDING else status
        assert waiting[job_id] == expected


def test_a_long_chain_within_a_stage_is_settled_in_one_pass() -> None:
    chain = [JobSnapshot(1, "job0", 1, Status.FAILED)]
    chain += [
        JobSnapshot(number + 1, f"job{number}", 1, Status.CREATED, needs=(f"job{number - 1}",))
        for number in range(1, 2000)
    ]
    decided = advance(whole(Status.RUNNING, {1: Status.RUNNING}, reversed(chain)))
    assert set(decided.jobs.values()) == {Status.SKIPPED}
    assert len(decided.jobs) == 1999
    assert decided.pipeline == Status.FAILED


def test_a_cycle_ends() -> None:
    jobs = [
        JobSnapshot(1, "a", 1, Status.CREATED, needs=("b",)),
        JobSnapshot(2, "b", 1, Status.CREATED, needs=("a",)),
    ]
    assert {job.name for job in needs_first(jobs)} == {"a", "b"}


def test_reset_reaches_later_stages_and_dependents_of_dependents_only() -> None:
    def job(
        number: int, stage: int, status: Status = Status.SKIPPED, needs: tuple[str, ...] | None = None
    ) -> JobSnapshot:
        return JobSnapshot(number, f"job{number}", stage, status, needs=needs)

    started = job(1, 2, Status.PENDING)
    jobs = [
        started,
        job(2, 2, needs=("job1",)),
        job(3, 2, needs=("job2",)),
        job(4, 2),
        job(5, 3),
        job(6, 1),
        job(7, 3, Status.MANUAL),
    ]
    assert to_reset(jobs, [started]) == [2, 3, 5]
    assert to_reset(jobs, []) == []
