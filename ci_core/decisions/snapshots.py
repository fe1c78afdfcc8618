"""Frozen inputs of the decisions, as read from the database or made by a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ci_core.statuses import Status, When


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """The latest copy of one job, as far as processing cares.

    stage: position of its stage. needs: names of the jobs it needs; None when it has no `needs` key.
    enqueue_immediately: a retried manual or delayed job, which starts without being played again.
    """

    id: int
    name: str
    stage: int
    status: Status
    when: When = When.ON_SUCCESS
    allow_failure: bool = False
    needs: tuple[str, ...] | None = None
    enqueue_immediately: bool = False


@dataclass(frozen=True, slots=True)
class PipelineSnapshot:
    """A pipeline's latest jobs, and the statuses stored for it and its stages (by position)."""

    status: Status
    stages: Mapping[int, Status]
    jobs: tuple[JobSnapshot, ...]


@dataclass(frozen=True, slots=True)
class Advance:
    """What one pass decided: new statuses by job id and by stage position (changes only), and the pipeline's."""

    jobs: Mapping[int, Status]
    stages: Mapping[int, Status]
    pipeline: Status
