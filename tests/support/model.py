"""A plain model of pipelines, from the status rules alone: slow, obvious, shares no code with the product.

`Model` is a pipeline by itself; `tests.support.world` has several that share resources and trigger each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

COMPLETED = {"success", "failed", "canceled", "skipped"}
CANCELABLE = {"created", "pending", "running", "scheduled", "waiting_for_resource"}


@dataclass
class ModelJob:
    """The latest copy of a job.

    group: its resource group, holds: it has that. strategy: of a trigger job, else None; started: it has created its
    pipeline. number: which of its pipeline's jobs this copy is, in the order in which they were made.
    """

    name: str
    stage: str
    when: str
    allow_failure: bool
    needs: list[str] | None
    status: str = "created"
    queue_at_once: bool = False
    allowed_codes: tuple[int, ...] = ()
    most_retries: int = 0
    retries: int = 0
    group: str = ""
    holds: bool = False
    strategy: str | None = None
    started: bool = False
    number: int = 0

    @property
    def queued(self) -> str:
        """The status in which it waits for nothing but a runner or its resource."""
        return "waiting_for_resource" if self.group else "pending"

    def copy(self, queue_at_once: bool) -> None:
        """A new copy takes the place of this one, which had its own leave to fail by its exit code."""
        self.status, self.queue_at_once, self.retries = "created", queue_at_once, self.retries + 1
        self.holds = self.started = False
        if self.allowed_codes:
            self.allow_failure = False


def value(job: ModelJob) -> str:
    if job.allow_failure and job.status in ("failed", "canceled"):
        return "WARN"
    if job.allow_failure and job.status == "manual":
        return "IGNORED"
    return job.status


def composite(jobs: Iterable[ModelJob], of_needs: bool = False) -> str:
    """Section 3, row by row."""
    found = {value(job) for job in jobs}
    soft = {"WARN", "IGNORED"}
    if not found:
        return "success"
    if of_needs and found & {"skipped", "IGNORED"}:
        return "skipped"
    if found <= {"skipped", "IGNORED"}:
        return "skipped"
    if found <= {"success", "skipped"} | soft:
        return "success"
    if found <= {"created"} | soft:
        return "created"
    if found <= {"canceled", "success", "skipped"} | soft:
        return "canceled"
    if found <= {"pending", "created", "skipped"} | soft:
        return "pending"
    for status, result in (
        ("running", "running"),
        ("pending", "running"),
        ("waiting_for_resource", "waiting_for_resource"),
        ("manual", "manual"),
        ("scheduled", "scheduled"),
        ("created", "running"),
    ):
        if status in found:
            return result
    return "failed"


@dataclass
class Model:
    """A pipeline. stages: names in order."""

    stages: list[str]
    jobs: dict[str, ModelJob]
    stored: dict[str, str] = field(default_factory=dict)
    status: str = "created"
    cancel_on_failure: bool = False
    share: Callable[[], object] = list
    stored_anew: Callable[[str], object] = len

    def __post_init__(self) -> None:
        for number, job in enumerate(self.jobs.values(), start=1):
            job.number = number
        self.made = len(self.jobs)

    def step(self) -> None:
        """Processes to the fixed point, then stores the statuses (sections 4 and 5).

        share: gives free resources to its jobs, in between. stored_anew: is told the pipeline's status before.
        """
        while any(self._move(job) for job in self.jobs.values()):
            pass
        for job in self.jobs.values():
            job.holds = job.holds and job.status not in COMPLETED
        self.share()
        before = self.status
        self._store()
        self.stored_anew(before)

    def _store(self) -> None:
        for stage in self.stages:
            computed = composite(job for job in self.jobs.values() if job.stage == stage)
            if computed != "created":
                self.stored[stage] = computed
            self.stored.setdefault(stage, "created")
        computed = composite(self.jobs.values())
        if computed == "pending":
            if self.status in ("success", "failed", "canceled"):
                self.status = "running"
            elif self.status != "running":
                self.status = "pending"
        elif computed != "created":
            self.status = computed

    def _move(self, job: ModelJob) -> bool:
        if job.status != "created":
            return False
        if job.needs is not None:
            before = composite((self.jobs[name] for name in job.needs if name in self.jobs), of_needs=True)
            passed = {"success"}
        else:
            earlier = self.stages[: self.stages.index(job.stage)]
            before = composite(other for other in self.jobs.values() if other.stage in earlier)
            passed = {"success", "skipped"}
        if before not in COMPLETED:
            return False
        special = {"on_failure": {"failed"}, "always": {"success", "failed", "skipped"}, "never": set()}
        allowed = special.get(job.when, passed)
        if before not in allowed:
            job.status = "skipped"
        elif job.queue_at_once:
            job.status = job.queued
        else:
            job.status = {"manual": "manual", "delayed": "scheduled"}.get(job.when, job.queued)
        return True

    def reset_behind(self, job: ModelJob) -> None:
        """RESET of section 6."""
        reached = {job.name}
        while True:
            more = {other.name for other in self.jobs.values() if reached & set(other.needs or ())} - reached
            if not more:
                break
            reached |= more
        later = self.stages[self.stages.index(job.stage) + 1 :]
        for other in self.jobs.values():
            behind = other.stage in later or other.name in reached - {job.name}
            if other.status == "skipped" and behind and not other.started:
                other.status = "created"

    def retry(self, name: str) -> None:
        job = self.jobs[name]
        self._copy(job, job.when in ("manual", "delayed"))
        self.reset_behind(job)
        self.step()

    def _copy(self, job: ModelJob, queue_at_once: bool) -> None:
        job.copy(queue_at_once)
        self.made += 1
        job.number = self.made

    def fail(self, name: str, code: int) -> None:
        """A failure with an exit code: allowed or not, made up for by a retry, or the end of the others."""
        job = self.jobs[name]
        job.status = "failed"
        if job.allowed_codes:
            job.allow_failure = code in job.allowed_codes
        if job.retries < job.most_retries:
            self.retry(name)
            return
        self.cancel_rest(job)
        self.step()

    def cancel_rest(self, failed: ModelJob) -> bool:
        """What the failure of a job does to the others, if the workflow wants that; whether it does."""
        if not self.cancel_on_failure or failed.allow_failure:
            return False
        for other in self.jobs.values():
            if other.status in CANCELABLE:
                other.status = "canceled"
        return True

    def play(self, name: str) -> None:
        self.jobs[name].status = self.jobs[name].queued
        self.reset_behind(self.jobs[name])
        self.step()

    def end(self, name: str, status: str) -> None:
        self.jobs[name].status = status
        self.step()

    def cancel(self, names: Iterable[str]) -> None:
        for name in names:
            self.jobs[name].status = "canceled"
        self.step()

    def retry_all(self) -> None:
        for job in self.jobs.values():
            if job.status in ("failed", "canceled"):
                self._copy(job, False)
            elif job.status == "skipped" and not job.started:
                job.status = "created"
        self.step()
