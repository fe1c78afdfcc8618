"""One processing pass: read what decides, decide, store what changed, log it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from django.db import transaction

from ci_core import clock, deployments, resources
from ci_core.decisions import readiness
from ci_core.decisions.composite import counted, settled
from ci_core.decisions.reset import to_reset
from ci_core.decisions.snapshots import Advance, JobSnapshot, PipelineSnapshot, whole
from ci_core.decisions.transitions import Event
from ci_core.errors import NotFound
from ci_core.locks import lock_pipeline
from ci_core.models import DownstreamPipeline, Job, MirroredPipeline, Pipeline
from ci_core.processing.cancelling import cancel_jobs
from ci_core.processing.following import Followed, follow, mirror
from ci_core.processing.snapshot import load_jobs, load_touched, load_whole
from ci_core.processing.store import store
from ci_core.statuses import DOWNSTREAM_SOURCES, ON_RUNNER, UNFINISHED, FailureReason, Status
from ci_core.transition import JobChange, transition

#: How a decided status is reached from `created`.
_EVENT_TO: Final[Mapping[Status, Event]] = {
    Status.PENDING: Event.ENQUEUE,
    Status.WAITING_FOR_RESOURCE: Event.WAIT_FOR_RESOURCE,
    Status.MANUAL: Event.ACTIONIZE,
    Status.SCHEDULED: Event.SCHEDULE,
    Status.SKIPPED: Event.SKIP,
}
#: Statuses that a job reaches only with its resource, and keeps it.
_KEEPS_RESOURCE: Final = ON_RUNNER | {Status.PENDING}
#: Statuses of a job that waits for nothing else but a resource or a runner.
_QUEUED: Final = (Status.PENDING, Status.WAITING_FOR_RESOURCE)
#: Times that one call of `hand_over` tries to find out who gets a resource.
HAND_OVER_ATTEMPTS: Final = 20
#: Trigger jobs that follow a pipeline which they mirror right after it has moved; the sweep takes the others.
MIRRORS_AT_ONCE: Final = 50
#: Children that are cancelled right after the commit that wants it; the sweep takes the others.
CHILDREN_AT_ONCE: Final = 50


def advance(
    pipeline: Pipeline,
    changes: Sequence[JobChange] = (),
    *,
    restarted: Collection[str] = (),
    copied: bool = False,
) -> None:
    """Moves a locked pipeline as far as its jobs' statuses let it go, in the caller's transaction.

    changes: what moved in this transaction since the last pass; only what that touches is read. copied: jobs were
    copied, too; then all is read. restarted: names of jobs that were played or retried; skipped jobs after them get
    another chance first. `pipeline` is brought up to date. A trigger job that follows the pipeline moves with it, in
    its own pipeline.
    """
    moved = list(changes)
    if restarted:
        moved += _reset(pipeline, restarted)
    snapshot, decided = _decide(pipeline, None if copied else moved)
    _apply(pipeline, snapshot, decided, moved)


def start(pipeline: Pipeline, jobs: Iterable[JobSnapshot]) -> None:
    """The first pass over a pipeline whose jobs, all of them given, were inserted in this transaction."""
    snapshot = whole(Status(pipeline.status), {}, jobs)
    _apply(pipeline, snapshot, readiness.advance(snapshot), [])


def _apply(pipeline: Pipeline, snapshot: PipelineSnapshot, decided: Advance, moved: list[JobChange]) -> None:
    """Carries out what was decided. moved: what changed in this transaction before."""
    before = Status(pipeline.status)
    by_status: dict[Status, list[int]] = {}
    for job_id, status in decided.jobs.items():
        by_status.setdefault(status, []).append(job_id)
    for status, job_ids in by_status.items():
        moved += transition(pipeline, job_ids, _EVENT_TO[status])
    dropped = _drop_outdated(pipeline, moved)
    granted = _hand_out(pipeline, [*moved, *dropped])
    if granted:
        dropped += _drop_outdated(pipeline, granted)
        snapshot = load_touched(pipeline, ())
        decided = readiness.advance(snapshot)
    for job_id in store(pipeline, snapshot.stages, decided)[:MIRRORS_AT_ONCE]:
        transaction.on_commit(partial(mirror_again, job_id), robust=True)
    _move_upstream(pipeline, before)
    if dropped:
        advance(pipeline, dropped)


def _move_upstream(pipeline: Pipeline, before: Status) -> None:
    """Moves the trigger job that follows the pipeline, and processes its pipeline. before: the status it had."""
    if pipeline.source not in DOWNSTREAM_SOURCES or pipeline.status == before:
        return
    followed = follow(pipeline, before)
    if followed is not None:
        _go_on(followed)


def _go_on(followed: Followed) -> None:
    """Processes a pipeline in which a trigger job moved with the pipeline that it follows."""
    rest = cancel_rest(followed.upstream) if followed.failed else []
    advance(followed.upstream, [*followed.changes, *rest], restarted=followed.restarted)


def mirror_again(job_id: int) -> bool:
    """Moves a trigger job to the status of the pipeline that it mirrors, in a transaction of its own; whether it moved.

    That a mirrored pipeline has moved is noted in the transaction that moves it, and this runs right after its commit:
    a mirrored pipeline may be older or newer than the job's, and nobody who holds one waits for a newer one.
    """
    try:
        with transaction.atomic():
            followed = mirror(job_id)
            if followed is not None:
                _go_on(followed)
    except NotFound:
        MirroredPipeline.objects.filter(pk=job_id).update(moved_since=None, following=False)
        return False
    return followed is not None


def _drop_outdated(pipeline: Pipeline, moved: Iterable[JobChange]) -> list[JobChange]:
    """Fails those of the jobs that have just been queued and would deploy something older than what is deployed.

    Source: https://docs.gitlab.com/ci/environments/deployment_safety/#prevent-outdated-deployment-jobs
    """
    queued = [change for change in moved if change.deploys and change.new in _QUEUED]
    if not queued or not pipeline.project.prevent_outdated_deployments:
        return []
    reason = FailureReason.FAILED_OUTDATED_DEPLOYMENT_JOB.value
    outdated = deployments.outdated_among([change.subject_id for change in queued])
    dropped = transition(pipeline, outdated, Event.DROP, failure_reason=reason)
    if any(not change.allow_failure for change in dropped):
        dropped += cancel_rest(pipeline)
    return dropped


def _decide(pipeline: Pipeline, moved: Iterable[JobChange] | None) -> tuple[PipelineSnapshot, Advance]:
    """Looks at what the moved jobs touch; at all jobs when that is not known, or when it goes further than that."""
    if moved is not None and all(change.new != Status.CREATED for change in moved):
        names = [
            change.name for change in moved if settled(counted(Status(change.new), change.allow_failure))
        ]
        snapshot = load_touched(pipeline, names)
        decided = readiness.advance(snapshot)
        if not decided.cascades:
            return snapshot, decided
    snapshot = load_whole(pipeline)
    return snapshot, readiness.advance(snapshot)


def _reset(pipeline: Pipeline, restarted: Collection[str]) -> list[JobChange]:
    """Puts skipped jobs behind the restarted ones back to `created`."""
    jobs = load_jobs(pipeline, all_needs=True)
    started = [job for job in jobs if job.name in restarted]
    return transition(pipeline, to_reset(jobs, started), Event.RESET)


def _hand_out(pipeline: Pipeline, moved: Iterable[JobChange]) -> list[JobChange]:
    """Gives free resource groups that the moved jobs touch to jobs of this pipeline, which are queued with that.

    A group that may be for a job of another pipeline is handed over right after the commit, since nobody holds two
    pipelines.
    """
    touched = sorted(
        {
            change.resource_group_id
            for change in moved
            if change.resource_group_id is not None and change.new not in _KEEPS_RESOURCE
        }
    )
    if not touched:
        return []
    granted = _grant(pipeline, touched, wait=False)
    given = {change.resource_group_id for change in granted}
    for group_id in touched:
        if group_id not in given:
            transaction.on_commit(partial(hand_over, group_id), robust=True)
    return granted


def _grant(
    pipeline: Pipeline, group_ids: Sequence[int], *, wait: bool, out_of_turn: int | None = None
) -> list[JobChange]:
    """Queues the jobs of this pipeline that get one of the groups now. out_of_turn: a job whose turn it need not be."""
    granted: list[JobChange] = []
    for group_id, mode in resources.lock_free(group_ids, wait=wait):
        claim = resources.ready_claim(out_of_turn) if out_of_turn else resources.next_claim(group_id, mode)
        if claim is None or claim.pipeline_id != pipeline.pk:
            continue
        resources.hold(group_id, claim.job_id)
        granted += transition(pipeline, [claim.job_id], Event.ENQUEUE)
    return granted


def hand_over(group_id: int, *, out_of_turn: int | None = None) -> bool:
    """Gives a free resource group to the job that is next, in a transaction of its own; True if a job got it.

    out_of_turn: the job that is to get it, ready but not next.

    Locks that job's pipeline, then the group, and looks again; when somebody else was quicker, it starts over.
    """
    for _ in range(HAND_OVER_ATTEMPTS):
        mode = resources.mode_of_free(group_id)
        if mode is None:
            return False
        claim = resources.ready_claim(out_of_turn) if out_of_turn else resources.next_claim(group_id, mode)
        if claim is None:
            return False
        try:
            with transaction.atomic():
                pipeline = lock_pipeline(claim.pipeline_id)
                granted = _grant(pipeline, [group_id], wait=True, out_of_turn=out_of_turn)
                if granted:
                    advance(pipeline, granted)
                    return True
        except NotFound:
            return False
    return False


def cancel_rest(pipeline: Pipeline) -> list[JobChange]:
    """Cancels what is left of a locked pipeline whose `workflow:auto_cancel:on_job_failure` wants that, children too.

    The caller advances (https://docs.gitlab.com/ci/yaml/#workflowauto_cancelon_job_failure).
    """
    if not pipeline.cancel_on_job_failure:
        return []
    cancelable = Job.objects.in_pipeline(pipeline.pk).cancelable()
    cancel_children(pipeline)
    return cancel_jobs(pipeline, list(cancelable.values_list("id", flat=True)))


def cancel_children(pipeline: Pipeline, job_ids: Sequence[int] | None = None) -> None:
    """Cancels the child pipelines of a locked pipeline, or those that some of its trigger jobs created.

    That is noted in the caller's transaction and done right after its commit: nobody who holds a pipeline waits for a
    newer one. Pipelines of other projects go on (https://docs.gitlab.com/ci/pipelines/downstream_pipelines/).
    """
    links = DownstreamPipeline.objects.filter(source_pipeline_id=pipeline.pk, child=True)
    if job_ids is not None:
        links = links.filter(source_job_id__in=job_ids)
    unfinished = [status.value for status in (*UNFINISHED, Status.MANUAL)]
    ids = list(links.filter(pipeline__status__in=unfinished).values_list("pk", flat=True))
    if not ids:
        return
    DownstreamPipeline.objects.filter(pk__in=ids).update(cancel_wanted_since=clock.now())
    for child_id in ids[:CHILDREN_AT_ONCE]:
        transaction.on_commit(partial(cancel_wanted, child_id), robust=True)


def cancel_wanted(pipeline_id: int) -> bool:
    """Cancels a child pipeline that is to be cancelled with its parent, and its children; False if it was already."""
    try:
        with transaction.atomic():
            pipeline = lock_pipeline(pipeline_id)
            wanted = DownstreamPipeline.objects.filter(pk=pipeline_id, cancel_wanted_since__isnull=False)
            if not wanted.update(cancel_wanted_since=None):
                return False
            cancelable = Job.objects.in_pipeline(pipeline.pk).cancelable()
            cancel_children(pipeline)
            advance(pipeline, cancel_jobs(pipeline, list(cancelable.values_list("id", flat=True))))
    except NotFound:
        return False
    return True
