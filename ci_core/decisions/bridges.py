"""What a trigger job takes from the pipeline that it follows (https://docs.gitlab.com/ci/yaml/#triggerstrategy)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from ci_core.decisions.transitions import INHERITED, Event, sources
from ci_core.statuses import COMPLETED, Status


class Strategy(StrEnum):
    """`trigger:strategy`: how a trigger job follows its downstream pipeline. NONE: not at all."""

    NONE = ""
    DEPEND = "depend"
    MIRROR = "mirror"


#: With `depend`, downstream statuses that become something else than `running`.
_DEPEND: Final[Mapping[Status, Status]] = {
    Status.SUCCESS: Status.SUCCESS,
    Status.FAILED: Status.FAILED,
    Status.SKIPPED: Status.FAILED,
    Status.CANCELED: Status.CANCELED,
}
_EVENT_TO: Final[Mapping[Status, Event]] = {
    **{status: event for event, status in INHERITED.items()},
    Status.SUCCESS: Event.SUCCESS,
    Status.FAILED: Event.DROP,
    Status.CANCELED: Event.CANCEL,
}


def inherited(strategy: Strategy, downstream: Status) -> Status:
    """The status of a trigger job whose downstream pipeline has this one.

    mirror: the same, but `running` for a pipeline that is just being written. depend: running until it is over.
    """
    if strategy == Strategy.MIRROR:
        return Status.RUNNING if downstream == Status.CREATED else downstream
    return _DEPEND.get(downstream, Status.RUNNING)


def steps(strategy: Strategy, bridge: Status, before: Status, after: Status) -> Sequence[Event]:
    """What happens to a trigger job whose downstream pipeline went from one status to another.

    A trigger job that is over stays so when its pipeline ends: it was cancelled or failed by itself. But when something
    happens to a pipeline that was over, the trigger job follows: most often it runs again. RESUME is among the steps
    if jobs that were skipped after it get another chance with that.
    """
    wanted = inherited(strategy, after)
    if wanted == bridge or (bridge in COMPLETED and before not in COMPLETED):
        return ()
    resumes = bridge in sources(Event.RESUME)
    if resumes and wanted == Status.RUNNING:
        return (Event.RESUME,)
    event = _EVENT_TO[wanted]
    if bridge in sources(event):
        return (event,)
    return (Event.RESUME if resumes else Event.INHERIT_RUNNING, event)
