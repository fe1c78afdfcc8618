"""Owns the step from a field's arguments to a filtered queryset."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from django.db.models import QuerySet
from django_filters import FilterSet

from ci_core.errors import InvalidInput


def filtered(filter_set: type[FilterSet], rows: QuerySet[Any], **values: Any) -> QuerySet[Any]:
    """The rows that fit the values; None filters nothing. Raises InvalidInput for a value that cannot be used."""
    given = {name: _plain(value) for name, value in values.items() if value is not None}
    if not given:
        return rows
    applied = filter_set(given, queryset=rows)
    if not applied.is_valid():
        name, messages = next(iter(applied.errors.items()))
        raise InvalidInput(f"{name}: {' '.join(messages)}")
    found: QuerySet[Any] = applied.qs
    return found


def unless_narrowed(name: str, values: Mapping[str, Any]) -> str | None:
    """The name of a list of which no value filters anything; None for any other."""
    return name if all(value is None for value in values.values()) else None


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value
