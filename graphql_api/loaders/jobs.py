"""Owns reading jobs and what hangs on them: by stage, by name, needs, artifacts, environments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from ci_core import models
from ci_core.hydration import rows_of
from ci_core.models.ids import pipeline_of
from graphql_api.context import Context
from graphql_api.loaders.slim import Columns, read_together

R = TypeVar("R")

JOBS: Final = Columns(
    "CiJob",
    models.Job,
    always=(
        *(
            "id",
            "pipeline_id",
            "project_id",
            "stage_id",
            "name",
            "number",
            "kind",
            "status",
            "failure_reason",
        ),
        *("when", "scheduling_type", "allow_failure", "retried"),
    ),
    fields={
        # Whether a trigger job has created its pipeline is told by its beginning.
        "detailed_status": ("definition_id", "started_at"),
        "playable": ("started_at",),
        "can_play_job": ("started_at",),
        "duration": ("started_at", "finished_at"),
        "queued_duration": ("queued_at", "started_at", "finished_at"),
        "inputs": ("given_inputs",),
        "inputs_spec": ("definition_id",),
        "environment": ("environment_name",),
        "runner": ("runner_id",),
        "runner_manager": ("runner_id", "runner_manager_id"),
        **dict.fromkeys(
            (
                *(
                    "active",
                    "cancelable",
                    "retryable",
                    "manual_job",
                    "scheduled",
                ),
                *("triggered", "user_permissions", "failure_message", "trace"),
                *("artifacts", "project", "pipeline", "stage", "needs", "previous_stage_jobs"),
                *("previous_stage_jobs_or_needs", "downstream_pipeline", "ref_name", "short_sha", "source"),
                *("created_by_tag", "ref_path", "commit_path", "web_path", "play_path", "retry_path"),
                "browse_artifacts_path",
            ),
            (),
        ),
    },
)
# Hand-written: these are read for every graph, and to build them anew takes longer than to run them.
_STAGES: Final = (
    "SELECT {columns} FROM ci_core_stage WHERE pipeline_id = ANY(%s::bigint[]) ORDER BY pipeline_id, id"
)
_JOBS_OF_STAGES: Final = """
SELECT {columns} FROM ci_core_job
WHERE pipeline_id = ANY(%s::bigint[]) AND stage_id = ANY(%s::bigint[]) AND NOT retried ORDER BY number, id
"""
_JOBS_OF_PIPELINES: Final = """
SELECT {columns} FROM ci_core_job WHERE pipeline_id = ANY(%s::bigint[]) AND NOT retried ORDER BY number, id
"""
_JOBS_BY_NAME: Final = """
SELECT {columns} FROM ci_core_job WHERE pipeline_id = ANY(%s::bigint[]) AND NOT retried AND name = %s::text
ORDER BY pipeline_id, number, id
"""
_NEEDS_OF_JOBS: Final = """
SELECT {columns} FROM ci_core_need
WHERE pipeline_id = ANY(%s::bigint[]) AND job_id = ANY(%s::bigint[]) ORDER BY pipeline_id, id
"""
_NEEDS_OF_PIPELINES: Final = """
SELECT {columns} FROM ci_core_need WHERE pipeline_id = ANY(%s::bigint[]) ORDER BY pipeline_id, id
"""
_NEEDS_BETWEEN: Final = """
SELECT {columns} FROM ci_core_need
WHERE pipeline_id = ANY(%s::bigint[]) AND job_id BETWEEN %s::bigint AND %s::bigint ORDER BY pipeline_id, id
"""
_ARTIFACTS_OF_JOBS: Final = """
SELECT {columns} FROM ci_core_artifact
WHERE pipeline_id = ANY(%s::bigint[]) AND job_id = ANY(%s::bigint[]) ORDER BY pipeline_id, id
"""
STAGES: Final = Columns(
    "CiStage",
    models.Stage,
    always=("id", "pipeline_id", "name", "position", "status"),
    fields={},
    otherwise=(),
)
ARTIFACTS: Final = Columns(
    "CiJobArtifact",
    models.Artifact,
    always=("id", "pipeline_id", "job_id", "project_id", "file_type"),
    fields={"name": ("filename",), "download_path": ()},
)
NEEDS: Final = Columns("CiBuildNeed", models.Need, always=("id", "pipeline_id", "job_id", "name"), fields={})


#: Jobs of each pipeline from which on the needs of all jobs between the first and the last are read: so many lie side
#: by side, and to look each need up in a list of ids takes PostgreSQL as long as to read it.
MANY_JOBS: Final = 100


def stages(context: Context, pipeline_ids: Iterable[int]) -> Mapping[int, Sequence[models.Stage]]:
    """The stages of each pipeline, in their order."""
    return _grouped(STAGES.read_sql(context, _STAGES, [_array(pipeline_ids)]), "pipeline_id")


def stages_with_jobs(
    context: Context, pipeline_ids: Iterable[int], *, needs: bool
) -> Mapping[int, Sequence[models.Stage]]:
    """The same; the jobs of all these stages, and their needs if they are wanted, are read with them and remembered.

    They are read without waiting for the rows by which `latest_by_stage` and `needs` would ask for them.
    """
    ids = [_array(pipeline_ids)]
    readings = [STAGES.statement(context, _STAGES, ids), JOBS.statement(context, _JOBS_OF_PIPELINES, ids)]
    if needs:
        readings.append(NEEDS.statement(context, _NEEDS_OF_PIPELINES, ids))
    found, jobs, *others = read_together(readings)
    by_stage = _grouped(jobs, "stage_id")
    context.remembered("jobs of stage", (stage.id for stage in found), partial(_known, by_stage))
    for rows in others:
        by_job = _grouped(rows, "job_id")
        context.remembered("needs", (job.id for job in jobs), partial(_known, by_job))
    return _grouped(found, "pipeline_id")


def latest_by_stage(context: Context, stage_ids: Iterable[int]) -> Mapping[int, Sequence[models.Job] | None]:
    """The latest jobs of each stage, in the order of the configuration."""

    def read(missing: list[int]) -> Mapping[int, Sequence[models.Job]]:
        parameters = [_array({pipeline_of(id_) for id_ in missing}), _array(missing)]
        return _grouped(JOBS.read_sql(context, _JOBS_OF_STAGES, parameters), "stage_id")

    return context.remembered("jobs of stage", stage_ids, read)


def by_name(context: Context, pipeline_ids: Iterable[int], name: str) -> list[models.Job | None]:
    """The latest job with this name in each pipeline."""
    ids = list(pipeline_ids)
    found = {row.pipeline_id: row for row in JOBS.read_sql(context, _JOBS_BY_NAME, [_array(ids), name])}
    return [found.get(id_) for id_ in ids]


def needs(context: Context, job_ids: Iterable[int]) -> Mapping[int, Sequence[models.Need] | None]:
    """The needs of each job, in the order of the configuration."""

    def read(missing: list[int]) -> Mapping[int, Sequence[models.Need]]:
        pipelines = {pipeline_of(id_) for id_ in missing}
        if len(missing) > MANY_JOBS * len(pipelines):
            between = [min(missing), max(missing)]
            found = NEEDS.read_sql(context, _NEEDS_BETWEEN, [_array(pipelines), *between])
        else:
            found = NEEDS.read_sql(context, _NEEDS_OF_JOBS, [_array(pipelines), _array(missing)])
        return _grouped(found, "job_id")

    return context.remembered("needs", job_ids, read)


def artifacts(context: Context, job_ids: Iterable[int]) -> Mapping[int, Sequence[models.Artifact] | None]:
    """The artifacts of each job, in the order in which they came."""

    def read(missing: list[int]) -> Mapping[int, Sequence[models.Artifact]]:
        parameters = [_array({pipeline_of(id_) for id_ in missing}), _array(missing)]
        return _grouped(ARTIFACTS.read_sql(context, _ARTIFACTS_OF_JOBS, parameters), "job_id")

    return context.remembered("artifacts", job_ids, read)


def artifacts_of_pipelines(
    pipeline_ids: Iterable[int],
) -> Mapping[int, Sequence[models.Artifact]]:
    """The artifacts of all jobs of each pipeline."""
    rows = models.Artifact.objects.in_pipelines(pipeline_ids).order_by("pipeline_id", "id")
    return _grouped(rows_of(rows), "pipeline_id")


def declared_inputs(
    context: Context, definition_ids: Iterable[int]
) -> Mapping[int, list[dict[str, Any]] | None]:
    """The inputs that each definition keeps, as it keeps them; the rest of a definition may be large."""
    return context.remembered(
        "declared inputs",
        definition_ids,
        lambda missing: dict(
            models.JobDefinition.objects.by_ids(missing).values_list("id", "content__inputs")
        ),
    )


def confirmations(context: Context, definition_ids: Iterable[int]) -> Mapping[int, str | None]:
    """What somebody is asked before they start a job of each definition; None for those who start it at once."""
    return context.remembered(
        "confirmations",
        definition_ids,
        lambda missing: dict(
            models.JobDefinition.objects.by_ids(missing).values_list("id", "content__manual_confirmation")
        ),
    )


def environments(context: Context, jobs: Sequence[models.Job]) -> list[models.Environment | None]:
    """The environment that each job names."""
    wanted = {(job.project_id, job.environment_name) for job in jobs if job.environment_name}
    if not wanted:
        return [None] * len(jobs)
    rows = models.Environment.objects.filter(
        project_id__in={project_id for project_id, _ in wanted}, name__in={name for _, name in wanted}
    )
    found = {(row.project_id, row.name): row for row in rows}
    return [found.get((job.project_id, job.environment_name)) for job in jobs]


def variables(pipeline_ids: Iterable[int]) -> Mapping[int, Sequence[models.PipelineVariable]]:
    """The variables that each pipeline was given."""
    rows = models.PipelineVariable.objects.in_pipelines(pipeline_ids).order_by("pipeline_id", "id")
    return _grouped(rows_of(rows), "pipeline_id")


def _known(found: Mapping[int, R], _missing: list[int]) -> Mapping[int, R]:
    """What was read before it was asked for."""
    return found


def _array(ids: Iterable[int]) -> str:
    """Ids as PostgreSQL writes an array: psycopg takes a microsecond for each."""
    return f"{{{','.join(map(str, ids))}}}"


def _grouped(rows: Iterable[Any], attribute: str) -> dict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        # Not by getattr: a foreign key's column is read by a descriptor in Python.
        found[row.__dict__[attribute]].append(row)
    return dict(found)
