"""Moves a trigger job along with the pipeline that it follows: its downstream pipeline, or one that it mirrors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ci_core.decisions.bridges import Strategy, steps
from ci_core.decisions.transitions import Event
from ci_core.errors import NotFound
from ci_core.locks import lock_job, lock_pipeline
from ci_core.models import BridgeMessage, Deployment, DownstreamPipeline, Job, MirroredPipeline, Pipeline
from ci_core.processing.deployed import note_success
from ci_core.statuses import COMPLETED, DeploymentStatus, FailureReason, Status
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
    """
    link = DownstreamPipeline.objects.filter(pk=downstream.pk).exclude(strategy="").first()
    bridge: Job | None = Job.objects.by_ids([link.source_job_id]).first() if link else None
    if link is None or bridge is None:
        return None
    events = _events(bridge, Strategy(link.strategy), before, Status(downstream.status))
    if not events:
        return None
    try:
        upstream = lock_pipeline(link.source_pipeline_id)
    except NotFound:
        return None
    return _carry_out(upstream, bridge, events)


def mirror(job_id: int) -> Followed | None:
    """Gives a trigger job what it takes from the pipeline that it mirrors; None when that is nothing. Raises NotFound.

    Locks the job's pipeline, not the mirrored one: whoever moves that notes it on the link, and looks here again.
    """
    pipeline, bridge = lock_job(job_id)
    link = MirroredPipeline.objects.filter(pk=job_id, following=True)
    if not link.update(moved_since=None):
        return None
    mirrored_id = link.values_list("mirrored_id", flat=True).get()
    found = Pipeline.objects.select_related("project").filter(pk=mirrored_id).first()
    status = Status(found.status) if found is not None else Status.FAILED
    if bridge.status in COMPLETED or status in COMPLETED:
        link.update(following=False)
    if bridge.status in COMPLETED:
        return None
    if status == Status.FAILED:
        words = f"of {found.project.full_path} failed" if found else "was deleted before it had ended"
        words = f"The pipeline #{mirrored_id} {words}."
        BridgeMessage.objects.update_or_create(job_id=job_id, defaults={"content": words})
    events = _events(bridge, Strategy.MIRROR, Status.RUNNING, status)
    return _carry_out(pipeline, bridge, events) if events else None


def _events(bridge: Job, strategy: Strategy, before: Status, after: Status) -> Sequence[Event]:
    """What happens to a trigger job. One that was retried takes nothing more but the end of its cancellation."""
    if not bridge.retried:
        return steps(strategy, Status(bridge.status), before, after)
    return (Event.CANCEL,) if bridge.status == Status.CANCELING and after in COMPLETED else ()


def _carry_out(upstream: Pipeline, bridge: Job, events: Sequence[Event]) -> Followed:
    changes: list[JobChange] = []
    deploys = events[-1] == Event.SUCCESS and bool(bridge.environment_name) and not _has_deployed(bridge)
    for event in events:
        columns: dict[str, Any] = {}
        if event == Event.DROP:
            columns = {"failure_reason": FailureReason.UNKNOWN_FAILURE.value}
        changes += transition(upstream, [bridge.pk], event, **columns)
    if deploys:
        note_success(upstream, bridge)
    failed = events[-1] == Event.DROP and not bridge.allow_failure
    return Followed(upstream, changes, {bridge.name} if Event.RESUME in events else set(), failed)


def _has_deployed(bridge: Job) -> bool:
    """Whether a trigger job's deployment has succeeded before.

    Its environment is not opened again then. A job of the downstream pipeline that stops it would do so otherwise: by
    running, it lets the trigger job run and succeed once more, and the environment would be due to stop again for ever.
    """
    return Deployment.objects.filter(job_id=bridge.pk, status=DeploymentStatus.SUCCESS.value).exists()
