"""What a trigger job takes from its downstream pipeline (https://docs.gitlab.com/ci/yaml/#triggerstrategy)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from ci_core.decisions.transitions import Event, sources
from ci_core.statuses import COMPLETED, Status


class Strategy(StrEnum):
    """`trigger:strategy`: how a trigger job follows its downstream pipeline. NONE: not at all."""

    NONE = ""
    DEPEND = "depend"
    MIRROR = "mirror"


#: Downstream statuses that become something else than `running`.
_DEPEND: Final[Mapping[Status, Status]] = {
    Status.SUCCESS: Status.SUCCESS,
    Status.FAILED: Status.FAILED,
    Status.SKIPPED: Status.FAILED,
    Status.CANCELED: Status.CANCELED,
}
_MIRROR: Final[Mapping[Status, Status]] = {
    Status.SUCCESS: Status.SUCCESS,
    Status.FAILED: Status.FAILED,
    Status.SKIPPED: Status.SKIPPED,
    Status.CANCELED: Status.CANCELED,
    Status.MANUAL: Status.MANUAL,
}
_EVENT_TO: Final[Mapping[Status, Event]] = {
    Status.RUNNING: Event.RESUME,
    Status.SUCCESS: Event.SUCCESS,
    Status.FAILED: Event.DROP,
    Status.SKIPPED: Event.INHERIT_SKIP,
    Status.CANCELED: Event.CANCEL,
    Status.MANUAL: Event.BLOCK,
}


def inherited(strategy: Strategy, downstream: Status) -> Status:
    """The status of a trigger job whose downstream pipeline has this one.

    A pipeline that waits for a timer or a resource counts as running. depend: so does one that waits for somebody.
    """
    return (_MIRROR if strategy == Strategy.MIRROR else _DEPEND).get(downstream, Status.RUNNING)


def steps(strategy: Strategy, bridge: Status, before: Status, after: Status) -> Sequence[Event]:
    """What happens to a trigger job whose downstream pipeline went from one status to another.

    A trigger job that is over stays so when its pipeline ends: it was cancelled or failed by itself. But when something
    happens to a pipeline that was over, the trigger job follows: most often it runs again.
    """
    wanted = inherited(strategy, after)
    if wanted == bridge or (bridge in COMPLETED and before not in COMPLETED):
        return ()
    event = _EVENT_TO[wanted]
    return (event,) if bridge in sources(event) else (Event.RESUME, event)
