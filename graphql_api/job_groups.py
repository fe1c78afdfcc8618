"""Owns the grouping of a stage's jobs: copies made by `parallel` stand under one name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import re2

from ci_core import models
from ci_core.decisions.composite import composite, counted
from ci_core.statuses import Status

#: What `parallel` adds to names: ` 1/3`, `: [a, b]`. Source: GitLab, Gitlab::Utils::Job.
_SUFFIX: Final = re2.compile(r"([\s:]+((\[.*\])|(\d+[\s:/\\]+\d+))){1,3}\s*$")


def group_name(job_name: str) -> str:
    """The name under which a job stands in its stage."""
    short: str = _SUFFIX.sub("", job_name).strip()
    return short or job_name


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
