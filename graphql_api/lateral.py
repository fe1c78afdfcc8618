"""Owns reading a few rows for each of many parents with one statement.

Not the ORM: it has no LATERAL, and a window function would number all rows of a parent to give the first few.

Columns are fields of the rows' model or annotations. Where rows do not refer to their parent by a column of their own,
an annotation stands in: `PARENT` is the parent itself, and conditions may use it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models.expressions import RawSQL

from ci_core.hydration import rows_of_sql

#: Inside the statement, the first value of the parent whose rows are being read.
PARENT: Final = RawSQL("parent.c0", (), output_field=models.BigIntegerField())

#: Names of the columns by which rows refer to a parent, and the values that a parent has there.
Columns: TypeAlias = tuple[str, ...]
Parent: TypeAlias = tuple[Any, ...]


def rows_per_parent(
    rows: models.QuerySet[Any], columns: Columns, parents: Iterable[Parent], order: Sequence[str], limit: int
) -> dict[Parent, list[Any]]:
    """The first `limit` rows of each parent, by parent."""
    wanted = list(dict.fromkeys(parents))
    try:
        sql, parameters = _of_parent(rows, columns, wanted).order_by(*order)[:limit].query.sql_with_params()
    except EmptyResultSet:
        return {}
    names, values = _parents(rows, columns, wanted)
    outer_order = ", ".join(f"row.{_ordered(rows, name)}" for name in order)
    statement = (
        f"SELECT row.* FROM {names} CROSS JOIN LATERAL ({sql}) AS row ORDER BY parent.place, {outer_order}"  # noqa: S608 - built by Django
    )
    by_parent: dict[Parent, list[Any]] = {}
    for row in rows_of_sql(rows.model, statement, [*values, *parameters]):
        by_parent.setdefault(tuple(getattr(row, column) for column in columns), []).append(row)
    return by_parent


def count_per_parent(
    rows: models.QuerySet[Any], columns: Columns, parents: Iterable[Parent], limit: int | None
) -> dict[Parent, int]:
    """How many rows each parent has; no further than one beyond `limit`."""
    wanted = list(dict.fromkeys(parents))
    inner = _of_parent(rows, columns, wanted).order_by().values("pk")
    if limit is not None:
        inner = inner[: limit + 1]
    try:
        sql, parameters = inner.query.sql_with_params()
    except EmptyResultSet:
        return {}
    names, values = _parents(rows, columns, wanted)
    statement = (
        f"SELECT parent.place, counted.total FROM {names} "  # noqa: S608 - built by Django
        f"CROSS JOIN LATERAL (SELECT count(*) AS total FROM ({sql}) AS one) AS counted"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, *parameters])
        return {wanted[place - 1]: total for place, total in cursor.fetchall()}


def _parents(
    rows: models.QuerySet[Any], columns: Columns, parents: Sequence[Parent]
) -> tuple[str, list[list[Any]]]:
    """The parents as rows `parent(c0, c1, ..., place)`, and the parameters of that."""
    arrays = ", ".join(f"%s::{_target(rows, column).rel_db_type(connection)}[]" for column in columns)
    names = ", ".join(f"c{number}" for number in range(len(columns)))
    values = [[parent[number] for parent in parents] for number in range(len(columns))]
    return f"unnest({arrays}) WITH ORDINALITY AS parent({names}, place)", values


def _of_parent(
    rows: models.QuerySet[Any], columns: Columns, parents: Sequence[Parent]
) -> models.QuerySet[Any]:
    for number, column in enumerate(columns):
        # The list of parents again, as constants: so the planner leaves out partitions that hold none of them.
        among = {f"{column}__in": sorted({parent[number] for parent in parents})}
        rows = rows.filter(**among, **{column: RawSQL(f"parent.c{number}", ())})  # noqa: S611 - a constant
    return rows


def column_field(rows: models.QuerySet[Any], column: str) -> Any:
    """The field of a column, or the one that describes the values of an annotation."""
    annotation = rows.query.annotations.get(column)
    return annotation.output_field if annotation is not None else rows.model._meta.get_field(column)


def _target(rows: models.QuerySet[Any], column: str) -> Any:
    field = column_field(rows, column)
    return field.target_field if field.is_relation else field


def _ordered(rows: models.QuerySet[Any], name: str) -> str:
    bare = name.lstrip("-")
    column = connection.ops.quote_name(
        bare if bare in rows.query.annotations else rows.model._meta.get_field(bare).column
    )
    return f"{column} DESC" if name.startswith("-") else column
