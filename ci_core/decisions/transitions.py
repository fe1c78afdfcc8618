"""The arrows of the state machine: (status, event) -> status. Everything else is refused.

Source of the arrows: GitLab's status events as `processing.md`, section 6, gives them; in words in `ci_core.statuses`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ci_core.statuses import ACTIVE, ALIVE, CANCELABLE, COMPLETED, Status


class Event(StrEnum):
    """What can happen to a job; from RESUME on to trigger jobs alone, which follow another pipeline."""

    ENQUEUE = "enqueue"
    PREPARE = "prepare"
    WAIT_FOR_RESOURCE = "wait_for_resource"
    WAIT_FOR_CALLBACK = "wait_for_callback"
    ACTIONIZE = "actionize"
    SCHEDULE = "schedule"
    UNSCHEDULE = "unschedule"
    SKIP = "skip"
    RESET = "reset"
    RUN = "run"
    HAND_BACK = "hand_back"
    SUCCESS = "success"
    DROP = "drop"
    BEGIN_CANCEL = "begin_cancel"
    CANCEL = "cancel"
    RESUME = "resume"
    INHERIT_WAITING_FOR_RESOURCE = "inherit_waiting_for_resource"
    INHERIT_PREPARING = "inherit_preparing"
    INHERIT_WAITING_FOR_CALLBACK = "inherit_waiting_for_callback"
    INHERIT_PENDING = "inherit_pending"
    INHERIT_RUNNING = "inherit_running"
    INHERIT_CANCELING = "inherit_canceling"
    INHERIT_SCHEDULED = "inherit_scheduled"
    INHERIT_MANUAL = "inherit_manual"
    INHERIT_SKIPPED = "inherit_skipped"


_WAITING: Final = frozenset(
    {Status.CREATED, Status.PREPARING, Status.WAITING_FOR_RESOURCE, Status.WAITING_FOR_CALLBACK}
)
_STARTABLE: Final = _WAITING | {Status.MANUAL, Status.SCHEDULED, Status.SKIPPED}
_NOT_COMPLETE: Final = frozenset(Status) - COMPLETED
#: What a trigger job can be while the pipeline that it follows is at work.
_FOLLOWING: Final = ACTIVE | {Status.SCHEDULED, Status.CANCELING}

#: What a trigger job that has started takes from its pipeline; with these it neither queues nor waits by itself.
INHERITED: Final[dict[Event, Status]] = {
    event: Status(event.value.removeprefix("inherit_"))
    for event in Event
    if event.value.startswith("inherit_")
}

#: event -> (statuses it may happen in, status it leads to)
ARROWS: Final[dict[Event, tuple[frozenset[Status], Status]]] = {
    Event.ENQUEUE: (_STARTABLE, Status.PENDING),
    Event.PREPARE: (_WAITING | {Status.PENDING}, Status.PREPARING),
    Event.WAIT_FOR_RESOURCE: (_STARTABLE | {Status.PENDING}, Status.WAITING_FOR_RESOURCE),
    Event.WAIT_FOR_CALLBACK: (_WAITING | {Status.PENDING}, Status.WAITING_FOR_CALLBACK),
    Event.ACTIONIZE: (frozenset({Status.CREATED}), Status.MANUAL),
    Event.SCHEDULE: (frozenset({Status.CREATED}), Status.SCHEDULED),
    Event.UNSCHEDULE: (frozenset({Status.SCHEDULED}), Status.MANUAL),
    Event.SKIP: (frozenset({Status.CREATED}), Status.SKIPPED),
    Event.RESET: (frozenset({Status.SKIPPED}), Status.CREATED),
    Event.RUN: (frozenset({Status.PENDING}), Status.RUNNING),
    Event.HAND_BACK: (frozenset({Status.RUNNING}), Status.PENDING),
    Event.SUCCESS: (ALIVE - {Status.CANCELING}, Status.SUCCESS),
    Event.DROP: (_NOT_COMPLETE - {Status.CANCELING}, Status.FAILED),
    Event.BEGIN_CANCEL: (frozenset({Status.RUNNING}), Status.CANCELING),
    Event.CANCEL: (CANCELABLE | {Status.MANUAL, Status.CANCELING}, Status.CANCELED),
    Event.RESUME: (COMPLETED | {Status.MANUAL}, Status.RUNNING),
    **{event: (_FOLLOWING - {status}, status) for event, status in INHERITED.items()},
}

#: What a runner's final report means for a job whose cancellation is under way.
CANCELING_ENDS_AS: Final = Status.CANCELED


def sources(event: Event) -> frozenset[Status]:
    """The statuses in which `event` may happen."""
    return ARROWS[event][0]


def target(event: Event) -> Status:
    """The status that `event` leads to."""
    return ARROWS[event][1]


def final_event(event: Event, status: Status) -> Event:
    """The event that a report of success or failure amounts to for a job in `status`.

    A job that is `canceling` ends `canceled`, whatever its runner reports (processing.md, section 6).
    """
    return Event.CANCEL if status == Status.CANCELING else event
