"""Owns the copying of a pipeline's rows, many times over, in SQL: a history as years of work leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from django.db.models import Model

    from ci_core.models import Pipeline

#: Pipelines that one statement copies.
CHUNK: Final = 50_000
_INSERT: Final = (
    "INSERT INTO {table} ({columns}) SELECT {values} FROM {table} t, generate_series(%s, %s) n WHERE {where}"
)


def copy_pipeline(pipeline: Pipeline, copies: int) -> None:
    """Adds so many copies of a pipeline with its stages, jobs and needs to its project; ids and iids follow on."""
    from django.db import connection

    from ci_core import models, partitions
    from ci_core.models.ids import IN_PIPELINE_BITS, ON_JOB_BITS

    in_pipeline = f"t.id + (n::bigint << {IN_PIPELINE_BITS})"
    moved = {
        "id": in_pipeline,
        "pipeline_id": "t.pipeline_id + n",
        "stage_id": f"t.stage_id + (n::bigint << {IN_PIPELINE_BITS})",
        "definition_id": f"t.definition_id + (n::bigint << {IN_PIPELINE_BITS})",
        "job_id": f"t.job_id + (n::bigint << {IN_PIPELINE_BITS})",
    }
    need = {**moved, "id": f"t.id + (n::bigint << {IN_PIPELINE_BITS + ON_JOB_BITS})"}
    last = pipeline.pk + copies
    for newest in range(pipeline.pk, last + 1, partitions.PIPELINES_PER_PARTITION):
        partitions.ensure(newest)
    partitions.ensure(last)
    for first in range(1, copies + 1, CHUNK):
        numbers = (first, min(first + CHUNK - 1, copies))
        _copy(models.Pipeline, {"id": "t.id + n", "iid": "t.iid + n"}, "id", pipeline.pk, numbers)
        for model in (models.Stage, models.JobDefinition, models.Job):
            _copy(model, moved, "pipeline_id", pipeline.pk, numbers)
        _copy(models.Need, need, "pipeline_id", pipeline.pk, numbers)
    models.InternalId.objects.filter(project_id=pipeline.project_id, usage="pipelines").update(
        last_value=pipeline.iid + copies
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('ci_core_pipeline', 'id'), %s)", [last])


def _copy(
    model: type[Model], moved: dict[str, str], where: str, pipeline_id: int, numbers: tuple[int, int]
) -> None:
    from django.db import connection

    columns: list[Any] = [field.column for field in model._meta.concrete_fields]
    statement = _INSERT.format(
        table=model._meta.db_table,
        columns=", ".join(f'"{column}"' for column in columns),
        values=", ".join(moved.get(column, f't."{column}"') for column in columns),
        where=f"t.{where} = %s",
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*numbers, pipeline_id])
