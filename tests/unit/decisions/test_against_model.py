"""Random verbs on random pipelines, decided by the product and by the plain model: they agree after every step.

Without a database, so that there are many of them; `tests/domain/test_state_machine.py` takes these steps through it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from hypothesis import given, note, settings
from hypothesis import strategies as st

from ci_core.decisions.bridges import Strategy, steps
from ci_core.decisions.readiness import advance
from ci_core.decisions.reset import to_reset
from ci_core.decisions.snapshots import JobSnapshot, whole
from ci_core.decisions.transitions import Event, sources, target
from ci_core.statuses import CANCELABLE, COMPLETED, PLAYABLE, RETRYABLE, Status, When
from tests.support.model import Model, ModelJob
from tests.support.world import World

STAGES = ("one", "two", "three", "four")
STARTED_BY_HAND = (When.MANUAL, When.DELAYED)
STEPS = 40
#: Pipelines of one example, children included.
MOST_PIPELINES = 6


@dataclass(eq=False)
class Decided:
    """A pipeline that moves by the product's decisions alone.

    bridges: the strategies of its trigger jobs. copies: how often jobs were copied. upstream: the pipeline and the
    trigger job that created this one, and which copy of that.
    """

    jobs: dict[str, JobSnapshot]
    stages: dict[int, Status]
    bridges: dict[str, Strategy]
    cancel_on_failure: bool
    status: Status = Status.CREATED
    copies: dict[str, int] = field(default_factory=dict)
    started: set[str] = field(default_factory=set)
    upstream: tuple[Decided, str, int] | None = None
    to_cancel: list[Decided] = field(default_factory=list)
    children: list[Decided] = field(default_factory=list)

    def advance(self) -> None:
        before = self.status
        decided = advance(whole(self.status, self.stages, self.jobs.values()))
        for name, job in self.jobs.items():
            self.jobs[name] = replace(job, status=decided.jobs.get(job.id, job.status))
        self.stages |= decided.stages
        self.status = decided.pipeline
        if self.status != before and self.upstream is not None:
            self._move_upstream(*self.upstream, before)

    def _move_upstream(self, parent: Decided, name: str, copy: int, before: Status) -> None:
        strategy = parent.bridges[name]
        if strategy == Strategy.NONE or parent.copies.get(name, 0) != copy:
            return
        events = steps(strategy, parent.jobs[name].status, before, self.status)
        for event in events:
            assert parent.move(name, event), (event, parent.jobs[name])
        if not events:
            return
        if events[-1] == Event.DROP:
            parent.cancel_rest(name)
        if Event.RESUME in events:
            parent.reset_behind(name)
        parent.advance()

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
        self.copies[name] = self.copies.get(name, 0) + 1
        self.started.discard(name)

    def reset_behind(self, name: str) -> None:
        ids = to_reset(self.jobs.values(), [self.jobs[name]])
        for other, job in self.jobs.items():
            if job.id in ids and other not in self.started:
                self.jobs[other] = replace(job, status=Status.CREATED)

    def cancel_rest(self, failed: str) -> None:
        if self.cancel_on_failure and not self.jobs[failed].allow_failure:
            self.cancel()

    def cancel(self) -> None:
        for name, job in self.jobs.items():
            if job.status in CANCELABLE:
                assert self.move(name, Event.CANCEL)
        self.to_cancel += self.children


def pipelines(rng: Random, most: int, *, triggers: bool) -> tuple[Decided, Model]:
    """The same random pipeline twice; needs point to jobs before, and some to one that is not there."""
    numbers = sorted(rng.choices(range(len(STAGES)), k=rng.randint(1, most)))
    decided: dict[str, JobSnapshot] = {}
    modelled: dict[str, ModelJob] = {}
    bridges: dict[str, Strategy] = {}
    for number, stage in enumerate(numbers):
        name = f"job{number}"
        when = rng.choice([*When, When.ON_SUCCESS, When.ON_SUCCESS])
        allow_failure = rng.random() < 0.4
        candidates = [*decided, "absent"]
        needs = (
            rng.sample(candidates, rng.randint(0, min(4, len(candidates)))) if rng.random() < 0.5 else None
        )
        if triggers and rng.random() < 0.4:
            bridges[name] = rng.choice(list(Strategy))
        exclusive = rng.random() < 0.2
        modelled[name] = ModelJob(
            name,
            STAGES[stage],
            when.value,
            allow_failure,
            needs,
            group="g" if exclusive else "",
            strategy=bridges[name].value if name in bridges else None,
        )
        decided[name] = JobSnapshot(
            number + 1,
            name,
            stage + 1,
            Status.CREATED,
            when,
            allow_failure,
            None if needs is None else tuple(needs),
            exclusive=exclusive,
        )
    used = sorted(set(numbers))
    policy = rng.random() < 0.2
    ours = Decided(decided, {stage + 1: Status.CREATED for stage in used}, bridges, policy)
    return ours, Model([STAGES[stage] for stage in used], modelled, cancel_on_failure=policy)


class Family:
    """Pipelines that trigger each other, twice: by the product's decisions and by the model."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        # Without resource groups: who gets a resource is not decided here, so it is drawn (`grant`).
        self.world = World({})
        self.pairs: list[tuple[Decided, Model]] = []
        ours, model = pipelines(rng, 8, triggers=True)
        self.pairs.append((ours, self.world.add(model)))
        ours.advance()

    def step(self) -> str:
        """One verb on one job of one pipeline, in both, if it may happen; then what follows it."""
        ours, model = self.rng.choice(self.pairs)
        name, verb = self.rng.choice(list(ours.jobs)), self.rng.choice(VERBS)
        if not (name in ours.started and verb in ("success", "drop", "run", "play", "grant")):
            getattr(self, verb)(ours, model, name)
        self._settle()
        return f"{verb} {name} of {self.pairs.index((ours, model))}"

    def _settle(self) -> None:
        for ours, _ in self.pairs:
            while ours.to_cancel:
                child = ours.to_cancel.pop(0)
                if child.status not in COMPLETED:
                    child.cancel()
                    child.advance()
        self.world.settle()

    def success(self, ours: Decided, model: Model, name: str) -> None:
        if ours.move(name, Event.SUCCESS):
            ours.advance()
            model.end(name, "success")

    def drop(self, ours: Decided, model: Model, name: str) -> None:
        if ours.move(name, Event.DROP):
            ours.cancel_rest(name)
            ours.advance()
            self.world.fail(model, name, 1)

    def run(self, ours: Decided, model: Model, name: str) -> None:
        if name not in ours.bridges and ours.move(name, Event.RUN):
            ours.advance()
            model.end(name, "running")

    def grant(self, ours: Decided, model: Model, name: str) -> None:
        if ours.jobs[name].status == Status.WAITING_FOR_RESOURCE:
            assert ours.move(name, Event.ENQUEUE)
            ours.advance()
            model.end(name, "pending")

    def start(self, ours: Decided, model: Model, name: str) -> None:
        """A trigger job's pipeline is created."""
        if name not in ours.bridges or name in ours.started or len(self.pairs) == MOST_PIPELINES:
            return
        if not ours.move(name, Event.RUN):
            return
        ours.started.add(name)
        ours.advance()
        child, modelled = pipelines(self.rng, 4, triggers=len(self.pairs) < 3)
        child.upstream = (ours, name, ours.copies.get(name, 0))
        ours.children.append(child)
        child.advance()
        if ours.bridges[name] == Strategy.NONE:
            assert ours.move(name, Event.SUCCESS)
            ours.advance()
        self.pairs.append((child, self.world.start_bridge(model, name, modelled)))

    def cancel(self, ours: Decided, model: Model, name: str) -> None:
        if ours.move(name, Event.CANCEL):
            ours.to_cancel += [
                child
                for child in ours.children
                if child.upstream is not None and child.upstream[1:] == (name, ours.copies.get(name, 0))
            ]
            ours.advance()
            self.world.cancel_job(model, name)

    def play(self, ours: Decided, model: Model, name: str) -> None:
        job = ours.jobs[name]
        if job.status in PLAYABLE and job.when in STARTED_BY_HAND:
            assert ours.move(name, Event.WAIT_FOR_RESOURCE if job.exclusive else Event.ENQUEUE)
            ours.reset_behind(name)
            ours.advance()
            model.play(name)

    def retry(self, ours: Decided, model: Model, name: str) -> None:
        job = ours.jobs[name]
        if job.status in RETRYABLE:
            ours.copy(name, job.when in STARTED_BY_HAND)
            ours.reset_behind(name)
            ours.advance()
            model.retry(name)

    def cancel_all(self, ours: Decided, model: Model, name: str) -> None:
        ours.cancel()
        ours.advance()
        self.world.cancel_pipeline(model)

    def retry_all(self, ours: Decided, model: Model, name: str) -> None:
        for other, each in ours.jobs.items():
            if each.status in (Status.FAILED, Status.CANCELED):
                ours.copy(other, False)
            elif each.status == Status.SKIPPED and other not in ours.started:
                ours.jobs[other] = replace(each, status=Status.CREATED)
        ours.advance()
        model.retry_all()


VERBS = (
    *("success", "start", "grant") * 4,
    *("run", "drop", "play") * 2,
    *("cancel", "retry", "retry_all", "cancel_all"),
)


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_the_model_says_the_same_after_every_step(seed: int) -> None:
    family = Family(Random(seed))
    for _ in range(STEPS):
        note(family.step())
        for ours, model in family.pairs:
            assert {name: job.status.value for name, job in ours.jobs.items()} == {
                name: job.status for name, job in model.jobs.items()
            }
            assert {STAGES[stage - 1]: status.value for stage, status in ours.stages.items()} == model.stored
            assert ours.status.value == model.status
