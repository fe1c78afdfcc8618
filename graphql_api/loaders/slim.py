"""Owns reading rows without the columns that nobody asked for: what a document does not name stays in the database.

A row of Job takes 24 microseconds to read whole, as a model, and 2 to read like this: most columns of a long list are
never looked at, and a model's `__init__` costs more than the rest together. The rows are instances of their model all
the same; a column that was left out after all is fetched when it is read, by one statement a row, which the tests of
the fields would notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import models as django
from django.db.models.base import ModelState

from ci_core.hydration import Make, converters, made_of, maker, rows_of
from ci_core.prepared import fetch_planned, fetch_prepared, fetch_together
from ci_core.statements import Fetched, Statement, Value
from graphql_api.context import Context


@dataclass(frozen=True)
class Columns:
    """Which columns the fields of a type read.

    always: columns that much depends on, and that cost little. fields: what single fields read besides. otherwise: what
    is read for a field that is not among those, and is not named as a column: None for the whole row.
    """

    type_name: str
    model: type[django.Model]
    always: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]
    otherwise: tuple[str, ...] | None = None

    @cached_property
    def _all(self) -> frozenset[str]:
        return frozenset(column.attname for column in self.model._meta.concrete_fields)

    @cached_property
    def _unconverted(self) -> frozenset[str]:
        """The columns whose values are as psycopg gives them."""
        converted = converters(self.model)
        return frozenset(
            column.attname for column in self.model._meta.concrete_fields if column.column not in converted
        )

    @cached_property
    def _asked(self) -> Callable[[frozenset[str]], tuple[str, ...] | None]:
        """`_columns_of`, which remembers what it said."""
        return lru_cache(256)(self._columns_of)

    def asked(self, context: Context) -> tuple[str, ...] | None:
        """The columns that the operation needs; None for all of them."""
        fields = context.fields_of(self.type_name)
        return None if fields is None else self._asked(fields)

    def _columns_of(self, fields: frozenset[str]) -> tuple[str, ...] | None:
        columns = dict.fromkeys(self.always)
        for name in sorted(fields):
            if name in self.fields:
                columns.update(dict.fromkeys(self.fields[name]))
            elif name in self._all:
                columns[name] = None
            elif self.otherwise is None:
                return None
            else:
                columns.update(dict.fromkeys(self.otherwise))
        return tuple(columns)

    def read(self, context: Context, rows: django.QuerySet[Any]) -> Iterable[Any]:
        """The rows of a query, with the columns that the operation needs."""
        columns = self.asked(context)
        if columns is None:
            return rows_of(rows)
        values = rows.values_list(*columns)
        try:
            sql, parameters = values.query.sql_with_params()
        except EmptyResultSet:
            return []
        plain = self._unconverted.issuperset(columns)
        return _maker(self.model, columns)(fetch_planned(sql, parameters)[1] if plain else values)

    def read_sql(self, context: Context, sql: str, parameters: Sequence[Value]) -> list[Any]:
        """The rows of a statement with `{columns}` for its columns: for what is asked too often to build it anew."""
        asked = self.statement(context, sql, parameters)
        return asked.rows(fetch_prepared(asked.sql, asked.parameters))

    def statement(self, context: Context, sql: str, parameters: Sequence[Value]) -> Reading:
        """The same, to be read later."""
        columns = self.asked(context)
        if columns is None or not self._unconverted.issuperset(columns):
            return Reading(sql.format(columns="*"), parameters, partial(made_of, self.model))
        make = _maker(self.model, columns)
        return Reading(_with_columns(sql, columns), parameters, lambda fetched: make(fetched[1]))


@dataclass(frozen=True, slots=True)
class Reading:
    """A statement that is to be run, its values, and how rows are made of what it gives."""

    sql: str
    parameters: Sequence[Value]
    rows: Callable[[Fetched], list[Any]]


def read_together(readings: Sequence[Reading]) -> list[list[Any]]:
    """The rows of each of several statements, which are sent at once."""
    fetched = fetch_together([Statement.of(reading.sql, reading.parameters) for reading in readings])
    return [reading.rows(found) for reading, found in zip(readings, fetched, strict=True)]


@lru_cache(256)
def _with_columns(sql: str, columns: tuple[str, ...]) -> str:
    return sql.format(columns=", ".join(f'"{column}"' for column in columns))


class _Forgetful(dict[str, Any]):
    """Remembers nothing: the rows share it, and what one of them refers to is not what the others do."""

    def __setitem__(self, key: str, value: Any) -> None:
        """Nothing."""


class _Read(ModelState):
    """The state that all rows share: they came from the database."""

    db = "default"
    adding = False
    fields_cache = _Forgetful()


_READ: Final = _Read()


@lru_cache(256)
def _maker(model: type[django.Model], columns: tuple[str, ...]) -> Make:
    """Makes rows of their columns' values."""
    return maker(model, columns, _READ)
