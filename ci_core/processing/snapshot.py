"""Reads of a locked pipeline what decides how it moves on, in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ci_core import tallies
from ci_core.decisions.composite import Counted, counted
from ci_core.decisions.readiness import open_stages
from ci_core.decisions.snapshots import JobSnapshot, PipelineSnapshot, StageSnapshot, whole
from ci_core.models import Need, Pipeline, Stage
from ci_core.models.ids import in_pipeline
from ci_core.prepared import fetch_named
from ci_core.statuses import SchedulingType, Status, When

# Hand-written, with plain tuples: these are the hottest reads of the domain.

_COLUMNS: Final = """job.id, job.name, job.stage_id, job.status, job."when", job.allow_failure,
    job.scheduling_type, job.enqueue_immediately, job.resource_group_id IS NOT NULL"""

_JOBS: Final = f"""
SELECT {_COLUMNS} FROM ci_core_job AS job WHERE pipeline_id = %(pipeline)s AND NOT retried ORDER BY number, id
"""  # noqa: S608 - constants

_STAGES: Final = "SELECT position, status, tally FROM ci_core_stage WHERE pipeline_id = %(pipeline)s"

#: Counts the jobs of all stages, and keeps that.
_COUNT: Final = f"""
WITH latest AS (
    SELECT stage_id, {tallies.KEY} AS counted, count(*) AS jobs
    FROM ci_core_job WHERE pipeline_id = %(pipeline)s AND NOT retried GROUP BY stage_id, counted
), tallied AS (
    SELECT stage_id, jsonb_object_agg(counted, jobs)::text AS tally FROM latest GROUP BY stage_id
)
UPDATE ci_core_stage AS stage
SET tally = coalesce((SELECT tallied.tally FROM tallied WHERE tallied.stage_id = stage.id), '{{}}')
WHERE pipeline_id = %(pipeline)s RETURNING position, status, tally
"""  # noqa: S608 - constants

#: Created jobs that need one of some names, a row for each of their needs that exists. The fences (OFFSET 0) keep the
#: planner to index look-ups in this order: without statistics, as in a new partition, it would compare all with all.
_DEPENDENTS: Final = f"""
SELECT job.*, needed.*
FROM (
    SELECT DISTINCT need.job_id FROM unnest(%(names)s::text[]) AS settled(name)
    CROSS JOIN LATERAL (
        SELECT job_id FROM ci_core_need WHERE pipeline_id = %(pipeline)s AND name = settled.name OFFSET 0
    ) AS need
) AS dependent
CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM ci_core_job AS job
    WHERE pipeline_id = %(pipeline)s AND id = dependent.job_id AND status = 'created' AND NOT retried OFFSET 0
) AS job
CROSS JOIN LATERAL (
    SELECT name FROM ci_core_need
    WHERE pipeline_id = %(pipeline)s AND id BETWEEN (job.id << 10) AND (job.id << 10) + 1023 OFFSET 0
) AS need
CROSS JOIN LATERAL (
    SELECT name, status, allow_failure FROM ci_core_job
    WHERE pipeline_id = %(pipeline)s AND name = need.name AND NOT retried OFFSET 0
) AS needed
"""  # noqa: S608 - constants

_WAITING: Final = f"""
SELECT {_COLUMNS} FROM ci_core_job AS job
WHERE pipeline_id = %(pipeline)s AND stage_id = ANY(%(stages)s) AND status = 'created'
    AND scheduling_type = 'stage' AND NOT retried
ORDER BY number, id
"""  # noqa: S608 - constants


def load_touched(pipeline: Pipeline, settled: Sequence[str]) -> PipelineSnapshot:
    """What may move after jobs of these names settled, in a pipeline in which nothing could move before.

    These are the jobs that need one of them, and jobs of stages that are open now.
    """
    stages = _stages(pipeline)
    created: dict[int, JobSnapshot] = {}
    needed: dict[str, Status | Counted] = {}
    counts = ((stage.tally.get(Status.CREATED, 0), stage.waiting) for stage in stages.values())
    if settled and any(total > waiting for total, waiting in counts):
        created, needed = _dependents(pipeline, settled)
    opened = open_stages(stages)
    if opened:
        ids = [in_pipeline(pipeline.pk, position) for position in opened]
        for row in fetch_named(_WAITING, {"pipeline": pipeline.pk, "stages": ids}):
            created[row[0]] = _job(pipeline, row, None)
    return PipelineSnapshot(Status(pipeline.status), stages, tuple(created.values()), needed)


def _stages(pipeline: Pipeline) -> dict[int, StageSnapshot]:
    """The stages that have jobs, by position."""
    rows = fetch_named(_STAGES, {"pipeline": pipeline.pk})
    if not all(tally for _, _, tally in rows):
        rows = fetch_named(_COUNT, {"pipeline": pipeline.pk})
    return {position: tallies.read(status, tally) for position, status, tally in rows if tally != "{}"}


def _dependents(
    pipeline: Pipeline, names: Sequence[str]
) -> tuple[dict[int, JobSnapshot], dict[str, Status | Counted]]:
    """The created jobs that need one of the names, by id; and what all that they need counts as."""
    rows: dict[int, Sequence[Any]] = {}
    needs: dict[int, list[str]] = {}
    needed: dict[str, Status | Counted] = {}
    for row in fetch_named(_DEPENDENTS, {"pipeline": pipeline.pk, "names": list(names)}):
        *columns, name, status, allow_failure = row
        rows[row[0]] = columns
        needs.setdefault(row[0], []).append(name)
        needed[name] = counted(Status(status), allow_failure)
    return {job_id: _job(pipeline, row, tuple(needs[job_id])) for job_id, row in rows.items()}, needed


def load_whole(pipeline: Pipeline) -> PipelineSnapshot:
    """The pipeline with every job that is `created`."""
    jobs = load_jobs(pipeline)
    stages = Stage.objects.in_pipeline(pipeline.pk).values_list("position", "status")
    return whole(Status(pipeline.status), {position: Status(status) for position, status in stages}, jobs)


def load_jobs(pipeline: Pipeline, *, all_needs: bool = False) -> list[JobSnapshot]:
    """All latest jobs, as the configuration lists them.

    all_needs: also read the needs of jobs that are not `created`, which only a reset looks at.
    """
    rows = fetch_named(_JOBS, {"pipeline": pipeline.pk})
    by_needs = {
        row[0] for row in rows if row[6] == SchedulingType.DAG and (all_needs or row[3] == Status.CREATED)
    }
    needs: dict[int, list[str]] = {job_id: [] for job_id in by_needs}
    if by_needs:
        for job_id, name in Need.objects.in_pipeline(pipeline.pk).values_list("job_id", "name"):
            if job_id in by_needs:
                needs[job_id].append(name)
    return [
        _job(pipeline, row, None if row[6] == SchedulingType.STAGE else tuple(needs.get(row[0], ())))
        for row in rows
    ]


def _job(pipeline: Pipeline, row: Sequence[Any], needs: tuple[str, ...] | None) -> JobSnapshot:
    """A snapshot of a row of `_COLUMNS`."""
    job_id, name, stage_id, status, when, allow_failure, _, enqueue_immediately, exclusive = row
    return JobSnapshot(
        id=job_id,
        name=name,
        stage=stage_id - in_pipeline(pipeline.pk, 1) + 1,
        status=Status(status),
        when=When(when),
        allow_failure=allow_failure,
        needs=needs,
        enqueue_immediately=enqueue_immediately,
        exclusive=exclusive,
    )
