"""Owns why jobs wait, as it is told to clients: the decision's code, its sentence and the parts of the sentence."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

import strawberry
from strawberry import enum_value

from ci_core.decisions.waiting import Waiting
from ci_core.statuses import AccessLevel
from graphql_api.fields import leaf
from graphql_api.node_ids import CiRunnerID, global_id
from graphql_api.scalars import Time


@strawberry.enum(description="Extension of Pipeyard: what a job waits for.")
class CiJobWaitingCode(Enum):
    """The kinds of reasons that the decision knows."""

    NEEDS = enum_value("needs", description="Jobs that it needs have not finished.")
    EARLIER_STAGES = enum_value("earlier_stages", description="Jobs of earlier stages have not finished.")
    MANUAL = enum_value("manual", description="Somebody has to start it.")
    DELAYED = enum_value("delayed", description="Its timer runs.")
    RESOURCE_GROUP = enum_value("resource_group", description="Another job has the resource of its group.")
    NO_RUNNER = enum_value("no_runner", description="No runner that serves its project is online.")
    MISSING_TAGS = enum_value("missing_tags", description="No runner online has all of its tags.")
    UNTAGGED = enum_value("untagged", description="It has no tags, and no runner online takes such jobs.")
    PROTECTED_REF = enum_value(
        "protected_ref",
        description="Its ref is not protected; the runner that fits asks for that.",
    )
    RUNNERS_PAUSED = enum_value("runners_paused", description="The runners that may take it are paused.")
    RUNNERS_OFFLINE = enum_value("runners_offline", description="The runners that may take it are offline.")
    RUNNERS_BUSY = enum_value("runners_busy", description="All runners that may take it are busy.")
    NEXT_REQUEST = enum_value(
        "next_request", description="A runner takes it when it asks next and its turn comes."
    )
    PREPARATION = enum_value("preparation", description="It or its pipeline is being prepared.")
    DOWNSTREAM_PIPELINE = enum_value(
        "downstream_pipeline", description="The pipeline that it creates or has created is at work."
    )
    MIRRORED_PIPELINE = enum_value(
        "mirrored_pipeline", description="The pipeline of another project that it mirrors is at work."
    )


_ROLES: Final = {
    AccessLevel.DEVELOPER: "DEVELOPER",
    AccessLevel.MAINTAINER: "MAINTAINER",
    AccessLevel.OWNER: "OWNER",
}


def _part(name: str) -> Callable[[Waiting], Any]:
    """Reads a part of the reason; None where there is none."""

    def read(waiting: Waiting) -> Any:
        return waiting.details.get(name) or None

    return read


def _access_level(waiting: Waiting) -> str | None:
    return _ROLES.get(waiting.details.get("access_level", 0))


def _matching(waiting: Waiting) -> int | None:
    """How many runners may take it, where the parts tell that and not which."""
    runners = waiting.details.get("runners")
    return len(runners) if isinstance(runners, list) else runners


def _runner_ids(waiting: Waiting) -> list[str] | None:
    runners = waiting.details.get("runners")
    named = runners if isinstance(runners, list) else [waiting.details.get("runner")]
    return [global_id("Ci::Runner", id_) for id_ in named if id_ is not None] or None


@strawberry.type(
    name="CiJobWaitingDetails",
    description="Extension of Pipeyard: parts of a waiting job's reason; those not used are null.",
)
class WaitingDetails:
    """Its parent is a Waiting."""

    job_names = leaf(list[str] | None, "Jobs that must finish first.", _part("jobs"))
    due_at = leaf(Time | None, "When its timer runs out.", _part("due_at"))
    resource_group = leaf(str | None, "Resource group that it waits for.", _part("resource_group"))
    holder = leaf(str | None, "Job that has the resource, in words.", _part("holder"))
    access_level = leaf(str | None, "Lowest role that may start it, such as `DEVELOPER`.", _access_level)
    tags = leaf(list[str] | None, "Tags that a runner must have.", _part("tags"))
    missing_tags = leaf(list[str] | None, "Tags that the nearest runner lacks.", _part("lacking"))
    runner_ids = leaf(
        list[CiRunnerID] | None, "The runners that the message names, or those in the way.", _runner_ids
    )
    matching_runners = leaf(int | None, "How many runners may take it.", _matching)
    queue_position = leaf(int | None, "Its place in the queue of those runners, from 1.", _part("position"))
    queue_length = leaf(int | None, "How many jobs are in that queue.", _part("of"))
    oldest_wait = leaf(
        int | None,
        "Seconds that the first of that queue has waited.",
        lambda waiting: waiting.details.get("oldest"),
    )


@strawberry.type(
    name="CiJobWaitingReason",
    description="Extension of Pipeyard: why a job waits, by the same decision that hands out jobs.",
)
class WaitingReason:
    """Its parent is a Waiting."""

    code = leaf(CiJobWaitingCode, "What it waits for.", lambda waiting: waiting.kind.value)
    message = leaf(str, "The reason in a sentence.")
    stuck = leaf(bool, "Whether no runner that is there now will ever take it.")
    details = leaf(WaitingDetails, "The parts of the message, for programs.", lambda waiting: waiting)
