"""Random verbs on random pipelines, decided by the product and by the plain model: they agree after every step.

Without a database, so that there are many of them; `tests/domain/test_state_machine.py` takes these steps through it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from ci_core.decisions.readiness import advance
from ci_core.decisions.reset import to_reset
from ci_core.decisions.snapshots import JobSnapshot, whole
from ci_core.decisions.transitions import Event, sources, target
from ci_core.statuses import CANCELABLE, PLAYABLE, RETRYABLE, Status, When
from tests.support.model import Model, ModelJob

STAGES = ("one", "two", "three", "four")
STARTED_BY_HAND = (When.MANUAL, When.DELAYED)


@dataclass
class Decided:
    """A pipeline that moves by the product's decisions alone."""

    jobs: dict[str, JobSnapshot]
    stages: dict[int, Status]
    status: Status = Status.CREATED

    def advance(self) -> None:
        decided = advance(whole(self.status, self.stages, self.jobs.values()))
        for name, job in self.jobs.items():
            self.jobs[name] = replace(job, status=decided.jobs.get(job.id, job.status))
        self.stages |= decided.stages
        self.status = decided.pipeline

    def move(self, name: str, event: Event) -> bool:
        """Whether the event may happen in the job."""
        job = self.jobs[name]
        if job.status not in sources(event):
            return False
        self.jobs[name] = replace(job, status=target(event))
        return True

    def copy(self, name: str, enqueue_immediately: bool) -> None:
        self.jobs[name] = replace(
            self.jobs[name], status=Status.CREATED, enqueue_immediately=enqueue_immediately
        )

    def reset_behind(self, name: str) -> None:
        ids = to_reset(self.jobs.values(), [self.jobs[name]])
        for other, job in self.jobs.items():
            if job.id in ids:
                self.jobs[other] = replace(job, status=Status.CREATED)


@st.composite
def pipelines(draw: st.DrawFn) -> tuple[Decided, Model]:
    """The same random pipeline twice; needs point to jobs before, and some to one that is not there."""
    numbers = sorted(draw(st.lists(st.integers(0, 3), min_size=1, max_size=9)))
    decided: dict[str, JobSnapshot] = {}
    modelled: dict[str, ModelJob] = {}
    for number, stage in enumerate(numbers):
        name = f"job{number}"
        when = draw(st.sampled_from(list(When)))
        allow_failure = draw(st.booleans())
        candidates = [*decided, "absent"]
        needs = draw(st.none() | st.lists(st.sampled_from(candidates), unique=True, max_size=4))
        modelled[name] = ModelJob(name, STAGES[stage], when.value, allow_failure, needs)
        decided[name] = JobSnapshot(
            number + 1,
            name,
            stage + 1,
            Status.CREATED,
            when,
            allow_failure,
            None if needs is None else tuple(needs),
        )
    used = sorted(set(numbers))
    return (
        Decided(decided, {stage + 1: Status.CREATED for stage in used}),
        Model([STAGES[stage] for stage in used], modelled),
    )


def carry_out(verb: str, name: str, ours: Decided, model: Model) -> None:
    """A verb on a job in both, if it may happen."""
    job = ours.jobs[name]
    if verb == "success" and ours.move(name, Event.SUCCESS):
        ours.advance()
        model.end(name, "success")
    elif verb == "drop" and ours.move(name, Event.DROP):
        ours.advance()
        model.end(name, "failed")
    elif verb == "run" and ours.move(name, Event.RUN):
        ours.advance()
        model.end(name, "running")
    elif verb == "cancel" and ours.move(name, Event.CANCEL):
        ours.advance()
        model.cancel([name])
    elif verb == "play" and job.status in PLAYABLE and job.when in STARTED_BY_HAND:
        assert ours.move(name, Event.ENQUEUE)
        ours.reset_behind(name)
        ours.advance()
        model.play(name)
    elif verb == "retry" and job.status in RETRYABLE:
        ours.copy(name, job.when in STARTED_BY_HAND)
        ours.reset_behind(name)
        ours.advance()
        model.retry(name)
    elif verb == "cancel all":
        alive = [other for other, each in ours.jobs.items() if each.status in CANCELABLE]
        for other in alive:
            assert ours.move(other, Event.CANCEL)
        ours.advance()
        model.cancel(alive)
    elif verb == "retry all":
        for other, each in ours.jobs.items():
            if each.status in (Status.FAILED, Status.CANCELED):
                ours.copy(other, False)
            elif each.status == Status.SKIPPED:
                ours.jobs[other] = replace(each, status=Status.CREATED)
        ours.advance()
        model.retry_all()


VERBS = ("success", "success", "drop", "run", "cancel", "play", "retry", "cancel all", "retry all")


@given(pipelines(), st.data())
def test_the_model_says_the_same_after_every_step(both: tuple[Decided, Model], data: st.DataObject) -> None:
    ours, model = both
    ours.advance()
    model.step()
    steps = st.tuples(st.sampled_from(VERBS), st.sampled_from(list(ours.jobs)))
    for verb, name in [("", "job0"), *data.draw(st.lists(steps, max_size=25))]:
        carry_out(verb, name, ours, model)
        assert {name: job.status.value for name, job in ours.jobs.items()} == {
            name: job.status for name, job in model.jobs.items()
        }, verb
        assert {STAGES[stage - 1]: status.value for stage, status in ours.stages.items()} == model.stored
        assert ours.status.value == model.status
