"""Owns the grouping of a stage's jobs: copies made by `parallel` stand under one name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ci_core import models
from ci_core.decisions.composite import composite, counted
from ci_core.names import group_name
from ci_core.statuses import Status


@dataclass(frozen=True, slots=True)
class Group:
    """Jobs of a stage that go by one name, in the order of the configuration."""

    stage: models.Stage
    name: str
    jobs: Sequence[models.Job]

    @property
    def id(self) -> str:
        """An id, stable per stage and name."""
        return f"gid://gitlab/Ci::Group/{self.stage.pk}-{self.name}"

    @property
    def size(self) -> int:
        """How many jobs there are."""
        return len(self.jobs)

    @property
    def status(self) -> str:
        """The status of all jobs together."""
        return composite(counted(Status(job.status), job.allow_failure) for job in self.jobs).value

    @property
    def warnings(self) -> bool:
        """Whether a job failed that is allowed to."""
        return any(job.status == Status.FAILED and job.allow_failure for job in self.jobs)


def groups_of(stage: models.Stage, jobs: Sequence[models.Job]) -> list[Group]:
    """The groups of a stage, in the order of their first jobs."""
    by_name: dict[str, list[models.Job]] = {}
    for job in jobs:
        by_name.setdefault(group_name(job.name), []).append(job)
    return [Group(stage, name, found) for name, found in by_name.items()]
