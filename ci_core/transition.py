"""The one guarded UPDATE of a job's status; the rows it changed are the answer.

It also keeps what follows from a status: the queue, the timers, the list of jobs on runners, the deployments, and the
event log. So none of them can disagree with the job. The caller holds the pipeline's lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from ci_core import clock, events
from ci_core.decisions import transitions
from ci_core.decisions.transitions import Event
from ci_core.events.log import ring_queue
from ci_core.models import Deployment, EventKind, JobTimer, Pipeline, RunningJob
from ci_core.statuses import COMPLETED, ON_RUNNER, DeploymentStatus, Status

#: What a job's row gets besides its status, by the status it reaches.
_ALSO_SET: Final[Mapping[Status, str]] = {
    Status.PENDING: ", queued_at = %(now)s",
    Status.SCHEDULED: ", scheduled_at = %(now)s + make_interval(secs => coalesce(start_in, 0))",
    Status.RUNNING: ", started_at = %(now)s, attempt = attempt + 1",
    Status.SUCCESS: ", finished_at = %(now)s",
    Status.FAILED: ", finished_at = %(now)s",
    Status.CANCELED: ", finished_at = %(now)s",
}

#: Columns that a caller may set along with a status.
_COLUMNS: Final = frozenset(
    {"runner_id", "runner_manager_id", "failure_reason", "exit_code", "allow_failure", "user_id"}
)

_UPDATE: Final = """
UPDATE ci_core_job AS job SET status = %(to)s, updated_at = %(now)s{also}{columns}
FROM (
    SELECT id, status FROM ci_core_job
    WHERE pipeline_id = %(pipeline_id)s AND id = ANY(%(ids)s) AND status = ANY(%(from)s)
    ORDER BY id FOR NO KEY UPDATE
) AS old
WHERE job.pipeline_id = %(pipeline_id)s AND job.id = old.id
RETURNING job.id, old.status, job.environment_name
"""

_ENQUEUE: Final = """
INSERT INTO ci_core_pendingjob (job_id, pipeline_id, project_id, tags, protected, queued_at)
SELECT id, pipeline_id, project_id, tags, protected, %(now)s FROM ci_core_job
WHERE pipeline_id = %(pipeline_id)s AND id = ANY(%(ids)s)
ON CONFLICT (job_id) DO NOTHING
"""

# A queue row that a claim holds is left to the claim, which finds that the job is not pending and removes it.
_DEQUEUE: Final = """
DELETE FROM ci_core_pendingjob WHERE job_id IN (
    SELECT job_id FROM ci_core_pendingjob WHERE job_id = ANY(%(ids)s) FOR UPDATE SKIP LOCKED
)
"""

_SET_TIMERS: Final = """
INSERT INTO ci_core_jobtimer (job_id, pipeline_id, due_at)
SELECT id, pipeline_id, scheduled_at FROM ci_core_job
WHERE pipeline_id = %(pipeline_id)s AND id = ANY(%(ids)s)
ON CONFLICT (job_id) DO UPDATE SET due_at = excluded.due_at
"""

_DEPLOYMENT_OF: Final[Mapping[Status, DeploymentStatus]] = {
    Status.CREATED: DeploymentStatus.CREATED,
    Status.MANUAL: DeploymentStatus.BLOCKED,
    Status.RUNNING: DeploymentStatus.RUNNING,
    Status.SUCCESS: DeploymentStatus.SUCCESS,
    Status.FAILED: DeploymentStatus.FAILED,
    Status.CANCELED: DeploymentStatus.CANCELED,
    Status.SKIPPED: DeploymentStatus.SKIPPED,
}


def transition(
    pipeline: Pipeline, job_ids: Iterable[int], event: Event, **columns: Any
) -> list[events.Change]:
    """Moves those of the jobs in which `event` may happen, and returns what changed.

    A job that is missing from the answer was in another status; nothing happened to it. columns: what to store
    along with the status (`_COLUMNS`).
    """
    ids = list(job_ids)
    if not ids:
        return []
    if not columns.keys() <= _COLUMNS:
        raise TypeError(f"not columns of a transition: {columns.keys() - _COLUMNS}")
    to = transitions.target(event)
    now = clock.now()
    parameters = {
        "to": to.value,
        "from": [status.value for status in transitions.sources(event)],
        "pipeline_id": pipeline.pk,
        "ids": ids,
        "now": now,
        **columns,
    }
    statement = _UPDATE.format(
        also=_ALSO_SET.get(to, ""), columns="".join(f", {name} = %({name})s" for name in columns)
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows = cursor.fetchall()
    changes = [events.Change(job_id, old, to.value) for job_id, old, _ in rows]
    if changes:
        _follow(pipeline, changes, to, now)
        _follow_deployments([job_id for job_id, _, environment in rows if environment], to, now)
        events.record(pipeline, EventKind.JOB, changes)
    return changes


def _follow(pipeline: Pipeline, changes: Sequence[events.Change], to: Status, now: datetime) -> None:
    """Keeps queue, timers and the list of jobs on runners in step with the new statuses."""
    ids = [change.subject_id for change in changes]
    left = {Status(change.old) for change in changes} - {to}
    parameters: dict[str, Any] = {"pipeline_id": pipeline.pk, "ids": ids, "now": now}
    with connection.cursor() as cursor:
        if Status.PENDING in left:
            cursor.execute(_DEQUEUE, parameters)
        if to == Status.PENDING:
            cursor.execute(_ENQUEUE, parameters)
        if to == Status.SCHEDULED:
            cursor.execute(_SET_TIMERS, parameters)
    if to == Status.PENDING:
        ring_queue()
    if Status.SCHEDULED in left:
        JobTimer.objects.filter(job_id__in=ids).delete()
    if left & ON_RUNNER and to not in ON_RUNNER:
        RunningJob.objects.filter(job_id__in=ids).delete()


def _follow_deployments(job_ids: Sequence[int], to: Status, now: datetime) -> None:
    """A deployment follows its job (https://docs.gitlab.com/ci/environments/deployments/)."""
    status = _DEPLOYMENT_OF.get(to)
    if job_ids and status is not None:
        finished_at = now if to in COMPLETED else None
        Deployment.objects.filter(job_id__in=job_ids).update(status=status, finished_at=finished_at)


def started_on(pipeline: Pipeline, job_id: int, runner_id: int, timeout: int) -> None:
    """Notes that a job is on a runner and until when it may stay there. timeout: seconds."""
    now = clock.now()
    RunningJob.objects.update_or_create(
        job_id=job_id,
        defaults={
            "pipeline_id": pipeline.pk,
            "project_id": pipeline.project_id,
            "runner_id": runner_id,
            "deadline_at": now + timedelta(seconds=timeout),
            "heard_at": now,
        },
    )
