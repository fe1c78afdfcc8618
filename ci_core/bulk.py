"""Writes many new rows of a model with COPY, the quickest way into PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from operator import attrgetter
from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models

#: Fields whose values psycopg takes as they are, so that Django need not look at each of them.
_PLAIN: Final = (
    models.AutoField,
    models.BooleanField,
    models.CharField,
    models.DateTimeField,
    models.ForeignKey,
    models.IntegerField,
    models.TextField,
)


def copy_rows(rows: Sequence[models.Model]) -> None:
    """Inserts new rows of one model, in the caller's transaction. Every column but database defaults is written."""
    if not rows:
        return
    target, names, fields = _layout(type(rows[0]))
    values: Iterator[Sequence[Any]] = map(attrgetter(*names), rows)
    if fields:
        values = (_prepared(row, fields) for row in values)
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
        write: Callable[[Sequence[Any]], None] = copy.write_row
        for row in values:
            write(row)


def copy_values(model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Inserts new rows given as plain values of the named attributes, in the caller's transaction.

    The other columns get their defaults. Values must be as the database takes them: of JSON its text. The text of any
    other value will do as well, and is quicker for lists and times that many rows share.
    """
    with copying_values(model, names, rows):
        pass


@contextmanager
def copying_values(
    model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> Iterator[None]:
    """The same as `copy_values`; the block runs while the database takes in the last rows, and asks it nothing.

    Rows that are made one by one are sent as they come, so that the database is at work on them all the while.
    """
    target, columns, fields = _given(model, tuple(names))
    rest = tuple(field.get_db_prep_save(field.get_default(), connection) for field in fields)
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row((*row, *rest))
        yield


def array_text(values: Iterable[str]) -> str:
    """A list of texts as the database writes arrays."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


@cache
def _given(
    model: type[models.Model], names: tuple[str, ...]
) -> tuple[str, str, tuple[models.Field[Any, Any], ...]]:
    """Table, columns, and the fields after the named ones, which get their defaults."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    ordered = [fields.pop(name) for name in names]
    rest = [
        field
        for field in fields.values()
        if not field.has_db_default() and not isinstance(field, models.AutoField)
    ]
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in (*ordered, *rest))
    return connection.ops.quote_name(model._meta.db_table), columns, tuple(rest)


@cache
def _layout(model: type[models.Model]) -> tuple[str, tuple[str, ...], dict[int, models.Field[Any, Any]]]:
    """Table and columns of a model, its attributes in that order, and which of them Django must prepare."""
    fields = [field for field in model._meta.concrete_fields if not field.has_db_default()]
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    table = connection.ops.quote_name(model._meta.db_table)
    names = tuple(field.attname for field in fields)
    special = {index: field for index, field in enumerate(fields) if not _is_plain(field)}
    return f"{table} ({columns})", names, special


def _is_plain(field: models.Field[Any, Any]) -> bool:
    return isinstance(field, _PLAIN) or (
        isinstance(field, ArrayField) and isinstance(field.base_field, _PLAIN)
    )


def _prepared(row: Sequence[Any], fields: dict[int, models.Field[Any, Any]]) -> list[Any]:
    values = list(row)
    for index, field in fields.items():
        values[index] = field.get_db_prep_save(values[index], connection)
    return values
