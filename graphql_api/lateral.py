"""Owns reading a few rows for each of many parents with one statement.

Not the ORM: it has no LATERAL, and a window function would number all rows of a parent to give the first few.

Columns are fields of the rows' model or annotations. Where rows do not refer to their parent by a column of their own,
an annotation stands in: `PARENT` is the parent itself, and conditions may use it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models import F
from django.db.models.expressions import RawSQL

from ci_core.hydration import planned_rows
from ci_core.models.querysets import AnyOf
from ci_core.prepared import fetch_planned
from graphql_api.recent import Recent

#: Inside the statement, the first value of the parent whose rows are being read.
PARENT: Final = RawSQL("parent.c0", (), output_field=models.BigIntegerField())

#: Names of the columns by which rows refer to a parent, and the values that a parent has there.
Columns: TypeAlias = tuple[str, ...]
Parent: TypeAlias = tuple[Any, ...]
#: Statements that are kept.
KEPT: Final = 256


@dataclass(frozen=True, slots=True)
class _Values:
    """Stands among the parameters of a statement for the values that the parents have in one of the columns.

    single: it is the value of the only parent instead.
    """

    place: int
    single: bool = False

    def of(self, values: Sequence[list[Any]]) -> Any:
        """What it stands for, given all values of each column."""
        return values[self.place][0] if self.single else values[self.place]


@dataclass(frozen=True, slots=True)
class _Built:
    """A statement. parameters: with `_Values` in them."""

    sql: str
    parameters: tuple[Any, ...]

    def filled(self, values: Sequence[list[Any]]) -> list[Any]:
        """The parameters for parents with these values, column by column."""
        return [given.of(values) if isinstance(given, _Values) else given for given in self.parameters]


#: Statements by what they were built of.
_STATEMENTS: Final[Recent[_Built]] = Recent(KEPT)


def rows_per_parent(
    rows: models.QuerySet[Any],
    columns: Columns,
    parents: Iterable[Parent],
    order: Sequence[str],
    limit: int,
    *,
    only: Sequence[str] | None = None,
    kept_as: str | None = None,
) -> dict[Parent, list[Any]]:
    """The first `limit` rows of each parent, by parent.

    only: the columns that are read; None for all. kept_as: a name for the rows if the same name always stands for the
    same rows, of whatever parents. Their statement is built once, which takes Django longer than PostgreSQL to run it.
    It is planned for these parents each time: planned for any alike, it reads a large project's list whole. A range of
    parents in place of one does not help: of that, too, the planner thinks that it has few rows, and sorts them all.
    """
    wanted = list(dict.fromkeys(parents))
    if not wanted:
        return {}
    single = len(wanted) == 1
    key = (kept_as, columns, tuple(order), limit, None if only is None else tuple(only), single)
    built = _STATEMENTS.get(key) if kept_as is not None else None
    if built is None:
        try:
            built = _built(rows if only is None else rows.only(*only), columns, order, limit, single)
        except EmptyResultSet:
            return {}
        if kept_as is not None:
            _STATEMENTS.put(key, built, 1)
    found = planned_rows(rows.model, built.sql, built.filled(_values(columns, wanted)))
    if single:
        return {wanted[0]: found} if found else {}
    by_parent: dict[Parent, list[Any]] = {}
    for row in found:
        by_parent.setdefault(tuple(map(row.__dict__.__getitem__, columns)), []).append(row)
    return by_parent


def _built(
    rows: models.QuerySet[Any], columns: Columns, order: Sequence[str], limit: int, single: bool
) -> _Built:
    """The statement for the first rows of each parent. Raises EmptyResultSet."""
    if single and not any(column in rows.query.annotations for column in columns):
        return _Built(*_of_only_parent(rows, columns).order_by(*order)[:limit].query.sql_with_params())
    sql, parameters = _of_parent(rows, columns, single).order_by(*order)[:limit].query.sql_with_params()
    names, given = _parents(rows, columns, single)
    outer_order = ", ".join(f"row.{_ordered(rows, name)}" for name in order)
    statement = (
        f"SELECT row.* FROM {names} CROSS JOIN LATERAL ({sql}) AS row ORDER BY parent.place, {outer_order}"  # noqa: S608 - built by Django
    )
    return _Built(statement, (*given, *parameters))


def count_per_parent(
    rows: models.QuerySet[Any],
    columns: Columns,
    parents: Iterable[Parent],
    limit: int | None,
    *,
    kept_as: str | None = None,
) -> dict[Parent, int]:
    """How many rows each parent has; no further than one beyond `limit`. kept_as: as in `rows_per_parent`."""
    wanted = list(dict.fromkeys(parents))
    single = len(wanted) == 1
    key = ("count", kept_as, columns, limit, single)
    built = _STATEMENTS.get(key) if kept_as is not None else None
    if built is None:
        try:
            built = _built_count(rows, columns, limit, single)
        except EmptyResultSet:
            return {}
        if kept_as is not None:
            _STATEMENTS.put(key, built, 1)
    _, counted = fetch_planned(built.sql, built.filled(_values(columns, wanted)))
    return {wanted[place - 1]: total for place, total in counted}


def _built_count(rows: models.QuerySet[Any], columns: Columns, limit: int | None, single: bool) -> _Built:
    """Raises EmptyResultSet where no row can be meant."""
    inner = _of_parent(rows, columns, single).order_by().values("pk")
    if limit is not None:
        inner = inner[: limit + 1]
    sql, parameters = inner.query.sql_with_params()
    names, given = _parents(rows, columns, single)
    statement = (
        f"SELECT parent.place, counted.total FROM {names} "  # noqa: S608 - built by Django
        f"CROSS JOIN LATERAL (SELECT count(*) AS total FROM ({sql}) AS one) AS counted"
    )
    return _Built(statement, (*given, *parameters))


def _values(columns: Columns, parents: Sequence[Parent]) -> list[list[Any]]:
    """What the parents have in each of the columns."""
    return [[parent[place] for parent in parents] for place in range(len(columns))]


def _parents(rows: models.QuerySet[Any], columns: Columns, single: bool) -> tuple[str, list[_Values]]:
    """The parents as rows `parent(c0, c1, ..., place)`, and the parameters of that.

    A single one is a row of constants, in whose place the planner puts the constants themselves.
    """
    given = [_Values(place, single) for place in range(len(columns))]
    if single:
        constants = ", ".join(
            f"%s::{_kind(rows, column)} AS c{place}" for place, column in enumerate(columns)
        )
        return f"(SELECT {constants}, 1 AS place) AS parent", given
    arrays = ", ".join(f"%s::{_kind(rows, column)}[]" for column in columns)
    names = ", ".join(f"c{place}" for place in range(len(columns)))
    return f"unnest({arrays}) WITH ORDINALITY AS parent({names}, place)", given


def _of_only_parent(rows: models.QuerySet[Any], columns: Columns) -> models.QuerySet[Any]:
    """The rows of the only parent, whose values stand in the conditions: that is planned sooner than a join to it."""
    for place, column in enumerate(columns):
        value = RawSQL(f"%s::{_kind(rows, column)}", (_Values(place, single=True),))  # noqa: S611 - a type of Django's
        rows = rows.filter(**{column: value})
    return rows


def _of_parent(rows: models.QuerySet[Any], columns: Columns, single: bool) -> models.QuerySet[Any]:
    """The rows of one parent, to be joined to it. single: there is only one."""
    for place, column in enumerate(columns):
        if not single:
            # All parents again, for the planner: it leaves out partitions, and judges by how many rows they have.
            every = RawSQL(f"%s::{_kind(rows, column)}[]", (_Values(place),))  # noqa: S611 - a type of Django's
            rows = rows.filter(AnyOf(F(column), every))
        rows = rows.filter(**{column: RawSQL(f"parent.c{place}", ())})  # noqa: S611 - a constant
    return rows


def _kind(rows: models.QuerySet[Any], column: str) -> str:
    """The type of a column in SQL."""
    return str(_target(rows, column).rel_db_type(connection))


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
