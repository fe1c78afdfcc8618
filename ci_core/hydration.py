"""Owns making rows of models out of what a statement gives, without the models' `__init__`.

Django takes 24 microseconds for a row of Job, most of them in `__init__` and in reading moments by a loader in Python;
this takes 3. The rows are instances of their models in every way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models.base import ModelState

from ci_core.prepared import fetch_planned, fetch_prepared
from ci_core.statements import Fetched, Value

#: Makes rows of the values of their columns.
Make = Callable[[Iterable[tuple[Any, ...]]], list[Any]]


class _Stored(ModelState):
    """The state of a row that came from the database."""

    db = "default"
    adding = False


def rows_of(rows: models.QuerySet[Any]) -> list[Any]:
    """The rows of a query with all columns of its model, and without annotations."""
    try:
        sql, parameters = rows.query.sql_with_params()
    except EmptyResultSet:
        return []
    return planned_rows(rows.model, sql, parameters)


def planned_rows(model: type[models.Model], sql: str, parameters: Sequence[Any]) -> list[Any]:
    """The rows that a statement gives, as `made_of` has them."""
    return made_of(model, fetch_planned(sql, parameters))


def prepared_rows(model: type[models.Model], sql: str, parameters: Sequence[Value]) -> list[Any]:
    """The same for a statement that is one of a few constants (`ci_core.prepared`)."""
    return made_of(model, fetch_prepared(sql, parameters))


def made_of(model: type[models.Model], fetched: Fetched) -> list[Any]:
    """The rows that a statement gave; what is no column of the model becomes an attribute."""
    names, found = fetched
    return _maker(model, names)(found)


def joined_rows(
    sources: tuple[tuple[type[models.Model], str], ...], tail: str, parameters: Sequence[Value]
) -> list[tuple[Any, ...]]:
    """Rows of several models that one prepared statement joins, side by side.

    sources: the models, and the aliases that they have in `tail`, which is the statement from its FROM on.
    """
    statement, parts = _joined(sources, tail)
    _, found = fetch_prepared(statement, parameters)
    return list(zip(*(make([row[of_it] for row in found]) for make, of_it in parts), strict=True))


@lru_cache(64)
def _joined(
    sources: tuple[tuple[type[models.Model], str], ...], tail: str
) -> tuple[str, list[tuple[Make, slice]]]:
    """The statement, and how rows of each model are made of which of its columns."""
    listed, parts, start = [], [], 0
    for model, alias in sources:
        names = tuple(field.column for field in model._meta.concrete_fields)
        listed += [f'{alias}."{name}"' for name in names]
        parts.append((_maker(model, names), slice(start, start + len(names))))
        start += len(names)
    return f"SELECT {', '.join(listed)} {tail}", parts


def converters(model: type[models.Model]) -> dict[str, Callable[..., Any]]:
    """By name of the column, what Django makes of its values; columns whose values it leaves alone are not in it."""
    return {
        str(field.column): field.from_db_value  # type: ignore[attr-defined]
        for field in model._meta.concrete_fields
        if field.get_db_converters(connection)
    }


@lru_cache(1024)
def _maker(model: type[models.Model], names: tuple[str, ...]) -> Make:
    attributes = {field.column: field.attname for field in model._meta.concrete_fields}
    known = tuple(attributes.get(name, name) for name in names)
    converting = converters(model)
    converted = [(known[place], converting[name]) for place, name in enumerate(names) if name in converting]
    make = maker(model, known, _Stored)
    if not converted:
        return make

    def make_and_convert(values: Iterable[tuple[Any, ...]]) -> list[Any]:
        rows = make(values)
        for row in rows:
            columns = row.__dict__
            for name, convert in converted:
                columns[name] = convert(columns[name], None, connection)
        return rows

    return make_and_convert


def maker(
    model: type[models.Model], attributes: Sequence[str], state: Callable[[], ModelState] | ModelState
) -> Make:
    """A function, compiled for it, that makes rows with these attributes. state: gives each row its own, or is all's.

    A display with constant keys takes a third of the time of `dict(zip(attributes, values))`. Only the `repr` of the
    attributes gets into the source; they are names of columns.
    """
    names = [f"v{place}" for place in range(len(attributes))]
    items = ", ".join(f"{attribute!r}: {name}" for attribute, name in zip(attributes, names, strict=True))
    given = "state()" if callable(state) else "state"
    source = f"""
def make(values):
    rows = []
    append = rows.append
    for {", ".join(names)}, in values:
        row = new(model)
        row.__dict__ = {{{items}, "_state": {given}}}
        append(row)
    return rows
"""
    space: dict[str, Any] = {"new": model.__new__, "model": model, "state": state}
    exec(source, space)  # noqa: S102 - see above
    made: Make = space["make"]
    return made
