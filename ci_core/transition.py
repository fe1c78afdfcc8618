"""The one guarded UPDATE of a job's status; the rows it changed are the answer.

The same statement keeps what follows from a status: the queue, the timers, the list of jobs on runners, the deployments
and the event log; another follows for jobs of resource groups only. So none of them can disagree with the job.
Trigger jobs wait in a queue of their own (`ci_core.bridges`). The caller holds the pipeline's lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from ci_core import bridges, clock, events, resources, tallies
from ci_core.decisions import transitions
from ci_core.decisions.transitions import INHERITED, Event
from ci_core.events.log import LOG_CHANGED_JOBS
from ci_core.events.ringing import RING_PIPELINE, RING_QUEUE
from ci_core.models import Pipeline, RunningJob
from ci_core.prepared import fetch_named
from ci_core.statuses import COMPLETED, ON_RUNNER, DeploymentStatus, Status

#: What a job's row gets besides its status, by the status it reaches.
_ALSO_SET: Final[Mapping[Status, str]] = {
    Status.PENDING: ", queued_at = %(now)s",
    Status.SCHEDULED: ", scheduled_at = %(now)s::timestamptz + make_interval(secs => coalesce(start_in, 0))",
    Status.RUNNING: ", started_at = %(now)s, attempt = attempt + 1",
    Status.SUCCESS: ", finished_at = %(now)s",
    Status.FAILED: ", finished_at = %(now)s",
    Status.CANCELED: ", finished_at = %(now)s",
}

#: The same for events after which a trigger job goes on where it was, instead of starting anew.
_INSTEAD_SET: Final[Mapping[Event, str]] = {
    Event.RESUME: ", finished_at = NULL, failure_reason = ''",
    **dict.fromkeys(INHERITED, ""),
    Event.INHERIT_SKIPPED: ", finished_at = %(now)s",
}

#: What must hold of a job besides its status. A trigger job that is skipped with its pipeline stays with that.
_ONLY_IF: Final[Mapping[Event, str]] = {Event.RESET: "AND started_at IS NULL"}

#: Columns that a caller may set along with a status.
_COLUMNS: Final = frozenset(
    {
        "runner_id",
        "runner_manager_id",
        "failure_reason",
        "exit_code",
        "coverage",
        "allow_failure",
        "user_id",
        "given_inputs",
        "given_variables",
    }
)

# Reads the jobs twice, each time in one go: first to lock them in order and note their statuses, then to change them.
# No join of the two: without statistics, as in a new partition, the planner would look through all jobs for each one.
# {which}: with one id alone, which is most often, every plan finds it by the key, and reads no other job.
_CHANGED: Final = """old AS MATERIALIZED (
    SELECT jsonb_object_agg(id, status) AS statuses, jsonb_object_agg(id, {counted}) AS counted FROM (
        SELECT id, status, allow_failure, scheduling_type FROM ci_core_job
        WHERE pipeline_id = %(pipeline_id)s AND {which} AND status = ANY(%(from)s) {only_if}
        ORDER BY id FOR NO KEY UPDATE
    ) AS locked
), changed AS (
    UPDATE ci_core_job AS job SET status = %(to)s, updated_at = %(now)s{also}{columns} FROM old
    WHERE pipeline_id = %(pipeline_id)s AND {which} AND status = ANY(%(from)s) {only_if}
    RETURNING job.*, old.statuses ->> job.id::text AS old_status, old.counted ->> job.id::text AS old_counted
)"""

# Where the jobs of a stage are counted (`Stage.tally`), those that moved are counted anew.
_TALLIED: Final = f"""moved AS (
    SELECT stage_id, counted, sum(jobs) AS jobs FROM (
        SELECT stage_id, old_counted AS counted, -1 AS jobs FROM changed WHERE NOT retried
        UNION ALL SELECT stage_id, {tallies.KEY}, 1 FROM changed WHERE NOT retried
    ) AS each GROUP BY stage_id, counted
), tallied AS (
    UPDATE ci_core_stage AS stage SET tally = (
        SELECT coalesce(jsonb_object_agg(counted, jobs)::text, '{{}}') FROM (
            SELECT counted, sum(jobs) AS jobs FROM (
                SELECT key AS counted, value::numeric AS jobs FROM jsonb_each(stage.tally::jsonb)
                UNION ALL SELECT counted, jobs FROM moved WHERE stage_id = stage.id
            ) AS each GROUP BY counted HAVING sum(jobs) <> 0
        ) AS summed
    )
    WHERE pipeline_id = %(pipeline_id)s AND id IN (SELECT stage_id FROM moved) AND tally <> ''
)"""  # noqa: S608 - constants

_ENQUEUED: Final = """enqueued AS (
    INSERT INTO ci_core_pendingjob (job_id, pipeline_id, project_id, tags, protected, queued_at)
    SELECT id, pipeline_id, project_id, tags, protected, %(now)s::timestamptz FROM changed WHERE kind = 'build'
    ON CONFLICT (job_id) DO NOTHING
)"""

# A queue row that a claim holds is left to the claim, which finds that the job is not pending and removes it.
_DEQUEUED: Final = """dequeued AS (
    DELETE FROM ci_core_pendingjob WHERE job_id IN (
        SELECT job_id FROM ci_core_pendingjob
        WHERE job_id IN (SELECT id FROM changed WHERE old_status = 'pending') FOR UPDATE SKIP LOCKED
    )
)"""

_TIMED: Final = """timed AS (
    INSERT INTO ci_core_jobtimer (job_id, pipeline_id, due_at)
    SELECT id, pipeline_id, scheduled_at FROM changed
)"""

_UNTIMED: Final = """untimed AS (
    DELETE FROM ci_core_jobtimer WHERE job_id IN (SELECT id FROM changed WHERE old_status = 'scheduled')
)"""

_OFF_RUNNER: Final = """off_runner AS (
    DELETE FROM ci_core_runningjob
    WHERE job_id IN (SELECT id FROM changed WHERE old_status IN ('running', 'canceling'))
)"""

# https://docs.gitlab.com/ci/environments/deployments/: a deployment follows its job. One that has succeeded does not
# succeed again when its trigger job follows its pipeline once more.
_DEPLOYED: Final = """deployed AS (
    UPDATE ci_core_deployment SET status = %(deployment)s, finished_at = %(deployment_finished_at)s
    WHERE job_id IN (SELECT id FROM changed WHERE environment_name <> ''){unless}
)"""
_UNLESS_DEPLOYED: Final = " AND status <> 'success'"
_AGAIN: Final = frozenset({Status.CREATED, Status.MANUAL, Status.RUNNING, Status.SUCCESS})

_DEPLOYMENT_OF: Final[Mapping[Status, DeploymentStatus]] = {
    Status.CREATED: DeploymentStatus.CREATED,
    Status.MANUAL: DeploymentStatus.BLOCKED,
    Status.RUNNING: DeploymentStatus.RUNNING,
    Status.SUCCESS: DeploymentStatus.SUCCESS,
    Status.FAILED: DeploymentStatus.FAILED,
    Status.CANCELED: DeploymentStatus.CANCELED,
    Status.SKIPPED: DeploymentStatus.SKIPPED,
}


@dataclass(frozen=True, slots=True)
class JobChange(events.Change):
    """A job that moved, with what decides which others may move now.

    bridge: it is a trigger job. deploys: it has an environment.
    """

    name: str
    bridge: bool
    deploys: bool
    allow_failure: bool
    resource_group_id: int | None
    at: datetime


def transition(pipeline: Pipeline, job_ids: Iterable[int], event: Event, **columns: Any) -> list[JobChange]:
    """Moves those of the jobs in which `event` may happen, and returns what changed.

    A job that is missing from the answer was in another status; nothing happened to it. columns: what to store
    along with the status (`_COLUMNS`). The caller hands the changes to `processing.advance`.
    """
    ids = list(job_ids)
    if not ids:
        return []
    if not columns.keys() <= _COLUMNS:
        raise TypeError(f"not columns of a transition: {columns.keys() - _COLUMNS}")
    to = transitions.target(event)
    now = clock.now()
    deployment = _DEPLOYMENT_OF.get(to)
    parameters = {
        "to": to.value,
        "from": [status.value for status in transitions.sources(event)],
        "pipeline_id": pipeline.pk,
        "project_id": pipeline.project_id,
        "ids": ids,
        "id": ids[0],
        "now": now,
        "deployment": deployment.value if deployment else None,
        "deployment_finished_at": now if to in COMPLETED else None,
        **columns,
    }
    changes = [
        JobChange(job_id, old, to.value, name, bridge, deploys, allow_failure, group_id, now)
        for job_id, old, name, bridge, deploys, allow_failure, group_id, *_ in fetch_named(
            _statement(event, tuple(columns), single=len(ids) == 1), parameters
        )
    ]
    if event not in INHERITED or to in COMPLETED:
        bridges.follow(pipeline.pk, [change for change in changes if change.bridge], to)
        resources.follow([(change.subject_id, change.resource_group_id) for change in changes], to)
    return changes


@cache
def _statement(event: Event, columns: tuple[str, ...], *, single: bool) -> str:
    """The statement of an event that also sets these columns; parts that cannot apply are left out.

    single: it is for one job.
    """
    sources, to = transitions.ARROWS[event]
    changed = _CHANGED.format(
        also=_INSTEAD_SET.get(event, _ALSO_SET.get(to, "")),
        columns="".join(f", {name} = %({name})s" for name in columns),
        only_if=_ONLY_IF.get(event, ""),
        which="id = %(id)s" if single else "id = ANY(%(ids)s)",
        counted=tallies.KEY,
    )
    parts = [changed, _TALLIED, LOG_CHANGED_JOBS, *([] if event in INHERITED else _beside(sources, to))]
    if to in _DEPLOYMENT_OF:
        parts.append(_DEPLOYED.format(unless=_UNLESS_DEPLOYED if to in _AGAIN else ""))
    rings = [RING_PIPELINE, *([RING_QUEUE] if _ENQUEUED in parts else [])]
    rung = "".join(f", (SELECT {ring})" for ring in rings)
    returned = f"id, old_status, name, kind = 'bridge', environment_name <> '', allow_failure, resource_group_id{rung}"
    return f"WITH {', '.join(parts)} SELECT {returned} FROM changed"  # noqa: S608 - constants


def _beside(sources: frozenset[Status], to: Status) -> list[str]:
    """The parts of a statement that keep queue, timers and the list of jobs on runners in step."""
    parts = []
    if to == Status.PENDING:
        parts.append(_ENQUEUED)
    elif Status.PENDING in sources:
        parts.append(_DEQUEUED)
    if to == Status.SCHEDULED:
        parts.append(_TIMED)
    elif Status.SCHEDULED in sources:
        parts.append(_UNTIMED)
    if to not in ON_RUNNER and sources & ON_RUNNER:
        parts.append(_OFF_RUNNER)
    return parts


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
            "acknowledged": False,
        },
    )
