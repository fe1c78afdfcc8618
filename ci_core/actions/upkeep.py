"""What time does to pipelines: timers that run out, jobs that run too long, runners that vanish; in bounded sweeps."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction

from ci_core import clock, partitions
from ci_core.actions.jobs import fail_job, start_delayed_jobs
from ci_core.actions.sweeping import one_by_one
from ci_core.decisions.runner_matching import may_take
from ci_core.decisions.transitions import Event
from ci_core.errors import NotFound
from ci_core.locks import lock_pipeline
from ci_core.models import Job, JobTimer, PendingJob, Pipeline, ProjectChange, RunningJob, archived_before
from ci_core.processing import advance
from ci_core.statuses import UNFINISHED, FailureReason
from ci_core.transition import transition
from ci_core.waiting import load_runners, queued

log = structlog.get_logger("pipeyard.upkeep")

#: Rows that one sweep looks at.
BATCH: Final = 200
#: Timers that one sweep looks at: many of a pipeline may run out together, and cost little then.
TIMERS_BATCH: Final = 5000
#: Queue rows that the sweep for jobs without a runner looks at: those that a runner may take stay, so it needs more.
STUCK_BATCH: Final = 5000
#: Seconds for which changes of projects are kept. Who follows a project reads at least twice a minute, so this is how
#: long a web process may be cut off from the database without missing anything.
CHANGES_KEPT: Final = 3600
#: Changes of projects that one sweep forgets.
CHANGES_BATCH: Final = 100_000


def start_due_jobs() -> int:
    """Queues delayed jobs whose timer has run out, those of one pipeline at once; returns how many."""
    due = JobTimer.objects.filter(due_at__lte=clock.now()).order_by("due_at")
    by_pipeline: dict[int, list[int]] = {}
    for pipeline_id, job_id in due.values_list("pipeline_id", "job_id")[:TIMERS_BATCH]:
        by_pipeline.setdefault(pipeline_id, []).append(job_id)
    started = 0

    def start(pipeline_id: int) -> bool:
        nonlocal started
        try:
            started += start_delayed_jobs(pipeline_id, by_pipeline[pipeline_id])
        except NotFound:
            JobTimer.objects.filter(job_id__in=by_pipeline[pipeline_id]).delete()
        return True

    one_by_one(by_pipeline, start)
    return started


def fail_overdue_jobs() -> int:
    """Fails jobs that have run longer than they may; returns how many."""
    overdue = RunningJob.objects.filter(deadline_at__lte=clock.now()).order_by("deadline_at")
    return _fail(list(overdue.values_list("job_id", flat=True)[:BATCH]), FailureReason.JOB_EXECUTION_TIMEOUT)


def fail_lost_jobs() -> int:
    """Fails jobs whose runner has not been heard of for PIPEYARD_RUNNER_SILENCE_SECONDS; returns how many."""
    silent_since = clock.now() - timedelta(seconds=settings.PIPEYARD_RUNNER_SILENCE_SECONDS)
    lost = RunningJob.objects.filter(heard_at__lte=silent_since).order_by("heard_at")
    return _fail(list(lost.values_list("job_id", flat=True)[:BATCH]), FailureReason.STUCK_OR_TIMEOUT_FAILURE)


def fail_unacknowledged_jobs() -> int:
    """Fails jobs whose runner has not reported once within PIPEYARD_ACKNOWLEDGE_SECONDS; returns how many."""
    handed_out = clock.now() - timedelta(seconds=settings.PIPEYARD_ACKNOWLEDGE_SECONDS)
    silent = RunningJob.objects.filter(acknowledged=False, heard_at__lte=handed_out).order_by("heard_at")
    return _fail(list(silent.values_list("job_id", flat=True)[:BATCH]), FailureReason.RUNNER_SYSTEM_FAILURE)


def fail_archived_pipelines() -> int:
    """Fails what is unfinished in pipelines older than PIPEYARD_PIPELINE_AGE_LIMIT_SECONDS; returns how many."""
    unfinished = sorted(status.value for status in UNFINISHED)
    old = Pipeline.objects.filter(status__in=unfinished, created_at__lte=archived_before()).order_by(
        "created_at"
    )
    return len(one_by_one(list(old.values_list("id", flat=True)[:BATCH]), _fail_archived))


@transaction.atomic
def _fail_archived(pipeline_id: int) -> bool:
    """Fails every unfinished job of a pipeline at once."""
    try:
        pipeline = lock_pipeline(pipeline_id)
    except NotFound:
        return False
    unfinished = [status.value for status in UNFINISHED]
    jobs = Job.objects.in_pipeline(pipeline_id).filter(status__in=unfinished)
    ids = list(jobs.values_list("id", flat=True))
    reason = FailureReason.ARCHIVED_FAILURE.value
    changes = transition(pipeline, ids, Event.DROP, failure_reason=reason)
    advance(pipeline, changes + transition(pipeline, ids, Event.CANCEL))
    return True


def fail_stuck_jobs() -> int:
    """Fails jobs that no runner took for PIPEYARD_PENDING_LIMIT_SECONDS; returns how many."""
    waiting_since = clock.now() - timedelta(seconds=settings.PIPEYARD_PENDING_LIMIT_SECONDS)
    stuck = PendingJob.objects.filter(queued_at__lte=waiting_since).order_by("queued_at")
    return _fail(list(stuck.values_list("job_id", flat=True)[:BATCH]), FailureReason.STUCK_OR_TIMEOUT_FAILURE)


def fail_jobs_without_runner() -> int:
    """Fails jobs pending for PIPEYARD_STUCK_LIMIT_SECONDS that no online runner may take; returns how many."""
    limit = clock.now() - timedelta(seconds=settings.PIPEYARD_STUCK_LIMIT_SECONDS)
    waiting = list(PendingJob.objects.filter(queued_at__lte=limit).order_by("queued_at")[:STUCK_BATCH])
    runners = load_runners() if waiting else []
    stuck = [
        row.job_id
        for row in waiting
        if not any(may_take(runner, queued(row.project_id, row.tags, row.protected)) for runner in runners)
    ]
    return _fail(stuck[:BATCH], FailureReason.NO_MATCHING_RUNNER)


def _fail(job_ids: list[int], reason: FailureReason) -> int:
    """Fails jobs one by one, each in its own transaction; one that has finished meanwhile is left alone."""

    def fail(job_id: int) -> Job:
        return fail_job(job_id, reason)

    return len(one_by_one(job_ids, fail))


def forget_project_changes() -> int:
    """Deletes changes of projects that are older than CHANGES_KEPT; returns how many."""
    before = clock.now() - timedelta(seconds=CHANGES_KEPT)
    old = ProjectChange.objects.filter(created_at__lt=before).order_by("created_at").values("pk")
    deleted, _ = ProjectChange.objects.filter(pk__in=old[:CHANGES_BATCH]).delete()
    return deleted


def make_partitions() -> list[str]:
    """Makes the partitions that the next pipelines will need; returns the names of new ones."""
    newest = Pipeline.objects.order_by("-id").values_list("id", flat=True).first()
    return partitions.ensure(newest or 0)
