"""The lock order of the domain, and the functions that take the locks.

1. `InternalId` rows (iids of a project): pipelines, then deployments. Taken when a pipeline is created.
2. One pipeline row, `FOR NO KEY UPDATE`: whoever changes jobs, stages or the status of a pipeline holds it.
   Nobody holds two pipelines.
3. Queue rows (`PendingJob`), always with SKIP LOCKED by those who hold a pipeline; a claim, which takes its queue row
   before its pipeline, removes that row itself.
4. Deployments, then environments: changed by whoever holds the pipeline of the job that deploys, and read or stopped by
   others who hold no pipeline.

Before all of these, by those who need them: a project's row, `FOR NO KEY UPDATE`, while its schedules are counted; then
one schedule's row, while it is changed or fires. Firing creates a pipeline and so goes on with 1.

So a claim may wait for a pipeline, but nobody who holds a pipeline ever waits for a claim.
"""

from __future__ import annotations

from django.db import connection, transaction

from ci_core.errors import NotFound
from ci_core.models import Pipeline


def lock_pipeline(pipeline_id: int) -> Pipeline:
    """The pipeline, locked until the transaction ends. Raises NotFound.

    Must run in a transaction; what was read of the pipeline's jobs before is stale afterwards.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("lock_pipeline needs a transaction")
    pipeline: Pipeline | None = (
        Pipeline.objects.select_for_update(of=("self",), no_key=True)
        .select_related("project")
        .filter(pk=pipeline_id)
        .first()
    )
    if pipeline is None:
        raise NotFound("The pipeline does not exist.")
    return pipeline


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
