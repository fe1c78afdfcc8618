"""Owns reading rows without the columns that nobody asked for: what a document does not name stays in the database.

A row of Job takes 24 microseconds to read whole, as a model, and 2 to read like this: most columns of a long list are
never looked at, and a model's `__init__` costs more than the rest together. The rows are instances of their model all
the same; a column that was left out after all is fetched when it is read, by one statement a row, which the tests of
the fields would notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from django.db import models as django
from django.db.models.base import ModelState

from graphql_api.context import Context


@dataclass(frozen=True)
class Columns:
    """Which columns the fields of a type read.

    always: columns that much depends on, and that cost little. fields: what single fields read besides; a field that
    is not here and is not named as a column reads the whole row.
    """

    type_name: str
    model: type[django.Model]
    always: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]

    @cached_property
    def _all(self) -> frozenset[str]:
        return frozenset(column.attname for column in self.model._meta.concrete_fields)

    def asked(self, context: Context) -> tuple[str, ...] | None:
        """The columns that the operation needs; None for all of them."""
        fields = context.fields_of(self.type_name)
        if fields is None:
            return None
        columns = dict.fromkeys(self.always)
        for name in sorted(fields):
            if name in self.fields:
                columns.update(dict.fromkeys(self.fields[name]))
            elif name in self._all:
                columns[name] = None
            else:
                return None
        return tuple(columns)

    def read(self, context: Context, rows: django.QuerySet[Any]) -> Iterable[Any]:
        """The rows of a query, with the columns that the operation needs."""
        columns = self.asked(context)
        if columns is None:
            return rows
        return [_row(self.model, columns, values) for values in rows.values_list(*columns)]


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


def _row(model: type[django.Model], columns: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    row = model.__new__(model)
    row.__dict__ = dict(zip(columns, values, strict=True), _state=_READ)
    return row
