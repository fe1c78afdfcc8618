"""Moves a trigger job along with its downstream pipeline, in the transaction that moved that."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ci_core.decisions.bridges import Strategy, steps
from ci_core.decisions.transitions import Event
from ci_core.errors import NotFound
from ci_core.locks import lock_pipeline
from ci_core.models import DownstreamPipeline, Job, Pipeline
from ci_core.processing.deployed import note_success
from ci_core.statuses import FailureReason, Status
from ci_core.transition import JobChange, transition


@dataclass(frozen=True, slots=True)
class Followed:
    """An upstream pipeline in which a trigger job moved. failed: in a way that is not allowed."""

    upstream: Pipeline
    changes: Sequence[JobChange]
    restarted: Collection[str]
    failed: bool


def follow(downstream: Pipeline, before: Status) -> Followed | None:
    """Gives the trigger job of a downstream pipeline what it takes from the new status; None when that is nothing.

    before: the status that the pipeline had. Whoever locked the pipeline has locked its upstream pipelines, too.
    A trigger job that was retried follows its old pipeline no more, but for the end of its cancellation.
    """
    link = DownstreamPipeline.objects.filter(pk=downstream.pk).exclude(strategy="").first()
    bridge: Job | None = Job.objects.by_ids([link.source_job_id]).first() if link else None
    if link is None or bridge is None or (bridge.retried and bridge.status != Status.CANCELING):
        return None
    events = steps(Strategy(link.strategy), Status(bridge.status), before, Status(downstream.status))
    if not events:
        return None
    try:
        upstream = lock_pipeline(link.source_pipeline_id)
    except NotFound:
        return None
    changes: list[JobChange] = []
    for event in events:
        columns: dict[str, Any] = {}
        if event == Event.DROP:
            columns = {"failure_reason": FailureReason.UNKNOWN_FAILURE.value}
        changes += transition(upstream, [bridge.pk], event, **columns)
    if events[-1] == Event.SUCCESS and bridge.environment_name:
        note_success(upstream, bridge)
    failed = events[-1] == Event.DROP and not bridge.allow_failure
    return Followed(upstream, changes, {bridge.name} if Event.RESUME in events else set(), failed)
