"""The status of a set of jobs, and which of it is stored for a stage or a pipeline.

Rules: the reference `processing.md`, sections 2, 3 and 5.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from ci_core.statuses import COMPLETED, Status


class Counted(StrEnum):
    """What an allowed failure or an optional manual job counts as."""

    WARN = "warn"
    IGNORED = "ignored"


_SOFT: Final = frozenset({Counted.WARN, Counted.IGNORED})
_IDLE: Final = _SOFT | {Status.SKIPPED}

#: Rules of the form "every value is one of these", first match wins (rows 2 to 7).
_WITHIN: Final[tuple[tuple[frozenset[Status | Counted], Status], ...]] = (
    (frozenset({Status.SKIPPED, Counted.IGNORED}), Status.SKIPPED),
    (_IDLE | {Status.SUCCESS}, Status.SUCCESS),
    (_SOFT | {Status.CREATED}, Status.CREATED),
    (_SOFT | {Status.PREPARING}, Status.PREPARING),
    (_IDLE | {Status.SUCCESS, Status.CANCELED}, Status.CANCELED),
    (_IDLE | {Status.CREATED, Status.PENDING}, Status.PENDING),
)

#: Rules of the form "some value is this", first match wins (rows 8 to 15).
_HAS: Final[tuple[tuple[Status, Status], ...]] = (
    (Status.RUNNING, Status.RUNNING),
    (Status.PENDING, Status.RUNNING),
    (Status.WAITING_FOR_RESOURCE, Status.WAITING_FOR_RESOURCE),
    (Status.WAITING_FOR_CALLBACK, Status.WAITING_FOR_CALLBACK),
    (Status.MANUAL, Status.MANUAL),
    (Status.SCHEDULED, Status.SCHEDULED),
    (Status.PREPARING, Status.PREPARING),
    (Status.CREATED, Status.RUNNING),
    (Status.CANCELING, Status.CANCELING),
)

#: Values that can let a job after them move; while a set has none but others in it, nothing after it moves.
_SETTLED: Final = COMPLETED | _SOFT

_BECOMES_RUNNING: Final = frozenset({Status.SUCCESS, Status.FAILED, Status.CANCELING, Status.CANCELED})
_STAYS: Final = frozenset({Status.RUNNING, Status.WAITING_FOR_CALLBACK})


def counted(status: Status, allow_failure: bool) -> Status | Counted:
    """What one latest job counts as in a composite (section 2)."""
    if allow_failure:
        if status in (Status.FAILED, Status.CANCELED):
            return Counted.WARN
        if status == Status.MANUAL:
            return Counted.IGNORED
    return status


def settled(value: Status | Counted) -> bool:
    """Whether reaching this value may let jobs move that need the job or come in later stages."""
    return value in _SETTLED


def composite(values: Iterable[Status | Counted], *, of_needs: bool = False) -> Status:
    """The status of a set of jobs (section 3); `success` for the empty set.

    values: what `counted` gave for each job. of_needs: the set is the needs of a job, where one skipped
    or optional manual job decides at once.
    """
    found = frozenset(values)
    if not found:
        return Status.SUCCESS
    if of_needs and (Status.SKIPPED in found or Counted.IGNORED in found):
        return Status.SKIPPED
    for allowed, result in _WITHIN:
        if found <= allowed:
            return result
    for member, result in _HAS:
        if member in found:
            return result
    return Status.FAILED


def stored_stage_status(stored: Status, computed: Status) -> Status:
    """What a stage keeps: a composite of `created` stores nothing, so that the old value stays (section 5)."""
    return stored if computed == Status.CREATED else computed


def stored_pipeline_status(stored: Status, computed: Status) -> Status:
    """What a pipeline keeps (section 5): never back to created, and pending only before it has run."""
    if computed == Status.CREATED or (computed == Status.CANCELING and stored == Status.CANCELED):
        return stored
    if computed == Status.PENDING:
        if stored in _STAYS:
            return stored
        return Status.RUNNING if stored in _BECOMES_RUNNING else Status.PENDING
    return computed
