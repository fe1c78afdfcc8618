"""Owns the kinds of fields that types are made of.

leaf: read from the parent, without the database. batched: one call for all parents. rooted: no parent, once a field.
Each keeps its function as an attribute (`read`, `batch`), so that an executor that goes through a document level by
level can call it for a whole level itself; until then `get_result` serves graphql-core, object by object.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from functools import cached_property
from operator import attrgetter
from typing import Any

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import ReservedName, StrawberryResolver
from strawberry.types.unset import UNSET

from ci_core.errors import InvalidInput
from graphql_api.batching import BatchFunction


class LeafField(StrawberryField):
    """A field that is read from its parent without the database."""

    read: Callable[[Any], Any] | None = None

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:
        """The value for one parent."""
        return self.read(source) if self.read else getattr(source, self.python_name)

    def __copy__(self) -> LeafField:
        copied = super().__copy__()
        copied.read = self.read
        return copied


class _BatchResolver(StrawberryResolver[Any]):
    """Reads a batch function's arguments from its signature; `parents` and `info` are not among them."""

    RESERVED_PARAMSPEC = (*StrawberryResolver.RESERVED_PARAMSPEC, ReservedName("parents"))

    @cached_property
    def arguments(self) -> list[StrawberryArgument]:
        """The field's arguments; an optional one has no default in the schema, the function has it."""
        found = super().arguments
        for given in found:
            given.default = UNSET if given.default is None else given.default
        return found


class BatchedField(StrawberryField):
    """A field whose function answers for a list of parents."""

    @property
    def batch(self) -> BatchFunction:
        """`(parents, info, **arguments) -> values`."""
        assert self.base_resolver is not None
        function: BatchFunction = self.base_resolver.wrapped_func  # type: ignore[assignment]
        return function

    def at_hand(self, parent: Any) -> bool:
        """Whether the value for this parent can be had at once, without the database and without arguments."""
        return False

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:
        """The value for one parent, or its future."""
        if self.at_hand(source):
            return self.batch([source], info)[0]
        kwargs.pop("info", None)
        refuse_nul(kwargs)
        return info.context.batches.load(self.batch, info, source, kwargs)


class RootedField(StrawberryField):
    """A field of a root type: its function takes no parents and is called once for each time it is asked for."""

    @property
    def function(self) -> Callable[..., Any]:
        """`(info, **arguments) -> value`."""
        assert self.base_resolver is not None
        function: Callable[..., Any] = self.base_resolver.wrapped_func  # type: ignore[assignment]
        return function

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Any:
        """The future value."""
        kwargs.pop("info", None)
        refuse_nul(kwargs)
        function = self.function

        def once(parents: list[Any], info: Any, **arguments: Any) -> list[Any]:
            return [function(info, **arguments)]

        return info.context.batches.load(once, info, source, kwargs)


def leaf(
    type_: Any,
    description: str,
    read: Callable[[Any], Any] | str | None = None,
    *,
    name: str | None = None,
    deprecated: str | None = None,
) -> Any:
    """A field that is read from its parent: by `read`, or from the attribute of that name (default: the field's)."""
    field = LeafField(
        graphql_name=name,
        type_annotation=StrawberryAnnotation(type_),
        description=description,
        deprecation_reason=deprecated,
    )
    field.read = attrgetter(read) if isinstance(read, str) else read
    return field


def batched(
    type_: Any,
    function: BatchFunction,
    description: str,
    *,
    name: str | None = None,
    deprecated: str | None = None,
    of: type[BatchedField] = BatchedField,
) -> Any:
    """A field whose function takes all parents at once; its further parameters are the field's arguments."""
    return _with_resolver(of, type_, function, description, name, deprecated)


def rooted(type_: Any, function: Callable[..., Any], description: str, *, name: str | None = None) -> Any:
    """A field of Query or Mutation."""
    return _with_resolver(RootedField, type_, function, description, name, None)


def _with_resolver(
    kind: type[StrawberryField],
    type_: Any,
    function: Callable[..., Any],
    description: str,
    name: str | None,
    deprecated: str | None,
) -> StrawberryField:
    namespace = sys.modules[function.__module__].__dict__
    return kind(
        graphql_name=name,
        type_annotation=StrawberryAnnotation(type_, namespace=namespace),
        description=description,
        base_resolver=_BatchResolver(function),
        deprecation_reason=deprecated,
    )


def told_by(row_class: type) -> Callable[[Any, Any], bool]:
    """`is_type_of` of a type whose objects are told from others by their class."""

    def is_type_of(row: Any, info: Any) -> bool:
        return isinstance(row, row_class)

    is_type_of.row_class = row_class  # type: ignore[attr-defined]
    return is_type_of


def refuse_nul(value: Any) -> None:
    """Raises InvalidInput for text that PostgreSQL cannot hold."""
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidInput("Text must not contain the character NUL.")
    elif isinstance(value, list):
        for item in value:
            refuse_nul(item)
    elif isinstance(value, dict):
        refuse_nul(list(value.values()))
    elif dataclasses.is_dataclass(value):
        refuse_nul(list(vars(value).values()))


def argument(description: str, *, name: str | None = None) -> Any:
    """Metadata of an argument, for `Annotated`."""
    return strawberry.argument(description=description, name=name)
