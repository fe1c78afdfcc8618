"""Creates the pipelines of trigger jobs (https://docs.gitlab.com/ci/pipelines/downstream_pipelines/)."""

from __future__ import annotations

from typing import Any, Final

import structlog
from django.db import transaction

from ci_core import clock, deployments
from ci_core.actions import mirroring
from ci_core.actions.forwarding import forwarded_variables, included_config
from ci_core.actions.jobs import fail_job
from ci_core.actions.pipelines import compile_runnable, store_pipeline
from ci_core.actions.sweeping import one_by_one
from ci_core.actions.triggering import BridgeRefused, Target, refuse_large, target_of
from ci_core.configuration import Compiled, Situation
from ci_core.decisions.bridges import Strategy
from ci_core.decisions.transitions import Event
from ci_core.errors import CiError, JobNotRunning, NotFound
from ci_core.locks import lock_family, lock_job
from ci_core.models import BridgeMessage, DownstreamPipeline, Job, JobDefinition, PendingBridge, Pipeline
from ci_core.processing import advance, cancel_wanted
from ci_core.processing.deployed import note_success
from ci_core.statuses import FailureReason, PipelineSource, Status
from ci_core.transition import transition

log = structlog.get_logger("pipeyard.downstream")

#: Trigger jobs, and children to cancel, that one sweep looks at.
BATCH: Final = 200


def start_bridges(pipeline_id: int) -> int:
    """Creates the downstream pipelines of a pipeline's pending trigger jobs; returns how many."""
    pending = PendingBridge.objects.filter(pipeline_id=pipeline_id).order_by("job_id")
    return _start_all(list(pending.values_list("job_id", flat=True)))


def start_waiting_bridges() -> int:
    """Creates downstream pipelines whose task was lost with its worker; returns how many."""
    # Those of one pipeline are often queued at the same moment; they start in the order of its jobs, as by their task.
    waiting = PendingBridge.objects.order_by("queued_at", "job_id")
    return _start_all(list(waiting.values_list("job_id", flat=True)[:BATCH]))


def _start_all(job_ids: list[int]) -> int:
    """Starts trigger jobs one by one; one that cannot be started fails, and does not keep the others."""
    started = 0
    for job_id in job_ids:
        try:
            started += start_bridge(job_id) is not None
        except Exception:
            log.exception("trigger job failed unexpectedly", job_id=job_id)
            message = "The server could not create the downstream pipeline; its log tells more."
            _fail(job_id, FailureReason.UNKNOWN_FAILURE, message)
    return started


def start_bridge(job_id: int) -> Pipeline | None:
    """Creates the downstream pipeline of a pending trigger job; None if it is not pending (any more) or fails.

    Compiles first, outside any transaction; then one transaction writes the pipeline and moves the trigger job:
    without a strategy it has succeeded with that.
    """
    job = Job.objects.by_ids([job_id]).first()
    if job is None or not _waits(job):
        return None
    pipeline = Pipeline.objects.select_related("project").filter(pk=job.pipeline_id).first()
    stored = JobDefinition.objects.by_ids([job.definition_id]).first()
    if pipeline is None or stored is None:  # deleted meanwhile
        return None
    definition = stored.content
    refusal = deployments.refusal(pipeline, job)
    if refusal is not None:
        _fail(job_id, refusal.reason, refusal.message)
        return None
    if "mirrors" in definition:
        _mirror(job_id, definition["mirrors"])
        return None
    try:
        target = target_of(pipeline, job, definition["trigger"])
        situation = _situation(pipeline, job, definition, target)
        compiled = compile_runnable(target.project, situation, acting_user=target.user)
    except BridgeRefused as refused:
        _fail(job_id, refused.reason, refused.message)
        return None
    except CiError as error:
        _fail(job_id, FailureReason.DOWNSTREAM_PIPELINE_CREATION_FAILED, error.message)
        return None
    try:
        return _create(job_id, target, situation, compiled)
    except BridgeRefused as refused:
        _fail(job_id, refused.reason, refused.message)
        return None


def _waits(job: Job) -> bool:
    """Whether its pipeline is still to be created; one that has started may be pending because its pipeline is."""
    return job.status == Status.PENDING and job.started_at is None


def _situation(pipeline: Pipeline, job: Job, definition: dict[str, Any], target: Target) -> Situation:
    """What the downstream configuration is compiled for. Raises CiError."""
    trigger = definition["trigger"]
    variables, known = forwarded_variables(pipeline, job, definition, child=target.child)
    return Situation(
        ref=pipeline.ref if target.child else trigger["branch"] or target.project.default_branch,
        source=PipelineSource.PARENT_PIPELINE if target.child else PipelineSource.PIPELINE,
        variables=variables,
        inputs={} if target.child else trigger["inputs"],
        tag=pipeline.tag,
        upstream=included_config(pipeline, job, trigger, known, child=target.child),
    )


def _mirror(job_id: int, path: str) -> None:
    """Starts a trigger job that creates no pipeline but mirrors one, unless it was started or cancelled meanwhile."""
    try:
        with transaction.atomic():
            pipeline, job = lock_job(job_id)
            mirrored_id = mirroring.link(pipeline, job, path) if _waits(job) else None
    except BridgeRefused as refused:
        _fail(job_id, refused.reason, refused.message)
    except NotFound:
        return
    else:
        if mirrored_id is not None:
            mirroring.catch_up(job_id, mirrored_id)


@transaction.atomic
def _create(job_id: int, target: Target, situation: Situation, compiled: Compiled) -> Pipeline | None:
    """Writes the downstream pipeline, unless the trigger job was started or cancelled meanwhile.

    The upstream pipeline is locked first; nobody can wait for the new one. Raises BridgeRefused, and writes nothing,
    if the family has become too large meanwhile.
    """
    try:
        upstream, job = lock_job(job_id)
    except NotFound:
        return None
    if not _waits(job):
        return None
    advance(upstream, transition(upstream, [job.pk], Event.RUN))

    def link(downstream: Pipeline) -> None:
        # Again, now that nobody else adds to the family: others may have since the first look.
        lock_family(target.root_id)
        refuse_large(target.root_id)
        DownstreamPipeline.objects.create(
            pipeline=downstream,
            source_pipeline_id=upstream.pk,
            source_job_id=job.pk,
            source_project_id=upstream.project_id,
            root_id=target.root_id,
            child=target.child,
            strategy=target.strategy,
            created_at=clock.now(),
        )

    downstream = store_pipeline(target.project, compiled, situation, acting_user=target.user, link=link)
    if downstream.failure_reason:
        reason = FailureReason.DOWNSTREAM_PIPELINE_CREATION_FAILED
        _fail(job.pk, reason, "Its configuration has errors.", started=True)
    elif target.strategy == Strategy.NONE:
        upstream, job = lock_job(job_id)
        changes = transition(upstream, [job.pk], Event.SUCCESS)
        if job.environment_name:
            note_success(upstream, job)
        advance(upstream, changes)
    return downstream


@transaction.atomic
def _fail(job_id: int, reason: FailureReason, message: str, *, started: bool = False) -> None:
    """Fails a trigger job and keeps why, in words; one that is over, or that somebody else has started, is left alone.

    started: by the caller.
    """
    try:
        _, job = lock_job(job_id)
        if not started and not _waits(job):
            return
        fail_job(job_id, reason)
    except (JobNotRunning, NotFound):
        return
    BridgeMessage.objects.update_or_create(job_id=job_id, defaults={"content": message})


def cancel_wanted_children() -> int:
    """Cancels child pipelines whose parent was cancelled, where that was lost or had to wait; returns how many."""
    wanted = DownstreamPipeline.objects.filter(cancel_wanted_since__isnull=False).order_by(
        "cancel_wanted_since"
    )
    return len(one_by_one(list(wanted.values_list("pk", flat=True)[:BATCH]), cancel_wanted))
