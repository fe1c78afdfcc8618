"""The lock order of the domain, and the functions that take the locks.

1. `InternalId` rows (iids of a project): pipelines, then deployments. Taken when a pipeline is created.
2. One pipeline row, `FOR NO KEY UPDATE`: whoever changes jobs, stages or the status of a pipeline holds it.
   A pipeline whose trigger job follows it is locked with its upstream pipelines, itself first: so always the newer
   before the older one, and all of them before what comes below. Else nobody holds two pipelines.
3. `ResourceGroup` rows: see `ci_core.resources`.
4. Queue rows (`PendingJob`), always with SKIP LOCKED by those who hold a pipeline; a claim, which takes its queue row
   before its pipeline, removes that row itself.
4. Deployments, then environments: changed by whoever holds the pipeline of the job that deploys, and read or stopped by
   others who hold no pipeline.

Before all of these, by those who need them: a project's row, `FOR NO KEY UPDATE`, while its schedules or
trigger tokens are counted; then
one schedule's row, while it is changed or fires. Firing creates a pipeline and so goes on with 1. So does whoever
creates one with a trigger token, and keeps the token from being revoked meanwhile (`FOR KEY SHARE`). Whoever makes a
project or a group takes the lock on paths first of all. Whoever adds a pipeline to a family takes the family's lock
after 2, when nobody can wait for the new pipeline, and takes no pipeline afterwards that it did not hold before.

So a claim may wait for a pipeline, but nobody who holds a pipeline ever waits for a claim.
"""

from __future__ import annotations

from typing import Final

from django.db import connection, transaction

from ci_core.errors import NotFound
from ci_core.hydration import joined_rows
from ci_core.models import InternalId, Job, Pipeline, Project
from ci_core.models.ids import pipeline_of
from ci_core.statuses import DOWNSTREAM_SOURCES

# Keys of advisory locks are never used again. `events.relay` has 7_300_003, which is held by a connection and not by a
# transaction.
#: Key of the advisory lock on paths.
_PATHS_LOCK: Final = 7_300_001
#: Key of the advisory lock on who mirrors whom.
_MIRRORS_LOCK: Final = 7_300_004
#: The advisory lock of a family has this in its upper bits, and the id of the family's first pipeline below.
_FAMILY_LOCKS: Final = 7_300_002 << 40


def lock_pipeline(pipeline_id: int, *, deleting: bool = False) -> Pipeline:
    """The pipeline with its project, locked until the transaction ends. Raises NotFound.

    Must run in a transaction; what was read of the pipeline's jobs before is stale afterwards. deleting: also one
    that is being deleted, which nobody else reaches.
    """
    _require_transaction()
    rows = Pipeline.objects.select_for_update(of=("self",), no_key=True).select_related("project")
    pipeline: Pipeline | None = rows.filter(pk=pipeline_id).first()
    if pipeline is None or (pipeline.deleting_since is not None and not deleting):
        raise NotFound("The pipeline does not exist.")
    _lock_upstream(pipeline)
    return pipeline


# A row for a pipeline whose trigger job follows it: its upstream pipeline, locked.
_UPSTREAM: Final = """
SELECT upstream.id, upstream.source
FROM ci_core_downstreampipeline AS link JOIN ci_core_pipeline AS upstream ON upstream.id = link.source_pipeline_id
WHERE link.pipeline_id = %s AND link.strategy <> '' FOR NO KEY UPDATE OF upstream
"""


def _lock_upstream(pipeline: Pipeline) -> None:
    """Locks the pipelines that may move when this one does. Costs nothing for one that no trigger job created."""
    row = (pipeline.pk, pipeline.source)
    while row is not None and row[1] in DOWNSTREAM_SOURCES:
        with connection.cursor() as cursor:
            cursor.execute(_UPSTREAM, [row[0]])
            row = cursor.fetchone()


def lock_job(job_id: int) -> tuple[Pipeline, Job]:
    """The job as it is now, under its pipeline's lock. Raises NotFound.

    One statement. It locks the job's row as well, after the pipeline's: so that whoever had to wait for the pipeline
    reads what the job has become meanwhile.
    """
    _require_transaction()
    found = joined_rows(_LOCKED, _LOCK_JOB, [pipeline_of(job_id), job_id])
    if not found:
        raise NotFound("The job does not exist.")
    ((job, pipeline, project),) = found
    if pipeline.deleting_since is not None:
        raise NotFound("The job does not exist.")
    pipeline.project = project
    job.pipeline = pipeline
    _lock_upstream(pipeline)
    return pipeline, job


_LOCKED: Final = ((Job, "job"), (Pipeline, "pipeline"), (Project, "project"))
_LOCK_JOB: Final = """FROM ci_core_job AS job
JOIN ci_core_pipeline AS pipeline ON pipeline.id = job.pipeline_id
JOIN ci_core_project AS project ON project.id = pipeline.project_id
WHERE job.pipeline_id = %s::bigint AND job.id = %s::bigint FOR NO KEY UPDATE OF pipeline, job"""


def lock_paths() -> None:
    """Lets one transaction at a time give paths to projects and groups: which group a project is in depends on both."""
    _require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PATHS_LOCK])


def lock_mirrors() -> None:
    """Lets one transaction at a time make a job mirror a pipeline: so that no two come to wait for each other.

    Taken after the job's pipeline; whoever has it waits for no pipeline.
    """
    _require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_MIRRORS_LOCK])


def lock_family(root_id: int) -> None:
    """Lets one transaction at a time add a pipeline to the family of this first one: so its size can be counted."""
    _require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_FAMILY_LOCKS | root_id])


def hold_trigger(trigger_id: int) -> None:
    """Keeps a trigger token from being revoked until the transaction ends; others may hold it too. Raises NotFound."""
    _require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM ci_core_pipelinetrigger WHERE id = %s FOR KEY SHARE", [trigger_id])
        if cursor.fetchone() is None:
            raise NotFound("There is no such trigger token (any more).")


def _require_transaction() -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a lock needs a transaction")


def expected_internal_id(project_id: int, usage: str) -> int:
    """The iid that is next, unless another transaction takes it first."""
    last = InternalId.objects.filter(project_id=project_id, usage=usage).values_list("last_value", flat=True)
    return (last.first() or 0) + 1


def next_internal_id(project_id: int, usage: str, count: int = 1) -> int:
    """The first of `count` iids of a project, given out without gaps: a rollback gives them back.

    usage: "pipelines" or "deployments". Locks the counter until the transaction ends.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ci_core_internalid (project_id, usage, last_value) VALUES (%s, %s, %s) "
            "ON CONFLICT (project_id, usage) DO UPDATE "
            "SET last_value = ci_core_internalid.last_value + excluded.last_value RETURNING last_value",
            [project_id, usage, count],
        )
        (last,) = cursor.fetchone()
    return int(last) - count + 1
