"""What becomes of a pipeline when its ref gets a newer one (https://docs.gitlab.com/ci/yaml/#workflowauto_cancelon_new_commit)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ci_core.statuses import CANCELABLE, Status

_STARTED: Final = frozenset({Status.RUNNING, Status.CANCELING, Status.SUCCESS, Status.FAILED})


@dataclass(frozen=True, slots=True)
class InterruptibleJob:
    """A latest job, as far as redundancy cares. at_work: it is a trigger job that has started its pipeline."""

    id: int
    status: Status
    interruptible: bool
    at_work: bool = False


def redundant_jobs(on_new_commit: str, jobs: Sequence[InterruptibleJob]) -> list[int]:
    """Ids of the jobs to cancel.

    conservative: all, unless a job that may not be interrupted has started. interruptible: those that may be
    interrupted. none: nothing.
    """
    cancelable = [job for job in jobs if job.status in CANCELABLE]
    if on_new_commit == "interruptible":
        return [job.id for job in cancelable if job.interruptible]
    if on_new_commit == "conservative" and not any(
        (job.status in _STARTED or job.at_work) and not job.interruptible for job in jobs
    ):
        return [job.id for job in cancelable]
    return []
