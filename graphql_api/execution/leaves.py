"""Owns the writing of scalars and enums, a whole column at a time.

Most columns hold what may stand in the response as it is, which one pass over the types of the values tells. The
others go value by value through the same functions as in graphql-core, and fail with the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, Final, TypeAlias

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLString,
    Undefined,
    is_list_type,
    is_non_null_type,
)
from graphql.pyutils import inspect, is_iterable

#: Tells an error at keys below the place of the value.
Report: TypeAlias = Callable[[Exception, tuple[int, ...]], None]

MAX_INT: Final = 2**31 - 1
_AS_THEY_ARE: Final[Mapping[Any, type]] = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}


class Failed(Exception):
    """A value that cannot be written, and what null would stand for; to be told by whoever may place a null."""

    def __init__(self, error: Exception, keys: tuple[int, ...]) -> None:
        super().__init__(str(error))
        self.error = error
        self.keys = keys


class LeafType:
    """How values of a type are written: a scalar, an enum, or lists of them. place: `Type.field`, for messages."""

    def __init__(self, type_: GraphQLOutputType, place: str) -> None:
        self._type = type_
        self._place = place
        self._nullable = nullable = not is_non_null_type(type_)
        named: Any = type_ if nullable else type_.of_type  # type: ignore[union-attr]
        self._coerce = named.coerce_output_value if isinstance(named, GraphQLScalarType) else None
        #: Writes a whole column, for scalars that know how; None of it what they would have to look at one by one.
        self._write_column = getattr(self._coerce, "column", None)
        self._plain: frozenset[type] | None = None
        self._names: dict[Any, str | None] | None = None
        self._whole = named is GraphQLInt and not nullable
        if kind := _plain(named):
            self._plain = frozenset({kind, NoneType} if nullable else {kind})
        elif isinstance(named, GraphQLEnumType):
            self._names = {
                value.value: name for name, value in named.values.items() if _hashable(value.value)
            }
            self._names.pop(None, None)
            if nullable:
                self._names[None] = None

    def column(self, values: list[Any]) -> list[Any] | None:
        """All values as they are written; None if they have to be looked at one by one."""
        if self._plain is not None:
            if self._plain.issuperset(map(type, values)):
                return values
            return self._coerced(values, str) if self._coerce is str else None
        if self._names is not None:
            names = self._names
            try:
                return [names[value] for value in values]
            except (KeyError, TypeError):
                return None
        if self._whole and {int}.issuperset(map(type, values)):
            return values if not values or (max(values) <= MAX_INT and min(values) >= ~MAX_INT) else None
        if self._write_column and (self._nullable or None not in values):
            written: list[Any] | None = self._write_column(values)
            if written is not None:
                return written
        return self._coerced(values, self._coerce) if self._coerce else None

    def _coerced(self, values: list[Any], coerce: Callable[[Any], Any]) -> list[Any] | None:
        kinds = set(map(type, values))
        nulls = NoneType in kinds
        if type(Undefined) in kinds or any(issubclass(kind, Exception) for kind in kinds):
            return None
        if nulls and not self._nullable:
            return None
        try:
            written = [None if value is None else coerce(value) for value in values]
        except Exception:
            # Which value it was is told when they are looked at one by one.
            return None
        # A value that comes out as null is an error.
        came_out = set(map(type, written))
        unwritten = type(Undefined) in came_out or (NoneType in came_out and not nulls)
        if unwritten or (nulls and written.count(None) != values.count(None)):
            return None
        return written

    def value(self, value: Any, report: Report) -> Any:
        """One value as it is written. Raises Failed where there is no place for null in it."""
        return self._written(self._type, value, (), report)

    def _written(self, type_: Any, value: Any, keys: tuple[int, ...], report: Report) -> Any:
        try:
            if isinstance(value, Exception):
                raise value
            nullable = not is_non_null_type(type_)
            inner = type_ if nullable else type_.of_type
            if value is None or value is Undefined:
                if nullable:
                    return None
                raise TypeError(f"Cannot return null for non-nullable field {self._place}.")
            if is_list_type(inner):
                return self._list(inner.of_type, value, keys, report)
            return _written(inner, value)
        except Failed:
            raise
        except Exception as error:
            raise Failed(error, keys) from None

    def _list(self, item_type: Any, value: Any, keys: tuple[int, ...], report: Report) -> list[Any]:
        if not is_iterable(value):
            raise GraphQLError(f"Expected Iterable, but did not find one for field '{self._place}'.")
        written: list[Any] = []
        for place, item in enumerate(value):
            try:
                written.append(self._written(item_type, item, (*keys, place), report))
            except Failed as failed:
                if is_non_null_type(item_type):
                    raise
                report(failed.error, failed.keys)
                written.append(None)
        return written


def _plain(named: Any) -> type | None:
    """The type of Python whose values may stand in a response as they are."""
    if named in _AS_THEY_ARE:
        return _AS_THEY_ARE[named]
    is_text = isinstance(named, GraphQLScalarType) and named.coerce_output_value is str
    return str if is_text else None


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _written(type_: GraphQLLeafType, value: Any) -> Any:
    written = type_.coerce_output_value(value)
    if written is Undefined or written is None:
        raise TypeError(
            f"Expected `{inspect(type_)}.coerce_output_value({inspect(value)})` to return non-nullable value, "
            f"returned: {inspect(written)}"
        )
    return written
