"""Which jobs start, skip or wait: laws that hold for every pipeline."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ci_core.decisions.readiness import advance, needs_first
from ci_core.decisions.reset import to_reset
from ci_core.decisions.snapshots import JobSnapshot, PipelineSnapshot
from ci_core.statuses import Status, When


@st.composite
def pipelines(draw: st.DrawFn) -> PipelineSnapshot:
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
    return PipelineSnapshot(
        status=draw(st.sampled_from(list(Status))),
        stages=dict.fromkeys(set(stages), Status.CREATED),
        jobs=shuffled,
    )


def applied(pipeline: PipelineSnapshot) -> PipelineSnapshot:
    decided = advance(pipeline)
    jobs = tuple(
        JobSnapshot(
            job.id, job.name, job.stage, decided.jobs.get(job.id, job.status), job.when, job.allow_failure,
            job.needs, job.enqueue_immediately,
        )
        for job in pipeline.jobs
    )  # fmt: skip
    return PipelineSnapshot(decided.pipeline, {**pipeline.stages, **decided.stages}, jobs)


@given(pipelines())
def test_one_pass_reaches_the_fixed_point(pipeline: PipelineSnapshot) -> None:
    once = applied(pipeline)
    again = advance(once)
    assert (again.jobs, again.stages, again.pipeline) == ({}, {}, once.status)


@given(pipelines())
def test_only_created_jobs_move(pipeline: PipelineSnapshot) -> None:
    before = {job.id: job.status for job in pipeline.jobs}
    allowed = {Status.PENDING, Status.MANUAL, Status.SCHEDULED, Status.SKIPPED}
    for job_id, status in advance(pipeline).jobs.items():
        assert before[job_id] == Status.CREATED
        assert status in allowed


@given(pipelines())
def test_the_order_of_rows_does_not_matter(pipeline: PipelineSnapshot) -> None:
    turned = PipelineSnapshot(pipeline.status, pipeline.stages, tuple(reversed(pipeline.jobs)))
    assert advance(turned) == advance(pipeline)


def test_a_long_chain_within_a_stage_is_settled_in_one_pass() -> None:
    chain = [JobSnapshot(1, "job0", 1, Status.FAILED)]
    chain += [
        JobSnapshot(number + 1, f"job{number}", 1, Status.CREATED, needs=(f"job{number - 1}",))
        for number in range(1, 2000)
    ]
    decided = advance(PipelineSnapshot(Status.RUNNING, {1: Status.RUNNING}, tuple(reversed(chain))))
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
