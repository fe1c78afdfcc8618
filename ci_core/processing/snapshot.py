"""Reads a locked pipeline into the snapshots that the decisions work on, in a fixed number of statements."""

from __future__ import annotations

from ci_core.decisions.snapshots import JobSnapshot, PipelineSnapshot
from ci_core.models import Job, Need, Pipeline, Stage
from ci_core.models.ids import in_pipeline
from ci_core.statuses import SchedulingType, Status, When


def load(pipeline: Pipeline) -> PipelineSnapshot:
    """The pipeline's latest jobs with their needs, and its stored statuses. The caller holds its lock."""
    stages = dict(Stage.objects.in_pipeline(pipeline.pk).values_list("position", "status"))
    needs: dict[int, list[str]] = {}
    for job_id, name in Need.objects.in_pipeline(pipeline.pk).values_list("job_id", "name"):
        needs.setdefault(job_id, []).append(name)
    rows = (
        Job.objects.in_pipeline(pipeline.pk)
        .latest_copies()
        .in_order()
        .values_list(
            "id",
            "name",
            "stage_id",
            "status",
            "when",
            "allow_failure",
            "scheduling_type",
            "enqueue_immediately",
        )
    )
    first_stage = in_pipeline(pipeline.pk, 1) - 1
    jobs = tuple(
        JobSnapshot(
            id=job_id,
            name=name,
            stage=stage_id - first_stage,
            status=Status(status),
            when=When(when),
            allow_failure=allow_failure,
            needs=tuple(needs.get(job_id, ())) if scheduling == SchedulingType.DAG else None,
            enqueue_immediately=enqueue_immediately,
        )
        for job_id, name, stage_id, status, when, allow_failure, scheduling, enqueue_immediately in rows
    )
    return PipelineSnapshot(
        status=Status(pipeline.status),
        stages={position: Status(status) for position, status in stages.items()},
        jobs=jobs,
    )
