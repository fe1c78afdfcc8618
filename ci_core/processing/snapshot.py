"""Reads a locked pipeline into the snapshots that the decisions work on, in a fixed number of statements."""

from __future__ import annotations

from typing import Final

from django.db import connection

from ci_core.decisions.snapshots import JobSnapshot, PipelineSnapshot
from ci_core.models import Need, Pipeline, Stage
from ci_core.models.ids import in_pipeline
from ci_core.statuses import SchedulingType, Status, When

_CREATED: Final = Status.CREATED.value

#: The latest copies, as the configuration lists them. Plain tuples: this is the hottest read of the domain.
_JOBS: Final = """
SELECT id, name, stage_id, status, "when", allow_failure, scheduling_type, enqueue_immediately
FROM ci_core_job WHERE pipeline_id = %s AND NOT retried ORDER BY number, id
"""


def load(pipeline: Pipeline, *, all_needs: bool = False) -> PipelineSnapshot:
    """The pipeline's latest jobs, and its stored statuses. The caller holds its lock.

    all_needs: also read the needs of jobs that are not `created`, which only a reset looks at.
    """
    with connection.cursor() as cursor:
        cursor.execute(_JOBS, [pipeline.pk])
        rows = cursor.fetchall()
    needs = _needs(
        pipeline,
        {row[0] for row in rows if row[6] == SchedulingType.DAG and (all_needs or row[3] == _CREATED)},
    )
    stages = Stage.objects.in_pipeline(pipeline.pk).values_list("position", "status")
    first_stage = in_pipeline(pipeline.pk, 1) - 1
    jobs = tuple(
        JobSnapshot(
            id=job_id,
            name=name,
            stage=stage_id - first_stage,
            status=Status(status),
            when=When(when),
            allow_failure=allow_failure,
            needs=needs.get(job_id, ()) if scheduling == SchedulingType.DAG else None,
            enqueue_immediately=enqueue_immediately,
        )
        for job_id, name, stage_id, status, when, allow_failure, scheduling, enqueue_immediately in rows
    )
    return PipelineSnapshot(
        status=Status(pipeline.status),
        stages={position: Status(status) for position, status in stages},
        jobs=jobs,
    )


def _needs(pipeline: Pipeline, job_ids: set[int]) -> dict[int, tuple[str, ...]]:
    """Names of the needs of these jobs, by job id."""
    needs: dict[int, list[str]] = {}
    if job_ids:
        for job_id, name in Need.objects.in_pipeline(pipeline.pk).values_list("job_id", "name"):
            if job_id in job_ids:
                needs.setdefault(job_id, []).append(name)
    return {job_id: tuple(names) for job_id, names in needs.items()}
