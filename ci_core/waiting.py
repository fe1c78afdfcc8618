"""Why jobs wait: reads what the decision looks at, for many jobs in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.models import Count, F, Max, Min, Q

from ci_core import clock
from ci_core.decisions.composite import counted, settled
from ci_core.decisions.deployments import allowed_words
from ci_core.decisions.runner_matching import QueuedJob, RunnerSnapshot, may_take
from ci_core.decisions.waiting import Place, Waiting, WaitSnapshot, why
from ci_core.deployments import outdated_among
from ci_core.models import (
    DownstreamPipeline,
    Job,
    JobKind,
    PendingJob,
    Pipeline,
    Project,
    ProtectedEnvironment,
    ResourceGroup,
    Runner,
    RunnerAccessLevel,
    RunnerType,
    RunningJob,
    archived_before,
)
from ci_core.resources import first_claims
from ci_core.statuses import SchedulingType, Status

#: Queue rows that a place in the queue is counted among.
QUEUE_LIMIT: Final = 5000
#: Runners that are looked at beside those that are online, those heard of last.
RUNNER_LIMIT: Final = 1000

#: For created jobs: the jobs that they need.
_NEEDED: Final = """
SELECT need.job_id, needed.name, needed.status, needed.allow_failure
FROM ci_core_need AS need
JOIN ci_core_job AS needed
    ON needed.pipeline_id = need.pipeline_id AND needed.name = need.name AND NOT needed.retried
WHERE need.pipeline_id = ANY(%(pipelines)s) AND need.job_id = ANY(%(jobs)s) ORDER BY need.id
"""

#: Unfinished latest jobs of pipelines, in their order.
_UNFINISHED: Final = """
SELECT pipeline_id, stage_id, name, status, allow_failure FROM ci_core_job
WHERE pipeline_id = ANY(%(pipelines)s) AND NOT retried AND status NOT IN ('success', 'failed', 'canceled', 'skipped')
ORDER BY pipeline_id, number, id
"""


#: The pipelines that trigger jobs mirror, by trigger job.
_MIRRORED: Final = """
SELECT link.job_id, pipeline.id, pipeline.status
FROM ci_core_mirroredpipeline AS link JOIN ci_core_pipeline AS pipeline ON pipeline.id = link.mirrored_id
WHERE link.job_id = ANY(%s) AND link.following
"""


def why_waiting(job: Job) -> Waiting | None:
    """Why a job waits; None for one that does not."""
    return why_all_wait([job]).get(job.pk)


def is_stuck(job: Job) -> bool:
    """Whether a job is pending and no runner that is online may take it."""
    return job.pk in all_stuck([job])


def all_stuck(jobs: Sequence[Job]) -> set[int]:
    """Ids of those of the jobs that are stuck. The queue is not read: it decides only when a job starts."""
    pending = [job for job in jobs if job.status == Status.PENDING and job.kind != JobKind.BRIDGE]
    runners = load_runners() if pending else []
    kinds = {job.pk: queued(job.project_id, job.tags, job.protected) for job in pending}
    waits = {kind: why(WaitSnapshot(Status.PENDING, kind, runners=runners)) for kind in set(kinds.values())}
    stuck = {kind for kind, waiting in waits.items() if waiting is not None and waiting.stuck}
    return {job_id for job_id, kind in kinds.items() if kind in stuck}


def why_all_wait(jobs: Sequence[Job]) -> dict[int, Waiting]:
    """Why each of the jobs waits, by id; those that do not are left out. Statements do not depend on how many."""
    by_status: dict[str, list[Job]] = {}
    for job in jobs:
        by_status.setdefault(job.status, []).append(job)
    before = _before(by_status.get(Status.CREATED, []))
    resources = _resources(by_status.get(Status.WAITING_FOR_RESOURCE, []))
    pending = [job for job in by_status.get(Status.PENDING, []) if job.kind != JobKind.BRIDGE]
    deploying = [job for job in by_status.get(Status.MANUAL, []) if job.environment_name]
    deployers = _deployers(deploying)
    outdated = _outdated(deploying)
    archived = _archived(by_status.get(Status.MANUAL, []))
    bridges = [job.pk for job in jobs if job.kind == JobKind.BRIDGE]
    downstream = _downstream(bridges)
    mirrored = _mirrored([job_id for job_id in bridges if job_id not in downstream])
    runners = load_runners() if pending else []
    queue = _Queue() if pending else None
    found = {}
    for job in jobs:
        group, holder, kept_for = resources.get(job.resource_group_id or 0, ("", "", ""))
        waiting = why(
            WaitSnapshot(
                status=Status(job.status),
                job=queued(job.project_id, job.tags, job.protected),
                by_needs=job.scheduling_type == SchedulingType.DAG,
                before=before.get(job.pk, ()),
                due_at=job.scheduled_at,
                resource_group=group,
                holder=holder,
                kept_for=kept_for,
                runners=runners,
                place=queue.place_of(job) if queue and job.kind != JobKind.BRIDGE else None,
                deployers=deployers.get((job.project_id, job.environment_name), ""),
                outdated=job.pk in outdated,
                archived=job.pipeline_id in archived,
                bridge=job.kind == JobKind.BRIDGE,
                downstream=downstream.get(job.pk),
                mirrored=mirrored.get(job.pk),
            )
        )
        if waiting is not None:
            found[job.pk] = waiting
    return found


@dataclass(frozen=True, slots=True)
class Queue:
    """The jobs that wait and that a runner may take. waited: seconds that the one queued first has waited, or None."""

    jobs: int
    waited: int | None


def queues(runners: Sequence[Runner]) -> dict[int, Queue]:
    """The queue of each runner by id, as if it were there and not paused. Statements do not depend on how many.

    Jobs are told apart by what matching looks at, QUEUE_LIMIT kinds at most, those with the oldest jobs.
    """
    kinds = (
        PendingJob.objects.order_by()
        .values("project_id", "tags", "protected")
        .annotate(jobs=Count("job_id"), oldest=Min("queued_at"))
        .order_by("oldest")[:QUEUE_LIMIT]
    )
    waiting = [(queued(row["project_id"], row["tags"], row["protected"]), row) for row in kinds]
    now, found = clock.now(), {}
    for runner in _snapshots(runners, busy={}, since=now):
        there = replace(runner, paused=False, online=True)
        taken = [row for kind, row in waiting if may_take(there, kind)]
        oldest = min((row["oldest"] for row in taken), default=None)
        waited = None if oldest is None else max(0, int((now - oldest).total_seconds()))
        found[runner.id] = Queue(sum(row["jobs"] for row in taken), waited)
    return found


def queued(project_id: int, tags: Iterable[str], protected: bool) -> QueuedJob:
    """What matching looks at."""
    return QueuedJob(project_id, frozenset(tags), protected)


def load_runners() -> list[RunnerSnapshot]:
    """The runners as matching sees them: all that are online, since any of them may be the one that takes a job, and
    others up to a limit. One that reports on a job is online, even if it asks for no other.
    """
    since = clock.now() - timedelta(seconds=settings.PIPEYARD_RUNNER_ONLINE_SECONDS)
    busy: dict[int, Any] = {
        row["runner_id"]: row
        for row in RunningJob.objects.values("runner_id").annotate(
            jobs=Count("job_id"), heard=Max("heard_at")
        )
    }
    heard_of_last = (F("contacted_at").desc(nulls_last=True), "id")
    newest = Runner.objects.order_by(*heard_of_last).values("pk")[:RUNNER_LIMIT]
    runners = Runner.objects.filter(Q(contacted_at__gte=since) | Q(pk__in=list(busy)) | Q(pk__in=newest))
    return _snapshots(list(runners.order_by(*heard_of_last)), busy, since)


def _snapshots(
    runners: Sequence[Runner], busy: Mapping[int, Mapping[str, Any]], since: datetime
) -> list[RunnerSnapshot]:
    """The runners as matching sees them. busy: what is running on each; since: who called later is online."""
    projects: dict[int, set[int]] = {}
    assigned = Runner.projects.through.objects.filter(runner__in=runners)
    for runner_id, project_id in assigned.values_list("runner_id", "project_id"):
        projects.setdefault(runner_id, set()).add(project_id)
    groups = _in_groups({runner.group_id for runner in runners if runner.group_id is not None})
    return [
        RunnerSnapshot(
            id=runner.pk,
            name=runner.description or f"#{runner.pk}",
            tags=frozenset(runner.tags),
            run_untagged=runner.run_untagged,
            protected_only=runner.access_level == RunnerAccessLevel.REF_PROTECTED,
            project_ids=None
            if runner.runner_type == RunnerType.INSTANCE_TYPE
            else frozenset(projects.get(runner.pk, groups.get(runner.group_id or 0, ()))),
            paused=runner.paused,
            online=_recent(runner.contacted_at, since)
            or _recent(busy.get(runner.pk, {}).get("heard"), since),
            running=busy.get(runner.pk, {}).get("jobs", 0),
        )
        for runner in runners
    ]


def _in_groups(group_ids: set[int]) -> dict[int, set[int]]:
    """The ids of the projects in each group and in the groups in it."""
    found: dict[int, set[int]] = {}
    if not group_ids:
        return found
    rows = Project.objects.within(group_ids).values_list("pk", "group__traversal_ids")
    for project_id, around in rows:
        for group_id in group_ids.intersection(around):
            found.setdefault(group_id, set()).add(project_id)
    return found


def _recent(moment: datetime | None, since: datetime) -> bool:
    return moment is not None and moment >= since


class _Queue:
    """The queue in the order in which claims take it (`queueing/queries.sql`)."""

    def __init__(self) -> None:
        counts = RunningJob.objects.values_list("project_id").annotate(Count("job_id"))
        running = dict(counts.values_list("project_id", "job_id__count"))
        rows = PendingJob.objects.order_by("job_id")[:QUEUE_LIMIT]
        self._rows = sorted(rows, key=lambda row: (running.get(row.project_id, 0), row.job_id))
        self._open_to: dict[tuple[int, ...], list[PendingJob]] = {}

    def place_of(self, job: Job) -> Callable[[Sequence[RunnerSnapshot]], Place]:
        """Finds a job's place among the rows that some of the runners may take."""

        def place(runners: Sequence[RunnerSnapshot]) -> Place:
            rows = self._takeable(runners)
            ids = [row.job_id for row in rows]
            position = ids.index(job.pk) + 1 if job.pk in ids else len(ids) + 1
            oldest = min((row.queued_at for row in rows), default=clock.now())
            return Place(position, max(len(ids), position), int((clock.now() - oldest).total_seconds()))

        return place

    def _takeable(self, runners: Sequence[RunnerSnapshot]) -> list[PendingJob]:
        """The rows that some of the runners may take; found out once for each set of runners and each kind of job."""
        key = tuple(runner.id for runner in runners)
        if key not in self._open_to:
            kinds = {row.job_id: queued(row.project_id, row.tags, row.protected) for row in self._rows}
            taken = {kind for kind in set(kinds.values()) if any(may_take(each, kind) for each in runners)}
            self._open_to[key] = [row for row in self._rows if kinds[row.job_id] in taken]
        return self._open_to[key]


def _before(jobs: Sequence[Job]) -> dict[int, list[tuple[str, Status]]]:
    """What created jobs still wait for."""
    by_needs = [job for job in jobs if job.scheduling_type == SchedulingType.DAG]
    by_stage = [job for job in jobs if job.scheduling_type == SchedulingType.STAGE]
    found: dict[int, list[tuple[str, Status]]] = {}
    for job_id, name, status, allow_failure in _rows(_NEEDED, by_needs):
        if not settled(counted(Status(status), allow_failure)):
            found.setdefault(job_id, []).append((name, Status(status)))
    unfinished = list(_rows(_UNFINISHED, by_stage))
    for job in by_stage:
        found[job.pk] = [
            (name, Status(status))
            for pipeline_id, stage_id, name, status, allow_failure in unfinished
            if pipeline_id == job.pipeline_id
            and stage_id < job.stage_id
            and not settled(counted(Status(status), allow_failure))
        ]
    return found


def _rows(sql: str, jobs: Sequence[Job]) -> list[Any]:
    if not jobs:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            sql, {"pipelines": sorted({job.pipeline_id for job in jobs}), "jobs": [job.pk for job in jobs]}
        )
        return list(cursor.fetchall())


def _deployers(jobs: Sequence[Job]) -> Mapping[tuple[int, str], str]:
    """Who may deploy to the protected ones of the jobs' environments, in words, by project id and name."""
    if not jobs:
        return {}
    found = ProtectedEnvironment.objects.prefetch_related("users").filter(
        project_id__in={job.project_id for job in jobs}, name__in={job.environment_name for job in jobs}
    )
    return {
        (row.project_id, row.name): allowed_words(
            row.get_access_level_display() if row.access_level is not None else None,
            [user.username for user in row.users.all()],
        )
        for row in found
    }


def _outdated(jobs: Sequence[Job]) -> set[int]:
    """Ids of those of the jobs that would deploy something older than what is deployed, where that is prevented."""
    if not jobs:
        return set()
    ids = {job.project_id for job in jobs}
    careful = set(
        Project.objects.filter(pk__in=ids, prevent_outdated_deployments=True).values_list("pk", flat=True)
    )
    return set(outdated_among([job.pk for job in jobs if job.project_id in careful]))


def _archived(jobs: Sequence[Job]) -> set[int]:
    """Ids of those of the jobs' pipelines in which nothing starts any more."""
    ids = {job.pipeline_id for job in jobs}
    old = Pipeline.objects.filter(pk__in=ids, created_at__lt=archived_before())
    return set(old.values_list("pk", flat=True)) if ids else set()


def _mirrored(bridges: Sequence[int]) -> Mapping[int, tuple[int, Status]]:
    """Ids and statuses of the pipelines that trigger jobs mirror, by trigger job."""
    if not bridges:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_MIRRORED, [list(bridges)])
        return {job_id: (id_, Status(status)) for job_id, id_, status in cursor.fetchall()}


def _downstream(bridges: Sequence[int]) -> Mapping[int, tuple[int, Status]]:
    """Ids and statuses of the pipelines that trigger jobs created, by trigger job."""
    if not bridges:
        return {}
    links = DownstreamPipeline.objects.filter(source_job_id__in=bridges)
    rows = links.values_list("source_job_id", "pipeline_id", "pipeline__status")
    return {job_id: (pipeline_id, Status(status)) for job_id, pipeline_id, status in rows}


def _resources(jobs: Sequence[Job]) -> Mapping[int, tuple[str, str, str]]:
    """Of the groups that jobs wait for, by id: key, holder, and the job that a free one is kept for, both in words."""
    if not jobs:
        return {}
    groups = list(ResourceGroup.objects.filter(pk__in={job.resource_group_id for job in jobs}))
    claims = first_claims([group.pk for group in groups])
    kept = {group_id: claim.job_id for group_id, claim in claims.items() if not claim.ready}
    named = {group.holder_id for group in groups if group.holder_id is not None} | set(kept.values())
    words = {
        job.pk: f"job {job.name} (#{job.pk}, {job.status}) of pipeline #{job.pipeline_id}"
        for job in Job.objects.by_ids(named)
    }
    return {
        group.pk: (group.key, words.get(group.holder_id or 0, ""), words.get(kept.get(group.pk, 0), ""))
        for group in groups
    }
