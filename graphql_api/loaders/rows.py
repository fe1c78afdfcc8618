"""Owns reading rows by id, once a request: of projects, users, runners, pipelines, schedules, environments, jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db.models import Model

from ci_core import models
from ci_core.hydration import prepared_rows
from ci_core.models.ids import pipeline_of
from graphql_api.context import Context
from graphql_api.loaders.jobs import JOBS, STAGES
from graphql_api.loaders.pipelines import PIPELINES

_PIPELINES: Final = "SELECT {columns} FROM ci_core_pipeline WHERE id = ANY(%s::bigint[])"
_JOBS: Final = (
    "SELECT {columns} FROM ci_core_job WHERE pipeline_id = ANY(%s::bigint[]) AND id = ANY(%s::bigint[])"
)
_STAGES: Final = (
    "SELECT {columns} FROM ci_core_stage WHERE pipeline_id = ANY(%s::bigint[]) AND id = ANY(%s::bigint[])"
)


def projects(context: Context, ids: Iterable[int]) -> Mapping[int, models.Project | None]:
    """Projects by id. Whoever asks has come from a row that the caller may see."""
    return context.remembered(models.Project, ids, lambda missing: _by_id(models.Project, missing))


def groups(context: Context, ids: Iterable[int | None]) -> Mapping[int, models.Group | None]:
    """Groups by id."""
    return context.remembered(models.Group, _given(ids), lambda missing: _by_id(models.Group, missing))


def users(context: Context, ids: Iterable[int | None]) -> Mapping[int, models.User | None]:
    """Users by id."""
    return context.remembered(models.User, _given(ids), lambda missing: _by_id(models.User, missing))


def runners(context: Context, ids: Iterable[int | None]) -> Mapping[int, models.Runner | None]:
    """Runners by id."""
    return context.remembered(models.Runner, _given(ids), lambda missing: _by_id(models.Runner, missing))


def runner_managers(context: Context, ids: Iterable[int | None]) -> Mapping[int, models.RunnerManager | None]:
    """Runner managers by id."""
    return context.remembered(
        models.RunnerManager, _given(ids), lambda missing: _by_id(models.RunnerManager, missing)
    )


def pipelines(context: Context, ids: Iterable[int | None]) -> Mapping[int, models.Pipeline | None]:
    """Pipelines by id."""
    return context.remembered(
        models.Pipeline,
        _given(ids),
        lambda missing: {row.id: row for row in PIPELINES.read_sql(context, _PIPELINES, [missing])},
    )


def schedules(context: Context, ids: Iterable[int | None]) -> Mapping[int, models.PipelineSchedule | None]:
    """Pipeline schedules by id."""
    return context.remembered(
        models.PipelineSchedule,
        _given(ids),
        lambda missing: _by_id(models.PipelineSchedule, missing),
    )


def environments(context: Context, ids: Iterable[int]) -> Mapping[int, models.Environment | None]:
    """Environments by id."""
    return context.remembered(models.Environment, ids, lambda missing: _by_id(models.Environment, missing))


def stages(context: Context, ids: Iterable[int]) -> Mapping[int, models.Stage | None]:
    """Stages by id."""

    def read(missing: list[int]) -> Mapping[int, models.Stage]:
        return {row.id: row for row in STAGES.read_sql(context, _STAGES, _with_pipelines(missing))}

    return context.remembered(models.Stage, ids, read)


def jobs(context: Context, ids: Iterable[int]) -> Mapping[int, models.Job | None]:
    """Jobs by id."""

    def read(missing: list[int]) -> Mapping[int, models.Job]:
        return {row.id: row for row in JOBS.read_sql(context, _JOBS, _with_pipelines(missing))}

    return context.remembered(models.Job, ids, read)


def _with_pipelines(ids: list[int]) -> list[list[int]]:
    """The pipelines that ids carry, by which partitions are left out, and the ids."""
    return [list({pipeline_of(id_) for id_ in ids}), ids]


def of_each(rows: Iterable[Any], found: Mapping[int, Any], attribute: str) -> list[Any]:
    """What each row refers to: `found[row.attribute]`, None where it refers to nothing."""
    return [*map(found.get, column(rows, attribute))]


def column(rows: Iterable[Any], attribute: str) -> list[Any]:
    """An attribute of each row; not by getattr, since a foreign key's column is read by a descriptor in Python."""
    listed = list(rows)
    try:
        return [row.__dict__[attribute] for row in listed]
    except (AttributeError, KeyError):
        # No model, or a column that has yet to be read.
        return [getattr(row, attribute) for row in listed]


def projects_of(context: Context, rows: Iterable[Any]) -> list[models.Project]:
    """The project of each row, by its `project_id`."""
    ids = column(rows, "project_id")
    given = map(projects(context, ids).get, ids)
    return [project for project in given if project is not None]


def pipelines_of(context: Context, rows: Iterable[Any]) -> list[models.Pipeline]:
    """The pipeline of each row, by its `pipeline_id`."""
    ids = column(rows, "pipeline_id")
    given = map(pipelines(context, ids).get, ids)
    return [pipeline for pipeline in given if pipeline is not None]


def _given(ids: Iterable[int | None]) -> list[int]:
    return [id_ for id_ in ids if id_ is not None]


def _by_id(model: type[Model], ids: list[int]) -> dict[int, Any]:
    """Rows by id. Hand-written, since Django takes longer to build this than PostgreSQL to answer it."""
    statement = f"SELECT * FROM {model._meta.db_table} WHERE id = ANY(%s::bigint[])"  # noqa: S608 - a constant
    return {row.id: row for row in prepared_rows(model, statement, [ids])}
